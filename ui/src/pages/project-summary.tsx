// A project at a glance.
import { Anchor, Group, Progress, SimpleGrid, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { api, body } from "@/api/client";
import { Failure, Health, Panel, Time } from "@/look/parts";
import { useText } from "@/text";
import type { TabProps } from "./project";
import { providerName } from "./providers";

export function ProjectSummary({ project }: TabProps) {
  const { t, format } = useText();
  const path = { project: String(project.project_id) };
  const found = useQuery({
    queryKey: ["summary", project.project_id],
    refetchInterval: 5_000,
    queryFn: () => body(api.GET("/api/v2.0/projects/{project}/summary", { params: { path } })),
  });
  const newest = useQuery({
    queryKey: ["repositories", project.name, "newest"],
    refetchInterval: 5_000,
    queryFn: () => {
      const query = { sort: "-update_time", page_size: 5 };
      return body(
        api.GET("/api/v2.0/projects/{project}/repositories", { params: { path: { project: project.name }, query } }),
      );
    },
  });
  if (found.error) return <Failure error={found.error} />;
  const summary = found.data;
  if (!summary) return null;
  const roles: [keyof typeof t.roles, number | undefined][] = [
    [1, summary.project_admin_count],
    [4, summary.maintainer_count],
    [2, summary.developer_count],
    [3, summary.guest_count],
    [5, summary.limited_guest_count],
  ];
  const counted = roles.filter(([, count]) => count !== undefined);
  const hard = summary.quota?.hard.storage ?? -1;
  const used = summary.quota?.used.storage ?? 0;
  const share = hard > 0 ? Math.min(1, used / hard) : 0;
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }}>
      {summary.registry && (
        <Panel title={t.projects.endpoint} aside={<Health status={summary.registry.status} />}>
          <Text fw={600}>{summary.registry.name}</Text>
          <Text size="sm" c="dimmed" className="code">
            {providerName(summary.registry.type)} · {summary.registry.url}
          </Text>
        </Panel>
      )}
      <Panel title={t.project.quota}>
        <Text fz={26} fw={700}>
          {format.size(used)}
        </Text>
        <Text size="sm" c="dimmed">
          {t.project.usage(format.size(used), hard < 0 ? t.common.unlimited : format.size(hard))}
        </Text>
        {hard > 0 && (
          <Progress
            mt="xs"
            value={share * 100}
            color={share > 0.9 ? "red" : "sea"}
            aria-label={format.percent(share)}
          />
        )}
      </Panel>
      <Panel title={t.project.newest}>
        <Stack gap="xs">
          {newest.data?.length === 0 && (
            <Text size="sm" c="dimmed">
              {t.repositories.none}
            </Text>
          )}
          {newest.data?.map((repository) => {
            const short = repository.name.slice(project.name.length + 1);
            return (
              <Group key={repository.id} justify="space-between" wrap="nowrap">
                <Anchor
                  component={Link}
                  to={`/harbor/projects/${project.project_id}/repositories/${encodeURIComponent(short)}`}
                  size="sm"
                  className="code"
                >
                  {short}
                </Anchor>
                <Text size="sm" c="dimmed">
                  <Time time={repository.update_time} />
                </Text>
              </Group>
            );
          })}
        </Stack>
      </Panel>
      {counted.length > 0 && (
        <Panel title={t.project.memberCount}>
          <Stack gap={4}>
            <Text size="sm">
              {t.project.owner}: {project.owner_name}
            </Text>
            {counted.map(([role, count]) => (
              <Text key={role} size="sm">
                {t.roles[role]}: {format.number(count ?? 0)}
              </Text>
            ))}
          </Stack>
        </Panel>
      )}
    </SimpleGrid>
  );
}
