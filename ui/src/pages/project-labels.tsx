// A project's labels.
import { ActionIcon, Button, ColorInput, Group, Modal, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { IconLabel, IconPencil, IconPlus, IconTrash } from "@tabler/icons-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, body, type Model, page } from "@/api/client";
import { Confirm, Empty, Failure, useChange } from "@/look/parts";
import { ServerTable, useList } from "@/look/table";
import { useText } from "@/text";
import { LabelBadge } from "./label-badge";
import type { TabProps } from "./project";

type Label = Model<"Label">;

const COLORS = ["#0f7689", "#2b8a3e", "#e67700", "#c92a2a", "#862e9c", "#364fc7", "#495057", "#a61e4d"];

export function ProjectLabels({ project, may }: TabProps) {
  const { t } = useText();
  const list = useList("name");
  const [edited, setEdited] = useState<Label | "new" | null>(null);
  const [deleted, setDeleted] = useState<Label | null>(null);
  const found = useQuery({
    queryKey: ["labels", project.project_id, list.query, list.filter],
    placeholderData: keepPreviousData,
    queryFn: () => {
      const query = { ...list.query, scope: "p", project_id: project.project_id, name: list.filter || undefined };
      return page(api.GET("/api/v2.0/labels", { params: { query } }));
    },
  });
  return (
    <>
      <ServerTable
        label={t.labels.title}
        list={list}
        found={found}
        filterLabel={t.repositories.filter}
        rowKey={(label) => label.id}
        empty={
          <Empty icon={IconLabel} title={t.labels.none}>
            {t.labels.noneHint}
          </Empty>
        }
        columns={[
          { key: "name", header: t.common.name, sort: "name", cell: (label) => <LabelBadge label={label} /> },
          { key: "description", header: t.common.description, cell: (label) => label.description },
          {
            key: "act",
            header: t.common.actions,
            align: "right",
            cell: (label) => (
              <Group gap={4} justify="flex-end" wrap="nowrap">
                {may("label", "update") && (
                  <ActionIcon
                    variant="subtle"
                    color="gray"
                    aria-label={`${t.common.edit} ${label.name}`}
                    onClick={() => setEdited(label)}
                  >
                    <IconPencil size={16} />
                  </ActionIcon>
                )}
                {may("label", "delete") && (
                  <ActionIcon
                    variant="subtle"
                    color="red"
                    aria-label={t.labels.deleteTitle(label.name)}
                    onClick={() => setDeleted(label)}
                  >
                    <IconTrash size={16} />
                  </ActionIcon>
                )}
              </Group>
            ),
          },
        ]}
      >
        <Button leftSection={<IconPlus size={16} />} onClick={() => setEdited("new")} ml="auto">
          {t.labels.new}
        </Button>
      </ServerTable>
      {edited && (
        <LabelForm
          label={edited === "new" ? null : edited}
          projectId={project.project_id}
          onClose={() => setEdited(null)}
        />
      )}
      {deleted && (
        <Confirm
          isOpen
          title={t.labels.deleteTitle(deleted.name)}
          confirm={t.common.delete}
          done={t.labels.deleted}
          onClose={() => setDeleted(null)}
          act={() => body(api.DELETE("/api/v2.0/labels/{label_id}", { params: { path: { label_id: deleted.id } } }))}
        >
          {t.labels.deleteHint}
        </Confirm>
      )}
    </>
  );
}

function LabelForm({ label, projectId, onClose }: { label: Label | null; projectId: number; onClose: () => void }) {
  const { t } = useText();
  const form = useForm({
    initialValues: {
      name: label?.name ?? "",
      description: label?.description ?? "",
      color: label?.color || "#0f7689",
    },
  });
  const save = useChange(
    (values: typeof form.values) => {
      const request = { ...values, scope: "p", project_id: projectId };
      return label === null
        ? body(api.POST("/api/v2.0/labels", { body: request }))
        : body(api.PUT("/api/v2.0/labels/{label_id}", { params: { path: { label_id: label.id } }, body: request }));
    },
    t.common.saved,
    onClose,
  );
  const title = label === null ? t.labels.new : `${t.common.edit} ${label.name}`;
  return (
    <Modal opened onClose={onClose} title={title} closeButtonProps={{ "aria-label": t.common.close }}>
      <form onSubmit={form.onSubmit((values) => save.mutate(values))}>
        <Stack>
          <TextInput label={t.common.name} required data-autofocus {...form.getInputProps("name")} />
          <TextInput label={t.common.description} {...form.getInputProps("description")} />
          <ColorInput label={t.labels.color} format="hex" swatches={COLORS} {...form.getInputProps("color")} />
          <Failure error={save.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t.common.cancel}
            </Button>
            <Button type="submit" loading={save.isPending}>
              {t.common.save}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
