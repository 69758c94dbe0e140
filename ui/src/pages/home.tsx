// The start: what is here, whether upstreams answer, and what happened last. On an empty server, what to do first.
import { Anchor, Badge, Button, Card, Group, SimpleGrid, Stack, Stepper, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { api, body } from "@/api/client";
import { Failure, Heading, Health, Panel, Time } from "@/look/parts";
import { useMay } from "@/session";
import { useText } from "@/text";
import { ProviderName } from "./providers";
import { RateLimits } from "./rate-limits";

const OFTEN = 5_000;

export function Home() {
  const { t } = useText();
  const may = useMay();
  return (
    <>
      <Heading title={t.home.title} about={t.home.about} />
      <Stack>
        <Figures />
        {may("registry", "list") && <Upstreams />}
        <Events />
      </Stack>
    </>
  );
}

function Figures() {
  const { t, format } = useText();
  const may = useMay();
  const statistics = useQuery({
    queryKey: ["statistics"],
    refetchInterval: OFTEN,
    queryFn: () => body(api.GET("/api/v2.0/statistics")),
  });
  const disk = useQuery({
    queryKey: ["volumes"],
    enabled: may("system-volumes", "read"),
    refetchInterval: 30_000,
    queryFn: () => body(api.GET("/api/v2.0/systeminfo/volumes")),
  });
  if (statistics.error) return <Failure error={statistics.error} />;
  const counts = statistics.data;
  const number = (value: number | undefined) => (value === undefined ? "–" : format.number(value));
  const sum = (one: number | undefined, other: number | undefined) =>
    counts && format.number((one ?? 0) + (other ?? 0));
  const volume = disk.data?.storage[0];
  return (
    <SimpleGrid cols={{ base: 1, xs: 3 }}>
      <Figure
        label={t.home.projects}
        value={sum(counts?.public_project_count, counts?.private_project_count)}
        note={t.home.ofThem(number(counts?.public_project_count), number(counts?.private_project_count))}
      />
      <Figure
        label={t.home.repositories}
        value={sum(counts?.public_repo_count, counts?.private_repo_count)}
        note={t.home.ofThem(number(counts?.public_repo_count), number(counts?.private_repo_count))}
      />
      {may("system-volumes", "read") && (
        <Figure
          label={t.home.storage}
          value={counts && format.size(counts.total_storage_consumption)}
          note={volume && t.home.disk(format.size(volume.free), format.size(volume.total))}
        />
      )}
    </SimpleGrid>
  );
}

function Figure({ label, value, note }: { label: string; value: ReactNode; note: ReactNode }) {
  return (
    <Card withBorder padding="lg">
      <Text size="sm" c="dimmed" fw={500}>
        {label}
      </Text>
      <Text fz={30} fw={700} lh={1.3}>
        {value ?? "–"}
      </Text>
      <Text size="xs" c="dimmed">
        {note}
      </Text>
    </Card>
  );
}

function Upstreams() {
  const { t } = useText();
  const found = useQuery({
    queryKey: ["registries", "home"],
    refetchInterval: OFTEN,
    queryFn: () => body(api.GET("/api/v2.0/registries", { params: { query: { page_size: 20, sort: "name" } } })),
  });
  if (found.error) return <Failure error={found.error} />;
  if (!found.data) return null;
  if (found.data.length === 0) return <FirstSteps />;
  return (
    <Panel
      title={t.home.endpoints}
      aside={
        <Anchor component={Link} to="/harbor/registries" size="sm">
          {t.home.all}
        </Anchor>
      }
    >
      <SimpleGrid cols={{ base: 1, sm: 2, xl: 3 }}>
        {found.data.map((endpoint) => (
          <Card key={endpoint.id} withBorder padding="md">
            <Group justify="space-between" align="flex-start" wrap="nowrap">
              <Stack gap={0} miw={0}>
                <Text fw={600} truncate>
                  {endpoint.name}
                </Text>
                <Text c="dimmed" size="sm" component="div">
                  <ProviderName type={endpoint.type} />
                </Text>
              </Stack>
              <Health status={endpoint.status} />
            </Group>
            {endpoint.status_reason && (
              <Text size="xs" mt="xs" className="code">
                {endpoint.status_reason}
              </Text>
            )}
            {(endpoint.rate_limit?.length ?? 0) > 0 && (
              <div style={{ marginTop: 8 }}>
                <RateLimits limits={endpoint.rate_limit} />
              </div>
            )}
          </Card>
        ))}
      </SimpleGrid>
    </Panel>
  );
}

function FirstSteps() {
  const { t } = useText();
  return (
    <Panel title={t.home.start}>
      <Stepper active={0} orientation="vertical" size="sm" mb="lg">
        <Stepper.Step label={t.home.step1} component="div" />
        <Stepper.Step label={t.home.step2} component="div" />
        <Stepper.Step label={t.home.step3} component="div" />
      </Stepper>
      <Button component={Link} to="/harbor/registries">
        {t.home.firstEndpoint}
      </Button>
    </Panel>
  );
}

function Events() {
  const { t } = useText();
  const found = useQuery({
    queryKey: ["events", "home"],
    refetchInterval: OFTEN,
    queryFn: () => body(api.GET("/api/v2.0/auditlog-exts", { params: { query: { page_size: 8 } } })),
  });
  if (found.error) return <Failure error={found.error} />;
  return (
    <Panel
      title={t.home.events}
      aside={
        <Anchor component={Link} to="/harbor/logs/audit-log" size="sm">
          {t.home.all}
        </Anchor>
      }
    >
      {found.data?.length === 0 && (
        <Text size="sm" c="dimmed">
          {t.home.noEvents}
        </Text>
      )}
      {(found.data?.length ?? 0) > 0 && (
        <Table.ScrollContainer
          minWidth={460}
          scrollAreaProps={{ viewportProps: { tabIndex: 0, role: "region", "aria-label": t.home.events } }}
        >
          <Table horizontalSpacing="xs" verticalSpacing={8} aria-label={t.home.events}>
            <Table.Tbody>
              {found.data?.map((event) => (
                <Table.Tr key={event.id}>
                  <Table.Td w={140}>
                    <Text size="sm" c="dimmed">
                      <Time time={event.op_time} />
                    </Text>
                  </Table.Td>
                  <Table.Td>
                    <Text size="sm" lineClamp={1} className="code" title={event.operation_description}>
                      {event.operation_description}
                    </Text>
                  </Table.Td>
                  <Table.Td w={120}>
                    <Text size="sm">{event.username || t.logs.stranger}</Text>
                  </Table.Td>
                  <Table.Td w={80} ta="right">
                    <Badge size="sm" variant="light" tt="none" color={event.operation_result ? "teal" : "red"}>
                      {event.operation_result ? t.logs.done : t.logs.failed}
                    </Badge>
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </Panel>
  );
}
