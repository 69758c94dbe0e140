// Robot accounts: of one project, or of the system.
import { ActionIcon, Badge, Button, Menu, Stack, Text, Tooltip } from "@mantine/core";
import { IconBan, IconCheck, IconDots, IconKey, IconPencil, IconPlus, IconRobot, IconTrash } from "@tabler/icons-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { allOf, api, body, like, type Model, page } from "@/api/client";
import { Confirm, Empty, Failure, Time, useChange } from "@/look/parts";
import { ServerTable, useList } from "@/look/table";
import type { May } from "@/session";
import { useText } from "@/text";
import { RobotSecret, type Secret } from "./robot-secret";

type Robot = Model<"Robot">;

const RobotForm = lazy(async () => ({ default: (await import("./robot-form")).RobotForm }));

/** `project`: its robots alone. */
export function RobotTable({ project, may }: { project?: Model<"Project">; may: May }) {
  const { t, format } = useText();
  const list = useList("name");
  const [edited, setEdited] = useState<Robot | "new" | null>(null);
  const [secret, setSecret] = useState<Secret | null>(null);
  const place = project ? `Level=project,ProjectID=${project.project_id}` : "Level=system";
  const found = useQuery({
    queryKey: ["robots", place, list.query, list.filter],
    placeholderData: keepPreviousData,
    queryFn: () =>
      page(
        api.GET("/api/v2.0/robots", {
          params: { query: { ...list.query, q: allOf(like("name", list.filter), place) } },
        }),
      ),
  });
  return (
    <>
      <ServerTable
        label={t.robots.title}
        list={list}
        found={found}
        filterLabel={t.robots.filter}
        rowKey={(robot) => robot.id}
        empty={
          <Empty icon={IconRobot} title={t.robots.none}>
            {t.robots.noneHint}
          </Empty>
        }
        columns={[
          {
            key: "name",
            header: t.common.name,
            sort: "name",
            cell: (robot) => (
              <Stack gap={0}>
                <Text size="sm" fw={600} className="code">
                  {robot.name}
                </Text>
                <Text size="xs" c="dimmed">
                  {robot.description}
                </Text>
              </Stack>
            ),
          },
          { key: "state", header: t.robots.state, cell: (robot) => <State robot={robot} /> },
          { key: "permissions", header: t.robots.permissions, cell: (robot) => <Permissions robot={robot} /> },
          {
            key: "created",
            header: t.common.created,
            sort: "creation_time",
            cell: (robot) => (
              <Text size="sm">
                <Time time={robot.creation_time} />
              </Text>
            ),
          },
          {
            key: "expires",
            header: t.robots.expires,
            cell: (robot) => (
              <Text size="sm">
                {robot.expires_at < 0
                  ? t.robots.neverExpires
                  : format.time(new Date(robot.expires_at * 1000).toISOString())}
              </Text>
            ),
          },
          {
            key: "act",
            header: t.common.actions,
            align: "right",
            cell: (robot) => <Actions robot={robot} may={may} onEdit={() => setEdited(robot)} onSecret={setSecret} />,
          },
        ]}
      >
        {may("robot", "create") && (
          <Button leftSection={<IconPlus size={16} />} onClick={() => setEdited("new")} ml="auto">
            {t.robots.new}
          </Button>
        )}
      </ServerTable>
      <Suspense>
        {edited && (
          <RobotForm
            robot={edited === "new" ? null : edited}
            project={project}
            onClose={() => setEdited(null)}
            onSecret={setSecret}
          />
        )}
      </Suspense>
      <RobotSecret secret={secret} onClose={() => setSecret(null)} />
    </>
  );
}

function State({ robot }: { robot: Robot }) {
  const { t } = useText();
  const isOver = robot.expires_at >= 0 && robot.expires_at * 1000 < Date.now();
  const [color, text] = robot.disable
    ? ["gray", t.robots.disabled]
    : isOver
      ? ["red", t.robots.expired]
      : ["teal", t.robots.enabled];
  return (
    <Badge color={color} variant="light" tt="none">
      {text}
    </Badge>
  );
}

function Permissions({ robot }: { robot: Robot }) {
  const { t, format } = useText();
  const lines = robot.permissions.map((permission) => {
    const place =
      permission.kind === "system"
        ? t.robots.system
        : permission.namespace === "*"
          ? t.robots.allProjects
          : permission.namespace;
    const what = (permission.access ?? []).map((access) => `${access.resource}:${access.action}`);
    return `${place}: ${what.join(", ")}`;
  });
  const count = robot.permissions.reduce((sum, permission) => sum + (permission.access?.length ?? 0), 0);
  return (
    <Tooltip multiline maw={420} label={lines.map((line) => <div key={line}>{line}</div>)}>
      <Badge variant="default" tt="none" tabIndex={0}>
        {t.robots.permissionCount(format.number(count))}
      </Badge>
    </Tooltip>
  );
}

interface ActionsProps {
  robot: Robot;
  may: May;
  onEdit: () => void;
  onSecret: (secret: Secret) => void;
}

function Actions({ robot, may, onEdit, onSecret }: ActionsProps) {
  const { t } = useText();
  const [asks, setAsks] = useState<"delete" | "refresh" | null>(null);
  const path = { robot_id: robot.id };
  const turn = useChange(
    () =>
      body(
        api.PUT("/api/v2.0/robots/{robot_id}", {
          params: { path },
          body: { ...robot, disable: !robot.disable },
        }),
      ),
    t.common.saved,
  );
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" aria-label={t.common.actionsOf(robot.name)}>
            <IconDots size={18} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {may("robot", "update") && (
            <>
              <Menu.Item leftSection={<IconPencil size={16} />} onClick={onEdit}>
                {t.common.edit}
              </Menu.Item>
              <Menu.Item leftSection={<IconKey size={16} />} onClick={() => setAsks("refresh")}>
                {t.robots.refresh}
              </Menu.Item>
              <Menu.Item
                leftSection={robot.disable ? <IconCheck size={16} /> : <IconBan size={16} />}
                onClick={() => turn.mutate()}
              >
                {robot.disable ? t.robots.enable : t.robots.disable}
              </Menu.Item>
            </>
          )}
          {may("robot", "delete") && (
            <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={() => setAsks("delete")}>
              {t.common.delete}
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
      <Failure error={turn.error} />
      <Confirm
        isOpen={asks === "delete"}
        title={t.robots.deleteTitle(robot.name)}
        confirm={t.common.delete}
        done={t.robots.deleted(robot.name)}
        onClose={() => setAsks(null)}
        act={() => body(api.DELETE("/api/v2.0/robots/{robot_id}", { params: { path } }))}
      >
        {t.robots.deleteHint}
      </Confirm>
      <Confirm
        isOpen={asks === "refresh"}
        title={`${t.robots.refresh}: ${robot.name}`}
        confirm={t.robots.refresh}
        done={t.common.saved}
        onClose={() => setAsks(null)}
        act={async () => {
          const { secret } = await body(
            api.PATCH("/api/v2.0/robots/{robot_id}", { params: { path }, body: { secret: "" } }),
          );
          onSecret({ name: robot.name, secret: secret ?? "" });
        }}
      >
        {t.robots.refreshHint}
      </Confirm>
    </>
  );
}
