// What is found by a part of its name, by everyone who may see it.
import { Anchor, Badge, Group, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useSearchParams } from "react-router";
import { api, body } from "@/api/client";
import { Failure, Heading, Panel } from "@/look/parts";
import { useMe } from "@/session";
import { useText } from "@/text";
import { Waiting } from "./project";

export function Search() {
  const { t, format } = useText();
  const me = useMe();
  const [params] = useSearchParams();
  const q = params.get("q") ?? "";
  const found = useQuery({
    queryKey: ["search", q, me?.user_id],
    enabled: q !== "",
    queryFn: () => body(api.GET("/api/v2.0/search", { params: { query: { q } } })),
  });
  const nothing = (
    <Text size="sm" c="dimmed">
      {t.common.nothingFound}
    </Text>
  );
  return (
    <>
      <Heading title={q ? t.search.results(q) : t.search.title} about={q ? undefined : t.search.hint} />
      {found.error && <Failure error={found.error} />}
      {found.isLoading && <Waiting />}
      {found.data && (
        <Stack>
          <Panel title={t.search.projects}>
            {found.data.project.length === 0 && nothing}
            <Stack gap="xs">
              {found.data.project.map((project) => (
                <Group key={project.project_id} gap="xs">
                  <Anchor component={Link} to={`/harbor/projects/${project.project_id}/repositories`} fw={600}>
                    {project.name}
                  </Anchor>
                  <Badge variant="light" color={project.metadata.public === "true" ? "teal" : "gray"} tt="none">
                    {project.metadata.public === "true" ? t.projects.public : t.projects.private}
                  </Badge>
                </Group>
              ))}
            </Stack>
          </Panel>
          <Panel title={t.search.repositories}>
            {found.data.repository.length === 0 && nothing}
            <Stack gap="xs">
              {found.data.repository.map((repository) => {
                const short = repository.repository_name.slice(repository.project_name.length + 1);
                return (
                  <Group key={repository.repository_name} justify="space-between">
                    <Anchor
                      component={Link}
                      to={`/harbor/projects/${repository.project_id}/repositories/${encodeURIComponent(short)}`}
                      fw={600}
                      className="code"
                    >
                      {repository.repository_name}
                    </Anchor>
                    <Text size="sm" c="dimmed">
                      {t.repositories.facts(
                        format.number(repository.artifact_count),
                        format.number(repository.pull_count),
                      )}
                    </Text>
                  </Group>
                );
              })}
            </Stack>
          </Panel>
        </Stack>
      )}
    </>
  );
}
