// What a project keeps: rules, of which any one keeps an artifact, and when they are applied.
import {
  ActionIcon,
  Alert,
  Badge,
  Button,
  Checkbox,
  Group,
  Modal,
  NumberInput,
  Select,
  Stack,
  Text,
  TextInput,
} from "@mantine/core";
import { useForm } from "@mantine/form";
import { IconArchive, IconInfoCircle, IconPencil, IconPlus, IconTrash } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, body, created, type Model } from "@/api/client";
import { Confirm, Empty, Failure, Panel, useChange } from "@/look/parts";
import { useText } from "@/text";
import type { TabProps } from "./project";
import { type Draft, draftOf, NEW_RULE, ruleOf, SCHEDULES, scheduleOf } from "./retention-rules";
import { RetentionRuns } from "./retention-runs";

type Policy = Model<"RetentionPolicy">;
type Rule = Model<"RetentionRule">;

export function ProjectRetention({ project, may }: TabProps) {
  const { t } = useText();
  const id = Number(project.metadata.retention_id ?? 0);
  const found = useQuery({
    queryKey: ["retention", id],
    enabled: id > 0,
    queryFn: () => body(api.GET("/api/v2.0/retentions/{id}", { params: { path: { id } } })),
  });
  const [edited, setEdited] = useState<number | "new" | null>(null);
  const [deleted, setDeleted] = useState<number | null>(null);
  const policy: Policy = found.data ?? {
    algorithm: "or",
    rules: [],
    scope: { level: "project", ref: project.project_id },
    trigger: { kind: "Schedule", settings: { cron: "" } },
  };
  const rules = policy.rules ?? [];
  const put = (change: Partial<Policy>): Promise<unknown> => {
    const request = { ...policy, ...change };
    return id > 0
      ? body(api.PUT("/api/v2.0/retentions/{id}", { params: { path: { id } }, body: request }))
      : created(api.POST("/api/v2.0/retentions", { body: request }));
  };
  const save = useChange(put, t.retention.saved, () => setEdited(null));
  const canChange = may("tag-retention", id > 0 ? "update" : "create");
  if (found.error) return <Failure error={found.error} />;
  if (id > 0 && !found.data) return null;
  return (
    <Stack maw={860}>
      <Text size="sm" c="dimmed">
        {t.retention.about}
      </Text>
      <Alert icon={<IconInfoCircle />} variant="light">
        {t.retention.warning}
      </Alert>
      <Panel
        title={t.retention.title}
        aside={
          canChange && (
            <Button size="xs" leftSection={<IconPlus size={14} />} onClick={() => setEdited("new")}>
              {t.retention.addRule}
            </Button>
          )
        }
      >
        {rules.length === 0 && (
          <Empty icon={IconArchive} title={t.retention.none}>
            {t.retention.noneHint}
          </Empty>
        )}
        <Stack gap="sm">
          {rules.map((rule, position) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the server gives rules no other name that lasts
            <Group key={position} justify="space-between" wrap="nowrap">
              <RuleText rule={rule} />
              {canChange && (
                <Group gap={4} wrap="nowrap">
                  <Button
                    size="compact-xs"
                    variant="default"
                    onClick={() => save.mutate({ rules: rules.with(position, { ...rule, disabled: !rule.disabled }) })}
                  >
                    {rule.disabled ? t.retention.enable : t.retention.disable}
                  </Button>
                  <ActionIcon
                    variant="subtle"
                    color="gray"
                    aria-label={t.retention.editRule}
                    onClick={() => setEdited(position)}
                  >
                    <IconPencil size={16} />
                  </ActionIcon>
                  <ActionIcon
                    variant="subtle"
                    color="red"
                    aria-label={t.retention.deleteTitle}
                    onClick={() => setDeleted(position)}
                  >
                    <IconTrash size={16} />
                  </ActionIcon>
                </Group>
              )}
            </Group>
          ))}
        </Stack>
        <Failure error={save.error} />
      </Panel>
      <Schedule policy={policy} canChange={canChange} onSave={(trigger) => put({ trigger })} />
      {id > 0 && <RetentionRuns id={id} canRun={may("tag-retention", "operate")} />}
      {edited !== null && (
        <RuleForm
          rule={edited === "new" ? null : (rules[edited] ?? null)}
          error={save.error}
          isSaving={save.isPending}
          onClose={() => setEdited(null)}
          onSave={(rule) => save.mutate({ rules: edited === "new" ? [...rules, rule] : rules.with(edited, rule) })}
        />
      )}
      <Confirm
        isOpen={deleted !== null}
        title={t.retention.deleteTitle}
        confirm={t.common.delete}
        done={t.retention.saved}
        onClose={() => setDeleted(null)}
        act={() => put({ rules: rules.filter((_, position) => position !== deleted) })}
      >
        {t.retention.deleteHint}
      </Confirm>
    </Stack>
  );
}

function RuleText({ rule }: { rule: Rule }) {
  const { t } = useText();
  const draft = draftOf(rule);
  const how = (excludes: boolean) => (excludes ? t.retention.excluding : t.retention.matching);
  return (
    <Stack gap={2}>
      <Group gap={6}>
        <Text size="sm" fw={600}>
          {t.retention.template}: {t.retention.templates[draft.template](String(draft.count))}
        </Text>
        {rule.disabled && (
          <Badge color="gray" variant="light" tt="none">
            {t.retention.disabled}
          </Badge>
        )}
      </Group>
      <Text size="sm" c="dimmed" className="code">
        {t.retention.forRepositories} {how(draft.excludesRepositories)} {draft.repositories} · {t.retention.forTags}{" "}
        {how(draft.excludesTags)} {draft.tags}
        {draft.untagged && ` · ${t.retention.untagged}`}
      </Text>
    </Stack>
  );
}

interface FormProps {
  rule: Rule | null;
  error: unknown;
  isSaving: boolean;
  onClose: () => void;
  onSave: (rule: Rule) => void;
}

function RuleForm({ rule, error, isSaving, onClose, onSave }: FormProps) {
  const { t } = useText();
  const form = useForm<Draft>({ initialValues: rule === null ? NEW_RULE : draftOf(rule) });
  const templates = Object.entries(t.retention.templates).map(([value, label]) => ({ value, label: label("#") }));
  const how = [
    { value: "matches", label: t.retention.matching },
    { value: "excludes", label: t.retention.excluding },
  ];
  const decoration = (excludes: "excludesRepositories" | "excludesTags") => ({
    value: form.values[excludes] ? "excludes" : "matches",
    onChange: (value: string | null) => form.setFieldValue(excludes, value === "excludes"),
  });
  return (
    <Modal
      opened
      onClose={onClose}
      title={rule === null ? t.retention.addRule : t.retention.editRule}
      size="lg"
      closeButtonProps={{ "aria-label": t.common.close }}
    >
      <form onSubmit={form.onSubmit((draft) => onSave(ruleOf(draft, rule)))}>
        <Stack>
          <Group grow align="flex-start">
            <Select
              label={t.retention.template}
              allowDeselect={false}
              data={templates}
              {...form.getInputProps("template")}
            />
            {form.values.template !== "always" && (
              <NumberInput
                label={t.retention.count}
                min={0}
                allowDecimal={false}
                required
                {...form.getInputProps("count")}
              />
            )}
          </Group>
          <Group grow align="flex-start">
            <Select
              label={t.retention.forRepositories}
              allowDeselect={false}
              data={how}
              {...decoration("excludesRepositories")}
            />
            <TextInput label={t.retention.pattern} required {...form.getInputProps("repositories")} />
          </Group>
          <Group grow align="flex-start">
            <Select label={t.retention.forTags} allowDeselect={false} data={how} {...decoration("excludesTags")} />
            <TextInput label={t.retention.pattern} required {...form.getInputProps("tags")} />
          </Group>
          <Text size="xs" c="dimmed">
            {t.retention.patternHint}
          </Text>
          <Checkbox label={t.retention.untagged} {...form.getInputProps("untagged", { type: "checkbox" })} />
          <Failure error={error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t.common.cancel}
            </Button>
            <Button type="submit" loading={isSaving}>
              {t.common.save}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

interface ScheduleProps {
  policy: Policy;
  canChange: boolean;
  onSave: (trigger: Policy["trigger"]) => Promise<unknown>;
}

function Schedule({ policy, canChange, onSave }: ScheduleProps) {
  const { t } = useText();
  const before = String(policy.trigger?.settings?.cron ?? "");
  const [kind, setKind] = useState(scheduleOf(before));
  const [cron, setCron] = useState(before);
  const chosen = kind === "custom" ? cron : SCHEDULES[kind];
  const save = useChange(
    () => onSave({ kind: "Schedule", settings: { ...policy.trigger?.settings, cron: chosen } }),
    t.retention.saved,
  );
  return (
    <Panel title={t.retention.schedule}>
      <Group align="flex-end">
        <Select
          aria-label={t.retention.schedule}
          allowDeselect={false}
          disabled={!canChange}
          data={Object.entries(t.retention.schedules).map(([value, label]) => ({ value, label }))}
          value={kind}
          onChange={(kind) => kind && setKind(kind as ReturnType<typeof scheduleOf>)}
        />
        {kind === "custom" && (
          <TextInput
            label={t.retention.cron}
            disabled={!canChange}
            value={cron}
            onChange={(event) => setCron(event.currentTarget.value)}
          />
        )}
        {canChange && (
          <Button disabled={chosen === before} loading={save.isPending} onClick={() => save.mutate()}>
            {t.common.save}
          </Button>
        )}
      </Group>
      <Failure error={save.error} />
    </Panel>
  );
}
