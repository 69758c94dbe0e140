// What a retention policy did, or would do: runs, and what each kept of every repository.
import { Badge, Button, Group, Stack, Table, Text } from "@mantine/core";
import { IconFlask, IconPlayerPlay } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, body, created, type Model, page } from "@/api/client";
import { Confirm, Failure, Panel, Time, useChange } from "@/look/parts";
import { useText } from "@/text";

type Run = Model<"RetentionExecution">;

/** While one runs, it is looked at often. */
const interval = (runs: Run[] | undefined) =>
  runs?.some((run) => ["Running", "InProgress"].includes(run.status)) ? 2_000 : 10_000;

export function RetentionRuns({ id, canRun }: { id: number; canRun: boolean }) {
  const { t } = useText();
  const [isAsking, setAsking] = useState(false);
  const [opened, setOpened] = useState<number | null>(null);
  const path = { id };
  const found = useQuery({
    queryKey: ["retention-runs", id],
    refetchInterval: (query) => interval(query.state.data?.items),
    queryFn: () =>
      page(api.GET("/api/v2.0/retentions/{id}/executions", { params: { path, query: { page_size: 10 } } })),
  });
  const start = (dry_run: boolean) =>
    created(api.POST("/api/v2.0/retentions/{id}/executions", { params: { path }, body: { dry_run } }));
  const dryRun = useChange(() => start(true), t.retention.started);
  const runs = found.data?.items ?? [];
  return (
    <Panel
      title={t.retention.runs}
      aside={
        canRun && (
          <Group gap="xs">
            <Button
              size="xs"
              variant="default"
              leftSection={<IconFlask size={14} />}
              loading={dryRun.isPending}
              onClick={() => dryRun.mutate()}
            >
              {t.retention.dryRun}
            </Button>
            <Button size="xs" leftSection={<IconPlayerPlay size={14} />} onClick={() => setAsking(true)}>
              {t.retention.run}
            </Button>
          </Group>
        )
      }
    >
      <Failure error={found.error ?? dryRun.error} />
      {found.data && runs.length === 0 && (
        <Text size="sm" c="dimmed">
          {t.retention.noRuns}
        </Text>
      )}
      <Stack gap="xs">
        {runs.map((run) => (
          <Stack key={run.id} gap={4}>
            <Group gap="sm">
              <Badge variant="light" tt="none" color={run.status === "Failed" ? "red" : "teal"}>
                {run.status}
              </Badge>
              {run.dry_run && (
                <Badge variant="default" tt="none">
                  {t.retention.dryRun}
                </Badge>
              )}
              <Text size="sm">
                <Time time={run.start_time} />
              </Text>
              <Text size="sm" c="dimmed">
                {t.retention.trigger}: {run.trigger}
              </Text>
              <Button
                size="compact-xs"
                variant="subtle"
                aria-expanded={opened === run.id}
                onClick={() => setOpened(opened === run.id ? null : run.id)}
              >
                {t.retention.details}
              </Button>
            </Group>
            {opened === run.id && <Tasks id={id} run={run} />}
          </Stack>
        ))}
      </Stack>
      <Confirm
        isOpen={isAsking}
        title={t.retention.run}
        confirm={t.retention.run}
        done={t.retention.started}
        onClose={() => setAsking(false)}
        act={() => start(false)}
      >
        {t.retention.runHint}
      </Confirm>
    </Panel>
  );
}

function Tasks({ id, run }: { id: number; run: Run }) {
  const { t, format } = useText();
  const found = useQuery({
    queryKey: ["retention-tasks", id, run.id, run.status],
    queryFn: () =>
      body(
        api.GET("/api/v2.0/retentions/{id}/executions/{eid}/tasks", {
          params: { path: { id, eid: run.id }, query: { page_size: 100 } },
        }),
      ),
  });
  return (
    <>
      <Failure error={found.error} />
      <Table aria-label={t.retention.details}>
        <Table.Tbody>
          {found.data?.map((task) => (
            <Table.Tr key={task.id}>
              <Table.Td className="code">{task.repository}</Table.Td>
              <Table.Td>{t.retention.keptOf(format.number(task.retained), format.number(task.total))}</Table.Td>
              <Table.Td>{task.status}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </>
  );
}
