// How each client is set up for this server: ready to copy.
import { Alert, Group, Select, Stack, Tabs, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { api, body } from "@/api/client";
import { Heading, Panel, Snippet } from "@/look/parts";
import { useSystemInfo } from "@/session";
import { useText } from "@/text";
import { useHost } from "./pull-commands";
import { mirrored, type Setup, snippets } from "./snippets";

export function Connect() {
  const { t } = useText();
  const { host, isPlain, url } = useHost();
  const info = useSystemInfo();
  const projects = useQuery({
    queryKey: ["projects", "proxies"],
    queryFn: async () => {
      const all = await body(api.GET("/api/v2.0/projects", { params: { query: { page_size: 100 } } }));
      return all.filter((project) => project.registry_id);
    },
  });
  const [chosen, setChosen] = useState<string | null>(null);
  const project = projects.data?.find((project) => project.name === chosen) ?? projects.data?.[0];
  const endpoint = useQuery({
    queryKey: ["summary", project?.project_id],
    enabled: project !== undefined,
    queryFn: () =>
      body(
        api.GET("/api/v2.0/projects/{project}/summary", {
          params: { path: { project: String(project?.project_id) } },
        }),
      ),
  }).data?.registry;
  const setup: Setup = {
    host,
    url,
    isPlain,
    project: project?.name ?? "dockerhub",
    mirrors: mirrored(endpoint?.type ?? "docker-hub", endpoint?.url ?? ""),
    isOwnAuthority: info?.has_ca_root ?? false,
  };
  return (
    <>
      <Heading title={t.nav.connect} about={t.connect.about} />
      <Stack>
        {projects.data?.length === 0 && (
          <Alert variant="light">
            {t.connect.noProject} <Link to="/harbor/projects">{t.nav.projects}</Link>
          </Alert>
        )}
        {(projects.data?.length ?? 0) > 0 && (
          <Select
            label={t.connect.project}
            description={t.connect.projectHint}
            maw={420}
            allowDeselect={false}
            data={projects.data?.map((project) => project.name)}
            value={project?.name ?? null}
            onChange={setChosen}
          />
        )}
        <Clients setup={setup} />
      </Stack>
    </>
  );
}

function Clients({ setup }: { setup: Setup }) {
  const { t } = useText();
  const s = snippets(setup);
  const clients: [string, string, [string, string][]][] = [
    [
      "docker",
      t.connect.docker,
      [
        ...((setup.isPlain
          ? [
              [t.connect.dockerPlain, ""],
              [t.connect.dockerHint, s.daemon],
            ]
          : [[t.connect.dockerTls, s.dockerCertificate]]) as [string, string][]),
        [t.connect.login, s.login],
        [t.connect.pull, s.pull],
      ],
    ],
    [
      "containerd",
      t.connect.containerd,
      [
        [t.connect.containerdConfig, s.containerdConfig],
        [t.connect.containerdHint(s.hostsPath), s.hosts],
      ],
    ],
    ["podman", t.connect.podman, [[t.connect.podmanHint, s.registries]]],
    ["crio", t.connect.crio, [[t.connect.crioHint, s.registries]]],
    ["k3s", t.connect.k3s, [[t.connect.k3sHint, s.k3s]]],
    [
      "kubernetes",
      t.connect.kubernetes,
      [
        [t.connect.kubernetesHint, s.secret],
        ["", s.pod],
      ],
    ],
    ["helm", t.connect.helm, [[t.connect.helmHint, s.helm]]],
  ];
  return (
    <Panel>
      <Tabs defaultValue="docker" keepMounted={false}>
        <Tabs.List mb="lg">
          {clients.map(([key, name]) => (
            <Tabs.Tab key={key} value={key}>
              {name}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {clients.map(([key, name, parts]) => (
          <Tabs.Panel key={key} value={key}>
            <Stack>
              <Title order={2} size="h4">
                {name}
              </Title>
              {parts.map(([hint, text]) => (
                <Stack key={hint + text} gap={6}>
                  {hint && <Text size="sm">{hint}</Text>}
                  {text && <Snippet text={text} />}
                </Stack>
              ))}
              {setup.isOwnAuthority && (
                <Group>
                  <a href="/api/v2.0/systeminfo/getcert">{t.connect.certificate}</a>
                </Group>
              )}
            </Stack>
          </Tabs.Panel>
        ))}
      </Tabs>
    </Panel>
  );
}
