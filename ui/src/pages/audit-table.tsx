// The log: of everything, or of one project. With filters, and to take along.
import { Badge, Button, Select, Text, TextInput, Tooltip } from "@mantine/core";
import { IconDownload, IconListDetails } from "@tabler/icons-react";
import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { useSearchParams } from "react-router";
import { allOf, api, like, type Model, type Paged, page } from "@/api/client";
import { Empty, Failure, Time } from "@/look/parts";
import { ServerTable, useList } from "@/look/table";
import { useText } from "@/text";
import { csv, download } from "./csv";

type Entry = Model<"AuditLogExt">;

const KEYS = ["username", "resource", "resource_type", "operation"] as const;

/** No file is larger than this many pages of a hundred. */
const EXPORTED_PAGES = 100;

/** Days, as a range of the server's: either end may be open. */
export function dayRange(from: string, to: string): string | undefined {
  if (!from && !to) return undefined;
  const start = from ? `${from}T00:00:00` : "";
  const end = to ? `${to}T23:59:59` : "";
  return `op_time=[${start}~${end}]`;
}

/** `project`: its log alone. */
export function AuditTable({ project }: { project?: string }) {
  const { t, format } = useText();
  const list = useList("-op_time");
  const [params, setParams] = useSearchParams();
  const key = params.get("key") ?? "resource";
  const from = params.get("from") ?? "";
  const to = params.get("to") ?? "";
  const put = (name: string, value: string | null) =>
    setParams(
      (before) => {
        const after = new URLSearchParams(before);
        after.delete("page");
        if (value) after.set(name, value);
        else after.delete(name);
        return after;
      },
      { replace: true },
    );
  const q = allOf(like(key, list.filter), dayRange(from, to));
  const load = (query: { page: number; page_size: number; sort?: string }): Promise<Paged<Entry>> =>
    project === undefined
      ? page(api.GET("/api/v2.0/auditlog-exts", { params: { query: { ...query, q } } }))
      : page(
          api.GET("/api/v2.0/projects/{project}/auditlog-exts", {
            params: { path: { project }, query: { ...query, q } },
          }),
        );
  const found = useQuery({
    queryKey: ["audit", project, list.query, q],
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
    queryFn: () => load(list.query),
  });
  const taken = useMutation({
    mutationFn: async () => {
      const entries: Entry[] = [];
      for (let number = 1; number <= EXPORTED_PAGES; number += 1) {
        const { items } = await load({ page: number, page_size: 100 });
        entries.push(...items);
        if (items.length < 100) break;
      }
      const head = [
        t.logs.time,
        t.logs.user,
        t.logs.resourceType,
        t.logs.resource,
        t.logs.operation,
        t.logs.description,
        t.logs.result,
        t.logs.address,
      ];
      const rows = entries.map((entry) => [
        entry.op_time,
        entry.username ?? "",
        entry.resource_type,
        entry.resource ?? "",
        entry.operation,
        entry.operation_description,
        entry.operation_result ? t.logs.done : t.logs.failed,
        entry.client_address ?? "",
      ]);
      download("audit-log.csv", "text/csv;charset=utf-8", csv([head, ...rows]));
    },
  });
  return (
    <ServerTable
      label={t.logs.title}
      list={list}
      found={found}
      filterLabel={t.logs.filterBy}
      rowKey={(entry) => entry.id}
      empty={<Empty icon={IconListDetails} title={t.logs.none} />}
      columns={[
        {
          key: "time",
          header: t.logs.time,
          sort: "op_time",
          cell: (entry) => (
            <Text size="sm">
              <Time time={entry.op_time} />
            </Text>
          ),
        },
        {
          key: "user",
          header: t.logs.user,
          cell: (entry) => <Text size="sm">{entry.username || t.logs.stranger}</Text>,
        },
        { key: "operation", header: t.logs.operation, cell: (entry) => <Text size="sm">{entry.operation}</Text> },
        { key: "type", header: t.logs.resourceType, cell: (entry) => <Text size="sm">{entry.resource_type}</Text> },
        {
          key: "resource",
          header: t.logs.resource,
          cell: (entry) => (
            <Text size="sm" className="code" miw={220}>
              {entry.resource}
            </Text>
          ),
        },
        { key: "address", header: t.logs.address, cell: (entry) => <Text size="sm">{entry.client_address}</Text> },
        {
          key: "result",
          header: t.logs.result,
          cell: (entry) => (
            <Badge variant="light" tt="none" color={entry.operation_result ? "teal" : "red"}>
              {entry.operation_result ? t.logs.done : t.logs.failed}
            </Badge>
          ),
        },
      ]}
    >
      <Select
        aria-label={t.logs.filterBy}
        w={170}
        allowDeselect={false}
        value={key}
        onChange={(value) => put("key", value)}
        data={KEYS.map((value) => ({
          value,
          label: {
            username: t.logs.user,
            resource: t.logs.resource,
            resource_type: t.logs.resourceType,
            operation: t.logs.operation,
          }[value],
        }))}
      />
      <TextInput
        type="date"
        aria-label={t.logs.from}
        value={from}
        onChange={(e) => put("from", e.currentTarget.value)}
      />
      <TextInput type="date" aria-label={t.logs.to} value={to} onChange={(e) => put("to", e.currentTarget.value)} />
      <Tooltip label={t.logs.exportHint(format.number(EXPORTED_PAGES * 100))}>
        <Button
          ml="auto"
          variant="default"
          leftSection={<IconDownload size={16} />}
          loading={taken.isPending}
          onClick={() => taken.mutate()}
        >
          {t.logs.export}
        </Button>
      </Tooltip>
      <Failure error={taken.error} />
    </ServerTable>
  );
}
