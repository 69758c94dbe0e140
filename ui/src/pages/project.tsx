// One project: its head, and the parts of it that the caller may see.
import { Anchor, Badge, Breadcrumbs, Center, Group, Loader, ScrollArea, Tabs, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ComponentType, lazy, Suspense } from "react";
import { Link, Navigate, useNavigate, useParams } from "react-router";
import { api, body, type Model } from "@/api/client";
import { Failure, Heading } from "@/look/parts";
import { type May, useMayInProject, useMe } from "@/session";
import { useText } from "@/text";

export interface TabProps {
  project: Model<"Project">;
  may: May;
}

const tab = <Name extends string>(load: () => Promise<Record<Name, ComponentType<TabProps>>>, name: Name) =>
  lazy(async () => ({ default: (await load())[name] }));

const TABS: Partial<Record<string, ComponentType<TabProps>>> = {
  summary: tab(() => import("./project-summary"), "ProjectSummary"),
  repositories: tab(() => import("./project-repositories"), "ProjectRepositories"),
  members: tab(() => import("./project-members"), "ProjectMembers"),
  labels: tab(() => import("./project-labels"), "ProjectLabels"),
  "robot-account": tab(() => import("./project-robots"), "ProjectRobots"),
  "tag-strategy": tab(() => import("./project-retention"), "ProjectRetention"),
  logs: tab(() => import("./project-logs"), "ProjectLogs"),
  configs: tab(() => import("./project-configuration"), "ProjectConfiguration"),
};

/** A project by its number, as Harbor's addresses have it, or by its name, which nobody has to look up. */
export function useProject(numberOrName: string) {
  return useQuery({
    queryKey: ["project", numberOrName],
    queryFn: () => body(api.GET("/api/v2.0/projects/{project}", { params: { path: { project: numberOrName } } })),
  });
}

export function Project() {
  const { t } = useText();
  const { project: name = "", tab } = useParams();
  const me = useMe();
  const found = useProject(name);
  const may = useMayInProject(found.data?.project_id);
  const navigate = useNavigate();
  if (found.error) return <Failure error={found.error} />;
  if (!found.data || me === undefined) return <Waiting />;
  const project = found.data;
  const Shown = TABS[tab ?? ""];
  if (tab === undefined || Shown === undefined)
    return <Navigate replace to={`/harbor/projects/${name}/repositories`} />;
  const tabs: [string, string, boolean][] = [
    ["summary", t.project.summary, true],
    ["repositories", t.repositories.title, true],
    ["members", t.members.title, may("member", "list")],
    ["labels", t.labels.title, may("label", "create")],
    ["robot-account", t.robots.title, may("robot", "list")],
    ["tag-strategy", t.retention.title, may("tag-retention", "read")],
    ["logs", t.logs.title, may("log", "list")],
    ["configs", t.project.configuration, may(".", "update")],
  ];
  return (
    <>
      <Breadcrumbs mb="xs">
        <Anchor component={Link} to="/harbor/projects" size="sm">
          {t.nav.projects}
        </Anchor>
        <Text size="sm">{project.name}</Text>
      </Breadcrumbs>
      <Heading title={project.name} about={<Facts project={project} />} />
      <Tabs value={tab} onChange={(tab) => navigate(`/harbor/projects/${name}/${tab}`)} keepMounted={false}>
        <ScrollArea type="never" mb="lg">
          <Tabs.List style={{ flexWrap: "nowrap" }}>
            {tabs
              .filter(([, , isShown]) => isShown)
              .map(([key, label]) => (
                <Tabs.Tab key={key} value={key}>
                  {label}
                </Tabs.Tab>
              ))}
          </Tabs.List>
        </ScrollArea>
        <Tabs.Panel value={tab}>
          <Suspense fallback={<Waiting />}>
            <Shown project={project} may={may} />
          </Suspense>
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

function Facts({ project }: { project: Model<"Project"> }) {
  const { t } = useText();
  const isPublic = project.metadata.public === "true";
  return (
    <Group gap={6} mt={4}>
      <Badge variant="light" tt="none">
        {project.registry_id ? t.projects.proxyCache : t.projects.hosted}
      </Badge>
      <Badge variant="light" color={isPublic ? "teal" : "gray"} tt="none">
        {isPublic ? t.projects.public : t.projects.private}
      </Badge>
      {project.declared && (
        <Badge variant="default" tt="none">
          {t.common.declared}
        </Badge>
      )}
    </Group>
  );
}

export function Waiting() {
  return (
    <Center mih="30vh">
      <Loader type="dots" />
    </Center>
  );
}
