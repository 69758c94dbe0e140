// How much each project may hold.
import { ActionIcon, Anchor, Button, Group, Modal, NumberInput, Progress, Select, Stack, Text } from "@mantine/core";
import { IconChartPie, IconPencil } from "@tabler/icons-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { api, body, type Model, page } from "@/api/client";
import { Empty, Failure, Heading, useChange } from "@/look/parts";
import { ServerTable, useList } from "@/look/table";
import { inBytes, inUnit, UNITS, type Unit } from "@/rules";
import { useMay } from "@/session";
import { useText } from "@/text";

type Quota = Model<"Quota">;

export function Quotas() {
  const { t, format } = useText();
  const may = useMay();
  const list = useList("-used.storage");
  const [edited, setEdited] = useState<Quota | null>(null);
  const found = useQuery({
    queryKey: ["quotas", list.query],
    placeholderData: keepPreviousData,
    queryFn: () => page(api.GET("/api/v2.0/quotas", { params: { query: { ...list.query, reference: "project" } } })),
  });
  return (
    <>
      <Heading title={t.nav.quotas} about={t.quotas.about} />
      <ServerTable
        label={t.nav.quotas}
        list={list}
        found={found}
        rowKey={(quota) => quota.id}
        empty={<Empty icon={IconChartPie} title={t.quotas.none} />}
        columns={[
          {
            key: "project",
            header: t.quotas.project,
            cell: (quota) => (
              <Anchor component={Link} to={`/harbor/projects/${quota.ref.id}/summary`} fw={600} size="sm">
                {quota.ref.name}
              </Anchor>
            ),
          },
          { key: "owner", header: t.quotas.owner, cell: (quota) => <Text size="sm">{quota.ref.owner_name}</Text> },
          { key: "used", header: t.quotas.used, sort: "used.storage", cell: (quota) => <Usage quota={quota} /> },
          {
            key: "limit",
            header: t.quotas.limit,
            sort: "hard.storage",
            align: "right",
            cell: (quota) => (quota.hard.storage < 0 ? t.common.unlimited : format.size(quota.hard.storage)),
          },
          {
            key: "act",
            header: t.common.actions,
            align: "right",
            cell: (quota) =>
              may("quota", "update") && (
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  aria-label={t.quotas.editTitle(quota.ref.name)}
                  onClick={() => setEdited(quota)}
                >
                  <IconPencil size={16} />
                </ActionIcon>
              ),
          },
        ]}
      />
      {edited && <Limit quota={edited} onClose={() => setEdited(null)} />}
    </>
  );
}

function Usage({ quota }: { quota: Quota }) {
  const { format } = useText();
  const { hard, used } = quota;
  const share = hard.storage > 0 ? Math.min(1, used.storage / hard.storage) : 0;
  return (
    <Stack gap={4} miw={120}>
      <Text size="sm">{format.size(used.storage)}</Text>
      {hard.storage > 0 && (
        <Progress
          size="sm"
          value={share * 100}
          color={share > 0.9 ? "red" : "sea"}
          aria-label={format.percent(share)}
        />
      )}
    </Stack>
  );
}

function Limit({ quota, onClose }: { quota: Quota; onClose: () => void }) {
  const { t } = useText();
  const before = inUnit(quota.hard.storage);
  const [value, setValue] = useState<number | string>(before.value);
  const [unit, setUnit] = useState<Unit>(before.unit);
  const save = useChange(
    () =>
      body(
        api.PUT("/api/v2.0/quotas/{id}", {
          params: { path: { id: quota.id } },
          body: { hard: { storage: inBytes(Number(value), unit) } },
        }),
      ),
    t.common.saved,
    onClose,
  );
  return (
    <Modal
      opened
      onClose={onClose}
      title={t.quotas.editTitle(quota.ref.name)}
      closeButtonProps={{ "aria-label": t.common.close }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <Stack>
          <Group grow align="flex-start">
            <NumberInput
              label={t.quotas.limit}
              description={t.quotas.unlimitedHint}
              min={-1}
              required
              data-autofocus
              value={value}
              onChange={setValue}
            />
            <Select
              label={t.quotas.unit}
              description={"\u00a0"}
              allowDeselect={false}
              data={Object.keys(UNITS)}
              value={unit}
              onChange={(unit) => unit && setUnit(unit as Unit)}
            />
          </Group>
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
