// One artifact: its tags, platforms, what is about it, how it was built and what it is made of.
import {
  Accordion,
  ActionIcon,
  Anchor,
  Badge,
  Breadcrumbs,
  Button,
  Code,
  Group,
  Menu,
  Modal,
  SimpleGrid,
  Stack,
  Table,
  Text,
  TextInput,
} from "@mantine/core";
import { IconLabel, IconPlus, IconTrash } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { api, body, type Model, pathName } from "@/api/client";
import { Confirm, Copy, Failure, Heading, Panel, Time, useChange } from "@/look/parts";
import { type May, useMayInProject } from "@/session";
import { useText } from "@/text";
import { Additions } from "./additions";
import { LabelBadge } from "./label-badge";
import { platformName, platformsOf } from "./platform-names";
import { useProject, Waiting } from "./project";
import { PullCommands } from "./pull-commands";
import { shortDigest } from "./repository";

type Artifact = Model<"Artifact">;

export interface Place {
  project: string;
  repository: string;
  reference: string;
}

const PATH = "/api/v2.0/projects/{project}/repositories/{repository}/artifacts/{reference}";

export function Artifact() {
  const { t } = useText();
  const { project: name = "", repository = "", digest = "" } = useParams();
  const project = useProject(name);
  const may = useMayInProject(project.data?.project_id);
  const navigate = useNavigate();
  const [isDeleting, setDeleting] = useState(false);
  const path = { project: project.data?.name ?? "", repository: pathName(repository), reference: digest };
  const found = useQuery({
    queryKey: ["artifact", path],
    enabled: project.data !== undefined,
    refetchInterval: 10_000,
    queryFn: () => body(api.GET(PATH, { params: { path, query: { with_label: true } } })),
  });
  if (project.error || found.error) return <Failure error={project.error ?? found.error} />;
  if (!project.data || !found.data) return <Waiting />;
  const artifact = found.data;
  const home = `/harbor/projects/${name}/repositories/${encodeURIComponent(repository)}`;
  return (
    <>
      <Breadcrumbs mb="xs">
        <Anchor component={Link} to={`/harbor/projects/${name}/repositories`} size="sm">
          {project.data.name}
        </Anchor>
        <Anchor component={Link} to={home} size="sm" className="code">
          {repository}
        </Anchor>
        <Text size="sm" ff="monospace">
          {shortDigest(digest)}
        </Text>
      </Breadcrumbs>
      <Heading
        title={`${repository}@${shortDigest(digest)}`}
        about={
          <Group gap={4} wrap="nowrap">
            <Code className="code">{artifact.digest}</Code>
            <Copy text={artifact.digest} label={t.artifacts.copyDigest} />
          </Group>
        }
      >
        {may("artifact", "delete") && (
          <Button color="red" variant="light" leftSection={<IconTrash size={16} />} onClick={() => setDeleting(true)}>
            {t.common.delete}
          </Button>
        )}
      </Heading>
      <Stack>
        <SimpleGrid cols={{ base: 1, lg: 2 }}>
          <Panel title={t.pull.title}>
            <PullCommands
              what={{ repository: artifact.repository_name, reference: artifact.tags[0]?.name ?? artifact.digest }}
              isChart={artifact.type === "CHART"}
            />
          </Panel>
          <Overview artifact={artifact} project={project.data} may={may} path={path} />
        </SimpleGrid>
        <Tags artifact={artifact} path={path} may={may} isProxy={!!project.data.registry_id} />
        <PlatformTable artifact={artifact} home={home} />
        <Accessories artifact={artifact} />
        <Additions artifact={artifact} path={path} />
      </Stack>
      <Confirm
        isOpen={isDeleting}
        title={t.artifacts.deleteTitle(shortDigest(digest))}
        confirm={t.common.delete}
        done={t.artifacts.deleted}
        onClose={() => setDeleting(false)}
        onDone={() => navigate(home)}
        act={() => body(api.DELETE(PATH, { params: { path } }))}
      >
        {t.artifacts.deleteHint(artifact.tags.map((tag) => tag.name).join(", "))}
      </Confirm>
    </>
  );
}

function Overview({
  artifact,
  project,
  may,
  path,
}: {
  artifact: Artifact;
  project: Model<"Project">;
  may: May;
  path: Place;
}) {
  const { t, format } = useText();
  const extra = (artifact.extra_attrs ?? {}) as Record<string, unknown>;
  const rows: [string, React.ReactNode][] = [
    [t.artifacts.type, artifact.type],
    [t.artifacts.size, format.size(artifact.size ?? 0)],
    [t.artifacts.pushed, <Time key="push" time={artifact.push_time} />],
    [t.artifacts.pulled, <Time key="pull" time={artifact.pull_time} />],
    [
      t.artifacts.mediaType,
      <Code key="media" className="code">
        {artifact.manifest_media_type}
      </Code>,
    ],
  ];
  for (const key of ["author", "created", "version", "appVersion"]) {
    if (typeof extra[key] === "string") rows.push([key, extra[key] as string]);
  }
  return (
    <Panel
      title={t.artifacts.overview}
      aside={may("artifact-label", "create") && <AddLabel artifact={artifact} project={project} path={path} />}
    >
      <Table withRowBorders={false} verticalSpacing={4} horizontalSpacing={0} aria-label={t.artifacts.overview}>
        <Table.Tbody>
          {rows.map(([name, value]) => (
            <Table.Tr key={name}>
              <Table.Th scope="row" w="38%" fw={500} c="dimmed">
                {name}
              </Table.Th>
              <Table.Td>{value}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      <Labels artifact={artifact} may={may} path={path} />
      {artifact.annotations && Object.keys(artifact.annotations).length > 0 && (
        <Accordion mt="sm" order={3}>
          <Accordion.Item value="annotations">
            <Accordion.Control>{t.artifacts.annotations}</Accordion.Control>
            <Accordion.Panel>
              {Object.entries(artifact.annotations).map(([key, value]) => (
                <Text key={key} size="sm" className="code">
                  <b>{key}</b>: {value}
                </Text>
              ))}
            </Accordion.Panel>
          </Accordion.Item>
        </Accordion>
      )}
    </Panel>
  );
}

function Labels({ artifact, may, path }: { artifact: Artifact; may: May; path: Place }) {
  const { t } = useText();
  const remove = useChange((id: number) =>
    body(api.DELETE(`${PATH}/labels/{label_id}`, { params: { path: { ...path, label_id: id } } })),
  );
  return (
    <>
      <Group gap={6} mt="sm">
        {artifact.labels.map((label) => (
          <Group key={label.id} gap={0}>
            <LabelBadge label={label} />
            {may("artifact-label", "delete") && (
              <ActionIcon
                size="xs"
                variant="subtle"
                color="gray"
                aria-label={t.labels.takeOff(label.name)}
                onClick={() => remove.mutate(label.id)}
              >
                ×
              </ActionIcon>
            )}
          </Group>
        ))}
      </Group>
      <Failure error={remove.error} />
    </>
  );
}

function AddLabel({ artifact, project, path }: { artifact: Artifact; project: Model<"Project">; path: Place }) {
  const { t } = useText();
  const [isOpen, setOpen] = useState(false);
  const labels = useQuery({
    queryKey: ["labels", "choice", project.project_id],
    enabled: isOpen,
    queryFn: async () => {
      const page_size = 100;
      const [own, global] = await Promise.all([
        body(
          api.GET("/api/v2.0/labels", { params: { query: { scope: "p", project_id: project.project_id, page_size } } }),
        ),
        body(api.GET("/api/v2.0/labels", { params: { query: { scope: "g", page_size } } })),
      ]);
      return [...own, ...global];
    },
  });
  const add = useChange((id: number) => body(api.POST(`${PATH}/labels`, { params: { path }, body: { id } })));
  const left = labels.data?.filter((label) => !artifact.labels.some((has) => has.id === label.id));
  return (
    <Menu opened={isOpen} onChange={setOpen} position="bottom-end">
      <Menu.Target>
        <Button size="xs" variant="default" leftSection={<IconLabel size={14} />}>
          {t.labels.add}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {left?.length === 0 && <Menu.Label>{t.labels.noneLeft}</Menu.Label>}
        {left?.map((label) => (
          <Menu.Item key={label.id} onClick={() => add.mutate(label.id)}>
            <LabelBadge label={label} />
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

interface TagsProps {
  artifact: Artifact;
  path: Place;
  may: May;
  isProxy: boolean;
}

function Tags({ artifact, path, may, isProxy }: TagsProps) {
  const { t } = useText();
  const [deleted, setDeleted] = useState<string | null>(null);
  const [name, setName] = useState<string | null>(null);
  const add = useChange(
    (name: string) => body(api.POST(`${PATH}/tags`, { params: { path }, body: { name } })),
    t.common.saved,
    () => setName(null),
  );
  return (
    <Panel
      title={t.artifacts.tags}
      aside={
        may("tag", "create") &&
        !isProxy && (
          <Button size="xs" variant="default" leftSection={<IconPlus size={14} />} onClick={() => setName("")}>
            {t.artifacts.addTag}
          </Button>
        )
      }
    >
      {artifact.tags.length === 0 ? (
        <Text size="sm" c="dimmed">
          {t.artifacts.untagged}
        </Text>
      ) : (
        <Table.ScrollContainer
          minWidth={420}
          mah={420}
          scrollAreaProps={{ viewportProps: { tabIndex: 0, role: "region", "aria-label": t.artifacts.tags } }}
        >
          <Table aria-label={t.artifacts.tags}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t.common.name}</Table.Th>
                <Table.Th>{t.artifacts.pushed}</Table.Th>
                <Table.Th>{t.artifacts.pulled}</Table.Th>
                <Table.Th ta="right">{t.common.actions}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {artifact.tags.map((tag) => (
                <Table.Tr key={tag.id}>
                  <Table.Td>
                    <Badge variant="light" tt="none">
                      {tag.name}
                    </Badge>
                  </Table.Td>
                  <Table.Td>
                    <Time time={tag.push_time} />
                  </Table.Td>
                  <Table.Td>
                    <Time time={tag.pull_time} />
                  </Table.Td>
                  <Table.Td ta="right">
                    {may("tag", "delete") && (
                      <ActionIcon
                        variant="subtle"
                        color="red"
                        aria-label={t.artifacts.deleteTag(tag.name)}
                        onClick={() => setDeleted(tag.name)}
                      >
                        <IconTrash size={16} />
                      </ActionIcon>
                    )}
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      <Confirm
        isOpen={deleted !== null}
        title={t.artifacts.deleteTag(deleted ?? "")}
        confirm={t.common.delete}
        done={t.artifacts.tagDeleted}
        onClose={() => setDeleted(null)}
        act={() =>
          body(api.DELETE(`${PATH}/tags/{tag_name}`, { params: { path: { ...path, tag_name: deleted ?? "" } } }))
        }
      >
        {t.artifacts.deleteTagHint}
      </Confirm>
      <Modal
        opened={name !== null}
        onClose={() => setName(null)}
        title={t.artifacts.addTag}
        closeButtonProps={{ "aria-label": t.common.close }}
      >
        <form
          onSubmit={(event) => {
            event.preventDefault();
            add.mutate(name ?? "");
          }}
        >
          <Stack>
            <TextInput
              label={t.common.name}
              required
              data-autofocus
              value={name ?? ""}
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <Failure error={add.error} />
            <Group justify="flex-end">
              <Button type="submit" loading={add.isPending}>
                {t.common.save}
              </Button>
            </Group>
          </Stack>
        </form>
      </Modal>
    </Panel>
  );
}

function PlatformTable({ artifact, home }: { artifact: Artifact; home: string }) {
  const { t } = useText();
  const platforms = platformsOf(artifact);
  if (artifact.references.length === 0 && !artifact.missing_references?.length) return null;
  return (
    <Panel title={t.artifacts.platforms}>
      <Table.ScrollContainer
        minWidth={480}
        scrollAreaProps={{ viewportProps: { tabIndex: 0, role: "region", "aria-label": t.artifacts.platforms } }}
      >
        <Table aria-label={t.artifacts.platforms}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t.artifacts.platform}</Table.Th>
              <Table.Th>{t.artifacts.artifact}</Table.Th>
              <Table.Th>{t.endpoints.status}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {platforms.map(({ platform, digest, isHere }) => (
              <Table.Tr key={digest}>
                <Table.Td>{platformName(platform)}</Table.Td>
                <Table.Td ff="monospace">
                  {isHere ? (
                    <Anchor component={Link} to={`${home}/artifacts-tab/artifacts/${digest}`} size="sm">
                      {shortDigest(digest)}
                    </Anchor>
                  ) : (
                    shortDigest(digest)
                  )}
                </Table.Td>
                <Table.Td>
                  <Badge variant={isHere ? "light" : "outline"} color={isHere ? "teal" : "gray"} tt="none">
                    {isHere ? t.artifacts.here : t.artifacts.notHere}
                  </Badge>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Panel>
  );
}

function Accessories({ artifact }: { artifact: Artifact }) {
  const { t, format } = useText();
  if (artifact.accessories.length === 0) return null;
  return (
    <Panel title={t.artifacts.accessories}>
      <Table.ScrollContainer
        minWidth={480}
        scrollAreaProps={{ viewportProps: { tabIndex: 0, role: "region", "aria-label": t.artifacts.accessories } }}
      >
        <Table aria-label={t.artifacts.accessories}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t.artifacts.artifact}</Table.Th>
              <Table.Th>{t.artifacts.type}</Table.Th>
              <Table.Th ta="right">{t.artifacts.size}</Table.Th>
              <Table.Th>{t.common.created}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {artifact.accessories.map((accessory) => (
              <Table.Tr key={accessory.id}>
                <Table.Td ff="monospace">{shortDigest(accessory.digest)}</Table.Td>
                <Table.Td>{accessory.type}</Table.Td>
                <Table.Td ta="right">{format.size(accessory.size)}</Table.Td>
                <Table.Td>
                  <Time time={accessory.creation_time} />
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Panel>
  );
}
