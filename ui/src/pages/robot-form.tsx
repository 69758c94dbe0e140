// A new robot account, or what one may do from now on.
import {
  Button,
  Checkbox,
  Drawer,
  Group,
  MultiSelect,
  NumberInput,
  SimpleGrid,
  Stack,
  Switch,
  Text,
  TextInput,
} from "@mantine/core";
import { useForm } from "@mantine/form";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api, body, type Model } from "@/api/client";
import { Failure, useChange } from "@/look/parts";
import { useText } from "@/text";
import { type Chosen, type Grants, grantsOf, key, PULL, PUSH, permissionsOf } from "./robot-grants";
import type { Secret } from "./robot-secret";

interface Props {
  robot: Model<"Robot"> | null;
  project?: Model<"Project">;
  onClose: () => void;
  onSecret: (secret: Secret) => void;
}

const NOTHING: Grants = { system: [], inProjects: PULL, allProjects: true, projects: [] };

export function RobotForm({ robot, project, onClose, onSecret }: Props) {
  const { t, format } = useText();
  const before = robot === null ? NOTHING : grantsOf(robot.permissions);
  const [grants, setGrants] = useState<Grants>(
    before === null || project
      ? { ...(before ?? NOTHING), allProjects: false, projects: project ? [project.name] : [] }
      : before,
  );
  const assignable = useQuery({
    queryKey: ["assignable"],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: () => body(api.GET("/api/v2.0/permissions")),
  });
  const usual = useQuery({
    queryKey: ["configurations"],
    enabled: robot === null && !project,
    queryFn: () => body(api.GET("/api/v2.0/configurations")),
  });
  const form = useForm({
    initialValues: { name: "", description: robot?.description ?? "", duration: robot?.duration ?? 30 },
    validate: { name: (name) => (robot || name.trim() ? null : t.common.required) },
  });
  const days = usual.data?.robot_token_duration?.value;
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the server's own number is known
  useEffect(() => {
    if (typeof days === "number" && !form.isTouched("duration")) form.setFieldValue("duration", days);
  }, [days]);
  const permissions = permissionsOf(grants);
  const save = useChange(
    async ({ name, description, duration }: typeof form.values) => {
      if (robot !== null) {
        const change = { ...robot, description, duration: Number(duration), permissions };
        return body(api.PUT("/api/v2.0/robots/{robot_id}", { params: { path: { robot_id: robot.id } }, body: change }));
      }
      const level = project ? "project" : "system";
      const request = { name: name.trim(), description, duration: Number(duration), level, permissions };
      return onSecret(await body(api.POST("/api/v2.0/robots", { body: request })));
    },
    t.common.saved,
    onClose,
  );
  const put = (change: Partial<Grants>) => setGrants({ ...grants, ...change });
  return (
    <Drawer
      opened
      onClose={onClose}
      position="right"
      size="lg"
      title={robot === null ? t.robots.new : `${t.common.edit} ${robot.name}`}
      closeButtonProps={{ "aria-label": t.common.close }}
    >
      <form onSubmit={form.onSubmit((values) => save.mutate(values))}>
        <Stack>
          {robot === null && (
            <TextInput label={t.common.name} required data-autofocus {...form.getInputProps("name")} />
          )}
          <TextInput label={t.common.description} {...form.getInputProps("description")} />
          <NumberInput
            label={t.robots.days}
            description={t.robots.daysHint}
            min={-1}
            allowDecimal={false}
            required
            {...form.getInputProps("duration")}
          />
          {!project && <Projects grants={grants} onChange={put} />}
          <Group gap="xs">
            <Text size="sm" fw={600}>
              {project ? t.robots.permissions : t.robots.inProjects}
            </Text>
            <Text size="sm" c="dimmed">
              {t.robots.chosen(format.number(grants.inProjects.length))}
            </Text>
          </Group>
          <Group gap="xs">
            {(
              [
                [t.robots.pullOnly, PULL],
                [t.robots.pullPush, PUSH],
                [t.robots.everything, (assignable.data?.project ?? []).map(key)],
                [t.robots.nothing, []],
              ] as [string, Chosen][]
            ).map(([label, inProjects]) => (
              <Button key={label} size="xs" variant="default" onClick={() => put({ inProjects })}>
                {label}
              </Button>
            ))}
          </Group>
          <Choice
            label={t.robots.inProjects}
            among={assignable.data?.project ?? []}
            chosen={grants.inProjects}
            onChange={(inProjects) => put({ inProjects })}
          />
          {!project && (assignable.data?.system.length ?? 0) > 0 && (
            <>
              <Group gap="xs">
                <Text size="sm" fw={600}>
                  {t.robots.system}
                </Text>
                <Text size="sm" c="dimmed">
                  {t.robots.chosen(format.number(grants.system.length))}
                </Text>
              </Group>
              <Choice
                label={t.robots.system}
                among={assignable.data?.system ?? []}
                chosen={grants.system}
                onChange={(system) => put({ system })}
              />
            </>
          )}
          {permissions.length === 0 && (
            <Text size="sm" c="dimmed">
              {t.robots.noPermission}
            </Text>
          )}
          <Failure error={save.error ?? assignable.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t.common.cancel}
            </Button>
            <Button type="submit" loading={save.isPending} disabled={permissions.length === 0}>
              {t.common.save}
            </Button>
          </Group>
        </Stack>
      </form>
    </Drawer>
  );
}

function Projects({ grants, onChange }: { grants: Grants; onChange: (change: Partial<Grants>) => void }) {
  const { t } = useText();
  const [typed, setTyped] = useState("");
  const found = useQuery({
    queryKey: ["projects", "choice", typed],
    enabled: !grants.allProjects,
    queryFn: () =>
      body(api.GET("/api/v2.0/projects", { params: { query: { name: typed || undefined, page_size: 50 } } })),
  });
  const names = (found.data ?? []).map((project) => project.name);
  return (
    <Stack gap="xs">
      <Switch
        label={t.robots.allProjects}
        checked={grants.allProjects}
        onChange={(event) => onChange({ allProjects: event.currentTarget.checked })}
      />
      {!grants.allProjects && (
        <MultiSelect
          label={t.robots.projects}
          searchable
          searchValue={typed}
          onSearchChange={setTyped}
          data={[...new Set([...grants.projects, ...names])]}
          value={grants.projects}
          onChange={(projects) => onChange({ projects })}
        />
      )}
    </Stack>
  );
}

interface ChoiceProps {
  label: string;
  among: Model<"Permission">[];
  chosen: Chosen;
  onChange: (chosen: Chosen) => void;
}

/** A box for each action, by resource. */
function Choice({ label, among, chosen, onChange }: ChoiceProps) {
  const resources = [...new Set(among.map((permission) => permission.resource))];
  return (
    <Checkbox.Group value={chosen} onChange={onChange} aria-label={label}>
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="xs">
        {resources.map((resource) => (
          <Stack key={resource} gap={4}>
            <Text size="xs" fw={600} c="dimmed">
              {resource}
            </Text>
            <Group gap="xs">
              {among
                .filter((permission) => permission.resource === resource)
                .map((permission) => (
                  <Checkbox
                    key={permission.action}
                    size="xs"
                    value={key(permission)}
                    label={permission.action}
                    aria-label={`${resource}: ${permission.action}`}
                  />
                ))}
            </Group>
          </Stack>
        ))}
      </SimpleGrid>
    </Checkbox.Group>
  );
}
