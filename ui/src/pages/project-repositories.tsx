// A project's repositories. New ones appear as they are pulled or pushed, while the page is looked at.
import { ActionIcon, Anchor, Code, Stack, Text } from "@mantine/core";
import { IconPackage, IconTrash } from "@tabler/icons-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { allOf, api, body, like, type Model, page, pathName } from "@/api/client";
import { LIVE } from "@/api/queries";
import { Confirm, Empty, Panel, Snippet, Time } from "@/look/parts";
import { ServerTable, useList } from "@/look/table";
import { useText } from "@/text";
import type { TabProps } from "./project";
import { PullCommands, useHost } from "./pull-commands";

export function ProjectRepositories({ project, may }: TabProps) {
  const { t, format } = useText();
  const list = useList("-update_time");
  const [deleted, setDeleted] = useState<Model<"Repository"> | null>(null);
  const path = { project: project.name };
  const found = useQuery({
    queryKey: ["repositories", project.name, list.query, list.filter],
    placeholderData: keepPreviousData,
    refetchInterval: LIVE,
    queryFn: () => {
      const query = { ...list.query, q: allOf(like("name", list.filter)) };
      return page(api.GET("/api/v2.0/projects/{project}/repositories", { params: { path, query } }));
    },
  });
  const short = (repository: Model<"Repository">) => repository.name.slice(project.name.length + 1);
  return (
    <Stack>
      <HowTo project={project} />
      <ServerTable
        label={t.repositories.title}
        list={list}
        found={found}
        filterLabel={t.repositories.filter}
        rowKey={(repository) => repository.id}
        empty={
          <Empty icon={IconPackage} title={t.repositories.none}>
            {project.registry_id ? t.repositories.noneCached : t.repositories.noneHosted}
          </Empty>
        }
        columns={[
          {
            key: "name",
            header: t.common.name,
            sort: "name",
            cell: (repository) => (
              <Anchor
                component={Link}
                to={`/harbor/projects/${project.project_id}/repositories/${encodeURIComponent(short(repository))}`}
                fw={600}
                size="sm"
                className="code"
              >
                {short(repository)}
              </Anchor>
            ),
          },
          {
            key: "artifacts",
            header: t.artifacts.title,
            align: "right",
            cell: (repository) => format.number(repository.artifact_count),
          },
          {
            key: "pulls",
            header: t.repositories.pulls,
            sort: "pull_count",
            align: "right",
            cell: (repository) => format.number(repository.pull_count),
          },
          {
            key: "updated",
            header: t.common.modified,
            sort: "update_time",
            cell: (repository) => (
              <Text size="sm">
                <Time time={repository.update_time} />
              </Text>
            ),
          },
          ...(may("repository", "delete")
            ? [
                {
                  key: "act",
                  header: t.common.actions,
                  align: "right" as const,
                  cell: (repository: Model<"Repository">) => (
                    <ActionIcon
                      variant="subtle"
                      color="red"
                      aria-label={t.repositories.deleteTitle(short(repository))}
                      onClick={() => setDeleted(repository)}
                    >
                      <IconTrash size={16} />
                    </ActionIcon>
                  ),
                },
              ]
            : []),
        ]}
      />
      {deleted && (
        <Confirm
          isOpen
          title={t.repositories.deleteTitle(short(deleted))}
          confirm={t.common.delete}
          done={t.repositories.deleted(short(deleted))}
          onClose={() => setDeleted(null)}
          act={() =>
            body(
              api.DELETE("/api/v2.0/projects/{project}/repositories/{repository}", {
                params: { path: { ...path, repository: pathName(short(deleted)) } },
              }),
            )
          }
        >
          {t.repositories.deleteHint(format.number(deleted.artifact_count))}
          {project.registry_id ? ` ${t.repositories.deleteCached}` : ""}
        </Confirm>
      )}
    </Stack>
  );
}

/** The next command: a pull through the cache, or a push. */
function HowTo({ project }: { project: Model<"Project"> }) {
  const { t } = useText();
  const { host } = useHost();
  if (project.registry_id) {
    return (
      <Panel title={t.pull.through}>
        <Text size="sm" c="dimmed" mb="sm">
          {t.pull.throughHint} <Code>{`${host}/${project.name}/`}</Code>
        </Text>
        <PullCommands what={{ repository: `${project.name}/library/hello-world`, reference: "latest" }} />
      </Panel>
    );
  }
  return (
    <Panel title={t.pull.push}>
      <Stack gap="xs">
        <Snippet text={`docker tag my-image:1.0 ${host}/${project.name}/my-image:1.0`} />
        <Snippet text={`docker push ${host}/${project.name}/my-image:1.0`} />
      </Stack>
    </Panel>
  );
}
