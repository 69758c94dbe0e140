// Endpoints: the registries that proxy cache projects pull from.
import { ActionIcon, Badge, Button, Code, Group, Menu, Stack, Text } from "@mantine/core";
import { IconCloudDownload, IconDots, IconPencil, IconPlugConnected, IconPlus, IconTrash } from "@tabler/icons-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { api, body, type Model, page } from "@/api/client";
import { Confirm, Empty, Heading, Health, Time, useChange } from "@/look/parts";
import { ServerTable, useList } from "@/look/table";
import { useMay } from "@/session";
import { useText } from "@/text";
import { ProviderName } from "./providers";
import { RateLimits } from "./rate-limits";

const EndpointForm = lazy(async () => ({ default: (await import("./endpoint-form")).EndpointForm }));

type Endpoint = Model<"Registry">;

export function Endpoints() {
  const { t } = useText();
  const may = useMay();
  const list = useList("name");
  const [edited, setEdited] = useState<Endpoint | "new" | null>(null);
  const found = useQuery({
    queryKey: ["registries", list.query, list.filter],
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
    queryFn: () =>
      page(api.GET("/api/v2.0/registries", { params: { query: { ...list.query, name: list.filter || undefined } } })),
  });
  const add = may("registry", "create") && (
    <Button leftSection={<IconPlus size={16} />} onClick={() => setEdited("new")}>
      {t.endpoints.new}
    </Button>
  );
  return (
    <>
      <Heading title={t.nav.endpoints} about={t.endpoints.about}>
        {add}
      </Heading>
      <ServerTable
        label={t.nav.endpoints}
        list={list}
        found={found}
        filterLabel={t.endpoints.filter}
        rowKey={(endpoint) => endpoint.id}
        empty={
          <Empty icon={IconCloudDownload} title={t.endpoints.none}>
            {t.endpoints.noneHint}
          </Empty>
        }
        columns={[
          {
            key: "name",
            header: t.common.name,
            sort: "name",
            cell: (endpoint) => (
              <Stack gap={2}>
                <Group gap={6}>
                  <Text fw={600} size="sm">
                    {endpoint.name}
                  </Text>
                  {endpoint.declared && (
                    <Badge size="xs" variant="default" tt="none">
                      {t.common.declared}
                    </Badge>
                  )}
                </Group>
                {endpoint.description && (
                  <Text size="xs" c="dimmed">
                    {endpoint.description}
                  </Text>
                )}
              </Stack>
            ),
          },
          {
            key: "status",
            header: t.endpoints.status,
            cell: (endpoint) => <Health status={endpoint.status} reason={endpoint.status_reason} />,
          },
          {
            key: "url",
            header: t.endpoints.url,
            cell: (endpoint) => (
              <Text size="sm" className="code">
                {endpoint.url}
              </Text>
            ),
          },
          { key: "type", header: t.endpoints.provider, cell: (endpoint) => <ProviderName type={endpoint.type} /> },
          {
            key: "budget",
            header: t.endpoints.budget,
            cell: (endpoint) => <RateLimits limits={endpoint.rate_limit} />,
          },
          {
            key: "checked",
            header: t.endpoints.checked,
            cell: (endpoint) => (
              <Text size="sm">
                <Time time={endpoint.checked_at} />
              </Text>
            ),
          },
          {
            key: "act",
            header: t.common.actions,
            align: "right",
            cell: (endpoint) => <Actions endpoint={endpoint} onEdit={() => setEdited(endpoint)} />,
          },
        ]}
      />
      <Suspense>{edited && <EndpointForm endpoint={edited} onClose={() => setEdited(null)} />}</Suspense>
    </>
  );
}

function Actions({ endpoint, onEdit }: { endpoint: Endpoint; onEdit: () => void }) {
  const { t } = useText();
  const may = useMay();
  const [isDeleting, setDeleting] = useState(false);
  const test = useChange(
    () => body(api.POST("/api/v2.0/registries/ping", { body: { id: endpoint.id } })),
    t.endpoints.answers(endpoint.name),
  );
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={t.common.actionsOf(endpoint.name)}
            loading={test.isPending}
          >
            <IconDots size={18} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconPlugConnected size={16} />} onClick={() => test.mutate()}>
            {t.endpoints.test}
          </Menu.Item>
          {may("registry", "update") && (
            <Menu.Item leftSection={<IconPencil size={16} />} disabled={endpoint.declared} onClick={onEdit}>
              {t.common.edit}
            </Menu.Item>
          )}
          {may("registry", "delete") && (
            <Menu.Item
              color="red"
              leftSection={<IconTrash size={16} />}
              disabled={endpoint.declared}
              onClick={() => setDeleting(true)}
            >
              {t.common.delete}
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
      {test.error && (
        <Text size="xs" c="red" role="alert" maw={280} ta="left">
          {test.error.message}
        </Text>
      )}
      <Confirm
        isOpen={isDeleting}
        title={t.endpoints.deleteTitle(endpoint.name)}
        confirm={t.common.delete}
        done={t.endpoints.deleted(endpoint.name)}
        onClose={() => setDeleting(false)}
        act={() => body(api.DELETE("/api/v2.0/registries/{id}", { params: { path: { id: endpoint.id } } }))}
      >
        {t.endpoints.deleteHint} <Code>{endpoint.url}</Code>
      </Confirm>
    </>
  );
}
