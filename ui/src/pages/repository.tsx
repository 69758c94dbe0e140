// One repository: what it is, and its artifacts. New ones appear as they are pulled or pushed.
import {
  ActionIcon,
  Anchor,
  Badge,
  Breadcrumbs,
  Button,
  Group,
  Modal,
  SegmentedControl,
  Stack,
  Text,
  Textarea,
  Tooltip,
} from "@mantine/core";
import { IconPackages, IconPencil, IconTrash } from "@tabler/icons-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useParams, useSearchParams } from "react-router";
import { allOf, api, body, like, type Model, page, pathName } from "@/api/client";
import { LIVE } from "@/api/queries";
import { Confirm, Copy, Empty, Failure, Heading, Time, useChange } from "@/look/parts";
import { ServerTable, useList } from "@/look/table";
import { useMayInProject } from "@/session";
import { useText } from "@/text";
import { LabelBadge } from "./label-badge";
import { Platforms } from "./platforms";
import { useProject, Waiting } from "./project";
import { CopyPull } from "./pull-commands";

type Artifact = Model<"Artifact">;

export function shortDigest(digest: string): string {
  return digest.slice(0, "sha256:".length + 8);
}

export function Repository() {
  const { t } = useText();
  const { project: name = "", repository = "" } = useParams();
  const project = useProject(name);
  if (project.error) return <Failure error={project.error} />;
  if (!project.data) return <Waiting />;
  return (
    <>
      <Breadcrumbs mb="xs">
        <Anchor component={Link} to="/harbor/projects" size="sm">
          {t.nav.projects}
        </Anchor>
        <Anchor component={Link} to={`/harbor/projects/${name}/repositories`} size="sm">
          {project.data.name}
        </Anchor>
        <Text size="sm" className="code">
          {repository}
        </Text>
      </Breadcrumbs>
      <Head project={project.data} repository={repository} />
      <Artifacts project={project.data} repository={repository} />
    </>
  );
}

interface Props {
  project: Model<"Project">;
  repository: string;
}

function Head({ project, repository }: Props) {
  const { t, format } = useText();
  const may = useMayInProject(project.project_id);
  const [isEditing, setEditing] = useState(false);
  const path = { project: project.name, repository: pathName(repository) };
  const { data } = useQuery({
    queryKey: ["repository", project.name, repository],
    queryFn: () => body(api.GET("/api/v2.0/projects/{project}/repositories/{repository}", { params: { path } })),
  });
  const [text, setText] = useState("");
  const save = useChange(
    () =>
      body(
        api.PUT("/api/v2.0/projects/{project}/repositories/{repository}", {
          params: { path },
          body: { description: text },
        }),
      ),
    t.common.saved,
    () => setEditing(false),
  );
  return (
    <>
      <Heading
        title={repository}
        about={
          data && (
            <>
              {t.repositories.facts(format.number(data.artifact_count), format.number(data.pull_count))}
              {data.description && (
                <Text mt={6} size="sm" style={{ whiteSpace: "pre-wrap" }}>
                  {data.description}
                </Text>
              )}
            </>
          )
        }
      >
        {may("repository", "update") && (
          <Button
            variant="default"
            leftSection={<IconPencil size={16} />}
            onClick={() => {
              setText(data?.description ?? "");
              setEditing(true);
            }}
          >
            {t.repositories.describe}
          </Button>
        )}
      </Heading>
      <Modal
        opened={isEditing}
        onClose={() => setEditing(false)}
        title={t.repositories.describe}
        closeButtonProps={{ "aria-label": t.common.close }}
      >
        <Stack>
          <Textarea
            label={t.common.description}
            rows={6}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
          />
          <Failure error={save.error} />
          <Group justify="flex-end">
            <Button loading={save.isPending} onClick={() => save.mutate()}>
              {t.common.save}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}

function Artifacts({ project, repository }: Props) {
  const { t, format } = useText();
  const may = useMayInProject(project.project_id);
  const list = useList("-push_time");
  const [params, setParams] = useSearchParams();
  const tagged = params.get("tagged") ?? "all";
  const [deleted, setDeleted] = useState<Artifact | null>(null);
  const path = { project: project.name, repository: pathName(repository) };
  const found = useQuery({
    queryKey: ["artifacts", project.name, repository, list.query, list.filter, tagged],
    placeholderData: keepPreviousData,
    refetchInterval: LIVE,
    queryFn: () => {
      const tags = tagged === "tagged" ? "tags=*" : tagged === "untagged" ? "tags=nil" : undefined;
      const q = allOf(list.filter ? like("tags", list.filter) : tags);
      const query = { ...list.query, q, with_label: true };
      return page(
        api.GET("/api/v2.0/projects/{project}/repositories/{repository}/artifacts", { params: { path, query } }),
      );
    },
  });
  const here = `/harbor/projects/${project.project_id}/repositories/${encodeURIComponent(repository)}`;
  return (
    <>
      <ServerTable
        label={t.artifacts.title}
        list={list}
        found={found}
        filterLabel={t.artifacts.filter}
        rowKey={(artifact) => artifact.id}
        empty={<Empty icon={IconPackages} title={t.artifacts.none} />}
        columns={[
          {
            key: "digest",
            header: t.artifacts.artifact,
            cell: (artifact) => (
              <Group gap={2} wrap="nowrap">
                <Anchor
                  component={Link}
                  to={`${here}/artifacts-tab/artifacts/${artifact.digest}`}
                  fw={600}
                  size="sm"
                  ff="monospace"
                >
                  {shortDigest(artifact.digest)}
                </Anchor>
                <Copy text={artifact.digest} label={t.artifacts.copyDigest} />
              </Group>
            ),
          },
          {
            key: "tags",
            header: t.artifacts.tags,
            cell: (artifact) => <Tags artifact={artifact} />,
          },
          {
            key: "pull",
            header: t.pull.title,
            cell: (artifact) => (
              <CopyPull
                what={{ repository: artifact.repository_name, reference: artifact.tags[0]?.name ?? artifact.digest }}
                isChart={artifact.type === "CHART"}
              />
            ),
          },
          {
            key: "platforms",
            header: t.artifacts.platforms,
            cell: (artifact) => <Platforms artifact={artifact} />,
          },
          {
            key: "size",
            header: t.artifacts.size,
            sort: "size",
            align: "right",
            cell: (artifact) => format.size(artifact.size ?? 0),
          },
          {
            key: "about",
            header: t.artifacts.about,
            cell: (artifact) => <About artifact={artifact} />,
          },
          {
            key: "push",
            header: t.artifacts.pushed,
            sort: "push_time",
            cell: (artifact) => (
              <Text size="sm">
                <Time time={artifact.push_time} />
              </Text>
            ),
          },
          {
            key: "pulled",
            header: t.artifacts.pulled,
            sort: "pull_time",
            cell: (artifact) => (
              <Text size="sm">
                <Time time={artifact.pull_time} />
              </Text>
            ),
          },
          ...(may("artifact", "delete")
            ? [
                {
                  key: "act",
                  header: t.common.actions,
                  align: "right" as const,
                  cell: (artifact: Artifact) => (
                    <ActionIcon
                      variant="subtle"
                      color="red"
                      aria-label={t.artifacts.deleteTitle(shortDigest(artifact.digest))}
                      onClick={() => setDeleted(artifact)}
                    >
                      <IconTrash size={16} />
                    </ActionIcon>
                  ),
                },
              ]
            : []),
        ]}
      >
        <SegmentedControl
          aria-label={t.artifacts.tags}
          value={tagged}
          onChange={(tagged) => setParams(tagged === "all" ? {} : { tagged })}
          data={[
            { value: "all", label: t.projects.all },
            { value: "tagged", label: t.artifacts.tagged },
            { value: "untagged", label: t.artifacts.untagged },
          ]}
        />
      </ServerTable>
      {deleted && (
        <Confirm
          isOpen
          title={t.artifacts.deleteTitle(shortDigest(deleted.digest))}
          confirm={t.common.delete}
          done={t.artifacts.deleted}
          onClose={() => setDeleted(null)}
          act={() =>
            body(
              api.DELETE("/api/v2.0/projects/{project}/repositories/{repository}/artifacts/{reference}", {
                params: { path: { ...path, reference: deleted.digest } },
              }),
            )
          }
        >
          {t.artifacts.deleteHint(deleted.tags.map((tag) => tag.name).join(", "))}
        </Confirm>
      )}
    </>
  );
}

const SHOWN_TAGS = 3;

function Tags({ artifact }: { artifact: Artifact }) {
  const { t, format } = useText();
  if (artifact.tags.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        {t.artifacts.untagged}
      </Text>
    );
  }
  const more = artifact.tags.slice(SHOWN_TAGS);
  return (
    <Group gap={4}>
      {artifact.tags.slice(0, SHOWN_TAGS).map((tag) => (
        <Badge key={tag.id} variant="light" tt="none" maw={180}>
          {tag.name}
        </Badge>
      ))}
      {more.length > 0 && (
        <Tooltip
          label={more
            .slice(0, 30)
            .map((tag) => tag.name)
            .join(", ")}
          multiline
          maw={320}
        >
          <Badge variant="default" tt="none" tabIndex={0}>
            +{format.number(more.length)}
          </Badge>
        </Tooltip>
      )}
    </Group>
  );
}

/** Labels, and what is about the artifact: signatures, descriptions of what is in it. */
function About({ artifact }: { artifact: Artifact }) {
  const { t } = useText();
  const isSigned = artifact.accessories.some((accessory) => accessory.type.startsWith("signature."));
  const others = artifact.accessories.filter((accessory) => !accessory.type.startsWith("signature.")).length;
  return (
    <Group gap={4}>
      {isSigned && (
        <Badge color="teal" variant="light" tt="none">
          {t.artifacts.signed}
        </Badge>
      )}
      {others > 0 && (
        <Badge color="gray" variant="light" tt="none">
          {t.artifacts.accessoryCount(String(others))}
        </Badge>
      )}
      {artifact.labels.map((label) => (
        <LabelBadge key={label.id} label={label} />
      ))}
    </Group>
  );
}
