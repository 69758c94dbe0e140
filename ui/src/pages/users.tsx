// Users: who may sign in, and who is an administrator.
import {
  ActionIcon,
  Badge,
  Button,
  Group,
  Menu,
  Modal,
  PasswordInput,
  Stack,
  Switch,
  Text,
  TextInput,
} from "@mantine/core";
import { useForm } from "@mantine/form";
import { IconDots, IconKey, IconShield, IconTrash, IconUserPlus, IconUsers } from "@tabler/icons-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { allOf, api, body, created, like, type Model, page } from "@/api/client";
import { Confirm, Empty, Failure, Heading, Time, useChange } from "@/look/parts";
import { ServerTable, useList } from "@/look/table";
import { isGoodPassword } from "@/rules";
import { useMay, useMe } from "@/session";
import { ChangePassword } from "@/shell/change-password";
import { useText } from "@/text";

type User = Model<"UserResp">;

export function Users() {
  const { t } = useText();
  const may = useMay();
  const list = useList("username");
  const [isMaking, setMaking] = useState(false);
  const found = useQuery({
    queryKey: ["users", list.query, list.filter],
    placeholderData: keepPreviousData,
    queryFn: () =>
      page(
        api.GET("/api/v2.0/users", { params: { query: { ...list.query, q: allOf(like("username", list.filter)) } } }),
      ),
  });
  return (
    <>
      <Heading title={t.nav.users} about={t.users.about}>
        {may("user", "create") && (
          <Button leftSection={<IconUserPlus size={16} />} onClick={() => setMaking(true)}>
            {t.users.new}
          </Button>
        )}
      </Heading>
      <ServerTable
        label={t.nav.users}
        list={list}
        found={found}
        filterLabel={t.users.filter}
        rowKey={(user) => user.user_id}
        empty={<Empty icon={IconUsers} title={t.users.none} />}
        columns={[
          {
            key: "name",
            header: t.users.name,
            sort: "username",
            cell: (user) => (
              <Stack gap={0}>
                <Text size="sm" fw={600}>
                  {user.username}
                </Text>
                <Text size="xs" c="dimmed">
                  {user.realname}
                </Text>
              </Stack>
            ),
          },
          {
            key: "admin",
            header: t.users.administrator,
            cell: (user) => (user.sysadmin_flag ? <Badge tt="none">{t.users.administrator}</Badge> : "–"),
          },
          { key: "email", header: t.users.email, cell: (user) => <Text size="sm">{user.email}</Text> },
          {
            key: "created",
            header: t.common.created,
            sort: "creation_time",
            cell: (user) => (
              <Text size="sm">
                <Time time={user.creation_time} />
              </Text>
            ),
          },
          { key: "act", header: t.common.actions, align: "right", cell: (user) => <Actions user={user} /> },
        ]}
      />
      {isMaking && <NewUser onClose={() => setMaking(false)} />}
    </>
  );
}

function Actions({ user }: { user: User }) {
  const { t } = useText();
  const may = useMay();
  const me = useMe();
  const [asks, setAsks] = useState<"password" | "delete" | null>(null);
  const path = { user_id: user.user_id };
  const flag = useChange(
    () =>
      body(
        api.PUT("/api/v2.0/users/{user_id}/sysadmin", {
          params: { path },
          body: { sysadmin_flag: !user.sysadmin_flag },
        }),
      ),
    t.common.saved,
  );
  if (user.user_id === me?.user_id) return null;
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" aria-label={t.common.actionsOf(user.username)}>
            <IconDots size={18} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {may("user", "update") && (
            <>
              <Menu.Item leftSection={<IconShield size={16} />} onClick={() => flag.mutate()}>
                {user.sysadmin_flag ? t.users.revokeAdmin : t.users.makeAdmin}
              </Menu.Item>
              <Menu.Item leftSection={<IconKey size={16} />} onClick={() => setAsks("password")}>
                {t.shell.changePassword}
              </Menu.Item>
            </>
          )}
          {may("user", "delete") && (
            <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={() => setAsks("delete")}>
              {t.common.delete}
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
      <Failure error={flag.error} />
      <ChangePassword user={user} isForOther isOpen={asks === "password"} onClose={() => setAsks(null)} />
      <Confirm
        isOpen={asks === "delete"}
        title={t.users.deleteTitle(user.username)}
        confirm={t.common.delete}
        done={t.users.deleted(user.username)}
        onClose={() => setAsks(null)}
        act={() => body(api.DELETE("/api/v2.0/users/{user_id}", { params: { path } }))}
      >
        {t.users.deleteHint}
      </Confirm>
    </>
  );
}

function NewUser({ onClose }: { onClose: () => void }) {
  const { t } = useText();
  const form = useForm({
    initialValues: { username: "", email: "", realname: "", comment: "", password: "", again: "", isAdmin: false },
    validate: {
      email: (value) => (/^[^@\s]+@[^@\s]+$/.test(value) ? null : t.users.badEmail),
      password: (value) => (isGoodPassword(value) ? null : t.users.passwordRule),
      again: (value, values) => (value === values.password ? null : t.users.passwordsDiffer),
    },
  });
  const make = useChange(
    async ({ again: _, isAdmin, ...user }: typeof form.values) => {
      const user_id = await created(api.POST("/api/v2.0/users", { body: user }));
      if (!isAdmin) return;
      const path = { user_id };
      await body(api.PUT("/api/v2.0/users/{user_id}/sysadmin", { params: { path }, body: { sysadmin_flag: true } }));
    },
    t.users.made(form.values.username),
    onClose,
  );
  return (
    <Modal opened onClose={onClose} title={t.users.new} closeButtonProps={{ "aria-label": t.common.close }}>
      <form onSubmit={form.onSubmit((values) => make.mutate(values))}>
        <Stack>
          <TextInput label={t.users.name} required data-autofocus {...form.getInputProps("username")} />
          <TextInput label={t.users.email} type="email" required {...form.getInputProps("email")} />
          <TextInput label={t.users.realname} required {...form.getInputProps("realname")} />
          <TextInput label={t.users.comment} maxLength={30} {...form.getInputProps("comment")} />
          <PasswordInput
            label={t.users.password}
            description={t.users.passwordRule}
            required
            autoComplete="new-password"
            {...form.getInputProps("password")}
          />
          <PasswordInput
            label={t.users.passwordAgain}
            required
            autoComplete="new-password"
            {...form.getInputProps("again")}
          />
          <Switch label={t.users.administrator} {...form.getInputProps("isAdmin", { type: "checkbox" })} />
          <Failure error={make.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t.common.cancel}
            </Button>
            <Button type="submit" loading={make.isPending}>
              {t.common.save}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
