// Projects: who has them, what they are, and how much is in them.
import { Anchor, Badge, Button, Group, SegmentedControl, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconAnchor, IconCloud, IconFolder, IconPlus } from "@tabler/icons-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { Link, useSearchParams } from "react-router";
import { api, page } from "@/api/client";
import { Empty, Heading, Time } from "@/look/parts";
import { ServerTable, useList } from "@/look/table";
import { useMay, useMe } from "@/session";
import { useText } from "@/text";

/** Its form is large, and most come to look. */
const NewProject = lazy(async () => ({ default: (await import("./new-project")).NewProject }));

export function Projects() {
  const { t, format } = useText();
  const may = useMay();
  const me = useMe();
  const list = useList("name");
  const [params, setParams] = useSearchParams();
  const access = params.get("access") ?? "all";
  const [isMaking, making] = useDisclosure();
  const found = useQuery({
    queryKey: ["projects", list.query, list.filter, access],
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
    queryFn: () => {
      const query = {
        ...list.query,
        name: list.filter || undefined,
        public: access === "all" ? undefined : access === "public",
      };
      return page(api.GET("/api/v2.0/projects", { params: { query } }));
    },
  });
  return (
    <>
      <Heading title={t.nav.projects} about={t.projects.about}>
        {may("project", "create") && (
          <Button leftSection={<IconPlus size={16} />} onClick={making.open}>
            {t.projects.new}
          </Button>
        )}
      </Heading>
      <ServerTable
        label={t.nav.projects}
        list={list}
        found={found}
        filterLabel={t.projects.filter}
        rowKey={(project) => project.project_id}
        empty={
          <Empty icon={IconAnchor} title={t.projects.none}>
            {me ? t.projects.noneHint : t.projects.nonePublic}
          </Empty>
        }
        columns={[
          {
            key: "name",
            header: t.projects.name,
            sort: "name",
            cell: (project) => (
              <Group gap={8} wrap="nowrap">
                {project.registry_id ? (
                  <IconCloud size={18} stroke={1.5} aria-hidden />
                ) : (
                  <IconFolder size={18} stroke={1.5} aria-hidden />
                )}
                <Anchor
                  component={Link}
                  to={`/harbor/projects/${project.project_id}/repositories`}
                  fw={600}
                  size="sm"
                  className="code"
                >
                  {project.name}
                </Anchor>
              </Group>
            ),
          },
          {
            key: "access",
            header: t.projects.access,
            cell: (project) => (
              <Badge variant="light" color={project.metadata.public === "true" ? "teal" : "gray"} tt="none">
                {project.metadata.public === "true" ? t.projects.public : t.projects.private}
              </Badge>
            ),
          },
          {
            key: "role",
            header: t.members.role,
            cell: (project) => (
              <Text size="sm">{t.roles[project.current_user_role_id as keyof typeof t.roles] ?? "–"}</Text>
            ),
          },
          {
            key: "type",
            header: t.projects.type,
            cell: (project) => <Text size="sm">{project.registry_id ? t.projects.proxyCache : t.projects.hosted}</Text>,
          },
          {
            key: "repositories",
            header: t.repositories.title,
            align: "right",
            cell: (project) => format.number(project.repo_count),
          },
          {
            key: "created",
            header: t.common.created,
            sort: "creation_time",
            cell: (project) => (
              <Text size="sm">
                <Time time={project.creation_time} />
              </Text>
            ),
          },
        ]}
      >
        <SegmentedControl
          aria-label={t.projects.access}
          value={access}
          onChange={(access) => setParams(access === "all" ? {} : { access })}
          data={[
            { value: "all", label: t.projects.all },
            { value: "public", label: t.projects.public },
            { value: "private", label: t.projects.private },
          ]}
        />
      </ServerTable>
      <Suspense>{isMaking && <NewProject isOpen onClose={making.close} />}</Suspense>
    </>
  );
}
