// Who may do what in a project.
import { ActionIcon, Autocomplete, Button, Group, Modal, Select, Stack, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconTrash, IconUserPlus, IconUsers } from "@tabler/icons-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, body, type Model, page } from "@/api/client";
import { Confirm, Empty, Failure, useChange } from "@/look/parts";
import { ServerTable, useList } from "@/look/table";
import { useText } from "@/text";
import type { TabProps } from "./project";

type Member = Model<"ProjectMemberEntity">;

/** As Harbor numbers them, the mightiest first. */
const ROLES = [1, 4, 2, 3, 5] as const;

function useRoles() {
  const { t } = useText();
  return ROLES.map((role) => ({ value: String(role), label: t.roles[role] }));
}

export function ProjectMembers({ project, may }: TabProps) {
  const { t } = useText();
  const list = useList("entity_name");
  const [removed, setRemoved] = useState<Member | null>(null);
  const [isAdding, setAdding] = useState(false);
  const path = { project: String(project.project_id) };
  const found = useQuery({
    queryKey: ["members", project.project_id, list.query, list.filter],
    placeholderData: keepPreviousData,
    queryFn: () => {
      const { page: number, page_size } = list.query;
      const query = { page: number, page_size, entityname: list.filter || undefined };
      return page(api.GET("/api/v2.0/projects/{project}/members", { params: { path, query } }));
    },
  });
  return (
    <>
      <ServerTable
        label={t.members.title}
        list={list}
        found={found}
        filterLabel={t.members.filter}
        rowKey={(member) => member.id}
        empty={<Empty icon={IconUsers} title={t.members.none} />}
        columns={[
          {
            key: "name",
            header: t.common.name,
            cell: (member) => (
              <Text size="sm" fw={600}>
                {member.entity_name}
              </Text>
            ),
          },
          {
            key: "role",
            header: t.members.role,
            cell: (member) => <Role member={member} project={path.project} canChange={may("member", "update")} />,
          },
          {
            key: "act",
            header: t.common.actions,
            align: "right",
            cell: (member) =>
              may("member", "delete") && (
                <ActionIcon
                  variant="subtle"
                  color="red"
                  aria-label={t.members.removeTitle(member.entity_name)}
                  onClick={() => setRemoved(member)}
                >
                  <IconTrash size={16} />
                </ActionIcon>
              ),
          },
        ]}
      >
        {may("member", "create") && (
          <Button leftSection={<IconUserPlus size={16} />} onClick={() => setAdding(true)} ml="auto">
            {t.members.add}
          </Button>
        )}
      </ServerTable>
      {isAdding && <NewMember project={path.project} onClose={() => setAdding(false)} />}
      {removed && (
        <Confirm
          isOpen
          title={t.members.removeTitle(removed.entity_name)}
          confirm={t.common.remove}
          done={t.members.removed(removed.entity_name)}
          onClose={() => setRemoved(null)}
          act={() =>
            body(
              api.DELETE("/api/v2.0/projects/{project}/members/{mid}", {
                params: { path: { ...path, mid: removed.id } },
              }),
            )
          }
        >
          {t.members.removeHint}
        </Confirm>
      )}
    </>
  );
}

function Role({ member, project, canChange }: { member: Member; project: string; canChange: boolean }) {
  const { t } = useText();
  const roles = useRoles();
  const change = useChange(
    (role: string) =>
      body(
        api.PUT("/api/v2.0/projects/{project}/members/{mid}", {
          params: { path: { project, mid: member.id } },
          body: { role_id: Number(role) },
        }),
      ),
    t.common.saved,
  );
  if (!canChange) return <Text size="sm">{t.roles[member.role_id as keyof typeof t.roles]}</Text>;
  return (
    <Stack gap={4} maw={220}>
      <Select
        size="xs"
        aria-label={t.members.roleOf(member.entity_name)}
        allowDeselect={false}
        data={roles}
        value={String(member.role_id)}
        disabled={change.isPending}
        onChange={(role) => role && change.mutate(role)}
      />
      <Failure error={change.error} />
    </Stack>
  );
}

function NewMember({ project, onClose }: { project: string; onClose: () => void }) {
  const { t } = useText();
  const roles = useRoles();
  const [name, setName] = useState("");
  const [role, setRole] = useState("2");
  const [settled] = useDebouncedValue(name, 250);
  const users = useQuery({
    queryKey: ["user-search", settled],
    enabled: settled !== "",
    queryFn: () => body(api.GET("/api/v2.0/users/search", { params: { query: { username: settled } } })),
  });
  const add = useChange(
    () =>
      body(
        api.POST("/api/v2.0/projects/{project}/members", {
          params: { path: { project } },
          body: { role_id: Number(role), member_user: { username: name.trim() } },
        }),
      ),
    t.common.saved,
    onClose,
  );
  return (
    <Modal opened onClose={onClose} title={t.members.add} closeButtonProps={{ "aria-label": t.common.close }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          add.mutate();
        }}
      >
        <Stack>
          <Autocomplete
            label={t.members.user}
            required
            data-autofocus
            data={[...new Set(users.data?.map((user) => user.username))]}
            value={name}
            onChange={setName}
          />
          <Select
            label={t.members.role}
            required
            allowDeselect={false}
            data={roles}
            value={role}
            onChange={(role) => role && setRole(role)}
          />
          <Failure error={add.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t.common.cancel}
            </Button>
            <Button type="submit" loading={add.isPending}>
              {t.common.save}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
