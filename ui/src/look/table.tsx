// Lists: paged, sorted and filtered by the server, and remembered in the page's address.
import { Group, Pagination, Paper, Skeleton, Table, Text, TextInput, UnstyledButton } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconArrowDown, IconArrowsSort, IconArrowUp, IconSearch } from "@tabler/icons-react";
import type { UseQueryResult } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useSearchParams } from "react-router";
import type { Paged } from "@/api/client";
import { useText } from "@/text";
import { Failure } from "./parts";

const PAGE_SIZE = 15;

export interface ListState {
  page: number;
  sort: string;
  filter: string;
  /** What of it the server is asked. */
  query: { page: number; page_size: number; sort: string };
  /** Changes some of it; another order or filter starts at the first page. */
  change: (change: Partial<Pick<ListState, "page" | "sort" | "filter">>) => void;
}

/** Where a list is: it stays so when one comes back, and can be sent to others. */
export function useList(defaultSort: string): ListState {
  const [params, setParams] = useSearchParams();
  const page = Math.max(1, Number(params.get("page")) || 1);
  const sort = params.get("sort") ?? defaultSort;
  return {
    page,
    sort,
    filter: params.get("filter") ?? "",
    query: { page, page_size: PAGE_SIZE, sort },
    change: (change) =>
      setParams(
        (before) => {
          const after = new URLSearchParams(before);
          after.delete("page");
          for (const [key, value] of Object.entries(change)) {
            if (value === "" || value === 1 || (key === "sort" && value === defaultSort)) after.delete(key);
            else after.set(key, String(value));
          }
          return after;
        },
        { replace: true },
      ),
  };
}

export interface Column<Item> {
  key: string;
  header: string;
  cell: (item: Item) => ReactNode;
  /** What the server sorts by. */
  sort?: string;
  align?: "right";
}

interface Props<Item> {
  label: string;
  list: ListState;
  columns: Column<Item>[];
  rowKey: (item: Item) => string | number;
  found: UseQueryResult<Paged<Item>>;
  empty: ReactNode;
  /** What the filter looks in; none: there is no filter. */
  filterLabel?: string;
  children?: ReactNode;
}

export function ServerTable<Item>(props: Props<Item>) {
  const { list, columns, found, label } = props;
  const { t, format } = useText();
  const total = found.data?.total ?? 0;
  const pages = Math.ceil(total / PAGE_SIZE);
  return (
    <Paper withBorder>
      {(props.filterLabel || props.children) && (
        <Group p="md" pb="xs" gap="sm">
          {props.filterLabel && <Filter list={list} label={props.filterLabel} />}
          {props.children}
        </Group>
      )}
      {found.error && !found.data ? (
        <Group p="md" grow>
          <Failure error={found.error} />
        </Group>
      ) : (
        <Table.ScrollContainer
          minWidth={Math.min(760, columns.length * 130)}
          scrollAreaProps={{ viewportProps: { tabIndex: 0, role: "region", "aria-label": label } }}
        >
          <Table highlightOnHover aria-label={label} aria-busy={found.isPending}>
            <Table.Thead>
              <Table.Tr>
                {columns.map((column) => (
                  <HeaderCell key={column.key} column={column} list={list} />
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {found.isPending && <Waiting columns={columns.length} />}
              {found.data?.items.map((item) => (
                <Table.Tr key={props.rowKey(item)}>
                  {columns.map((column) => (
                    <Table.Td key={column.key} ta={column.align}>
                      {column.cell(item)}
                    </Table.Td>
                  ))}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      {found.data?.items.length === 0 && (list.filter ? <Nothing>{t.common.nothingFound}</Nothing> : props.empty)}
      {total > 0 && (
        <Group justify="space-between" p="md" pt="sm">
          <Text size="sm" c="dimmed" data-total={total}>
            {t.common.total(format.number(total))}
          </Text>
          {pages > 1 && (
            <Pagination
              size="sm"
              total={pages}
              value={list.page}
              onChange={(page) => list.change({ page })}
              getControlProps={(control) => ({ "aria-label": t.common.pageControls[control] })}
              getItemProps={(page) => ({ "aria-label": t.common.pageNumber(format.number(page)) })}
            />
          )}
        </Group>
      )}
    </Paper>
  );
}

function HeaderCell<Item>({ column, list }: { column: Column<Item>; list: ListState }) {
  if (column.sort === undefined) return <Table.Th ta={column.align}>{column.header}</Table.Th>;
  const direction = list.sort === column.sort ? "ascending" : list.sort === `-${column.sort}` ? "descending" : "none";
  const next = direction === "ascending" ? `-${column.sort}` : column.sort;
  const Arrow = direction === "ascending" ? IconArrowUp : direction === "descending" ? IconArrowDown : IconArrowsSort;
  return (
    <Table.Th ta={column.align} aria-sort={direction}>
      <UnstyledButton fz="inherit" fw="inherit" onClick={() => list.change({ sort: next })}>
        <Group gap={4} wrap="nowrap" justify={column.align === "right" ? "flex-end" : undefined}>
          {column.header}
          <Arrow size={14} opacity={direction === "none" ? 0.45 : 1} aria-hidden />
        </Group>
      </UnstyledButton>
    </Table.Th>
  );
}

function Filter({ list, label }: { list: ListState; label: string }) {
  const [typed, setTyped] = useState(list.filter);
  const settle = useDebouncedCallback((filter: string) => list.change({ filter }), 250);
  return (
    <TextInput
      aria-label={label}
      placeholder={label}
      leftSection={<IconSearch size={16} />}
      value={typed}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        settle(event.currentTarget.value.trim());
      }}
      flex={{ base: 1, xs: "0 1 20rem" }}
    />
  );
}

function Waiting({ columns }: { columns: number }) {
  return [0, 1, 2].map((row) => (
    <Table.Tr key={row}>
      <Table.Td colSpan={columns}>
        <Skeleton h={18} />
      </Table.Td>
    </Table.Tr>
  ));
}

function Nothing({ children }: { children: ReactNode }) {
  return (
    <Text c="dimmed" ta="center" py="xl" size="sm">
      {children}
    </Text>
  );
}
