// How the registry behaves: what can be set while it runs.
import {
  Button,
  Checkbox,
  Group,
  NumberInput,
  SegmentedControl,
  Select,
  Stack,
  TagsInput,
  Text,
  TextInput,
} from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, body, type Model } from "@/api/client";
import { Failure, Heading, Panel, useChange } from "@/look/parts";
import { inBytes, inUnit, UNITS, type Unit } from "@/rules";
import { useText } from "@/text";
import { Waiting } from "./project";

type Settings = Record<string, Model<"ConfigItem">>;

export function Configuration() {
  const { t } = useText();
  const found = useQuery({
    queryKey: ["configurations"],
    queryFn: () => body(api.GET("/api/v2.0/configurations")),
  });
  return (
    <>
      <Heading title={t.nav.configuration} about={t.configuration.about} />
      {found.error && <Failure error={found.error} />}
      {found.isPending && <Waiting />}
      {found.data && <Fields settings={found.data} />}
    </>
  );
}

interface Banner {
  message: string;
  type: string;
  closable: boolean;
}

function bannerOf(text: unknown): Banner {
  const none = { message: "", type: "info", closable: true };
  try {
    return { ...none, ...JSON.parse(String(text)) };
  } catch {
    return none;
  }
}

/** Only what was changed is sent. */
function Fields({ settings }: { settings: Settings }) {
  const { t } = useText();
  const [changed, setChanged] = useState<Record<string, unknown>>({});
  const save = useChange(
    () => body(api.PUT("/api/v2.0/configurations", { body: changed })),
    t.configuration.saved,
    () => setChanged({}),
  );
  const value = (key: string) => (key in changed ? changed[key] : settings[key]?.value);
  const put = (key: string, value: unknown) => setChanged({ ...changed, [key]: value });
  const fixed = (key: string) => !settings[key]?.editable;
  const hint = (key: string) => (fixed(key) ? t.configuration.fixed : undefined);
  const flag = (key: string, label: string) => (
    <Checkbox
      label={label}
      description={hint(key)}
      disabled={fixed(key)}
      checked={value(key) === true}
      onChange={(event) => put(key, event.currentTarget.checked)}
    />
  );
  const number = (key: string, label: string, min: number) => (
    <NumberInput
      label={label}
      description={hint(key)}
      disabled={fixed(key)}
      min={min}
      allowDecimal={false}
      value={Number(value(key))}
      onChange={(next) => next !== "" && put(key, Number(next))}
    />
  );
  const text = (key: string, label: string) => (
    <TextInput
      label={label}
      description={hint(key)}
      disabled={fixed(key)}
      value={String(value(key) ?? "")}
      onChange={(event) => put(key, event.currentTarget.value)}
    />
  );
  const banner = bannerOf(value("banner_message"));
  const putBanner = (change: Partial<Banner>) => {
    const next = { ...banner, ...change };
    put("banner_message", next.message === "" ? "" : JSON.stringify(next));
  };
  const events = String(value("disabled_audit_log_event_types") ?? "");
  const isChanged = Object.keys(changed).length > 0;
  return (
    <Stack maw={760}>
      <Panel title={t.configuration.access}>
        <Stack>
          <div>
            <Text size="sm" fw={500} mb={4} id="creation">
              {t.configuration.projectCreation}
            </Text>
            <SegmentedControl
              aria-labelledby="creation"
              disabled={fixed("project_creation_restriction")}
              value={String(value("project_creation_restriction"))}
              onChange={(next) => put("project_creation_restriction", next)}
              data={[
                { value: "everyone", label: t.configuration.everyone },
                { value: "adminonly", label: t.configuration.adminonly },
              ]}
            />
          </div>
          {flag("self_registration", t.configuration.selfRegistration)}
          <Group grow align="flex-start">
            {number("session_timeout", t.configuration.sessionTimeout, 1)}
            {number("token_expiration", t.configuration.tokenExpiration, 1)}
          </Group>
        </Stack>
      </Panel>
      <Panel title={t.configuration.robots}>
        <Group grow align="flex-start">
          {text("robot_name_prefix", t.configuration.robotPrefix)}
          {number("robot_token_duration", t.configuration.robotDuration, -1)}
        </Group>
      </Panel>
      <Panel title={t.configuration.system}>
        <Stack>
          {flag("read_only", t.configuration.readOnly)}
          {flag("quota_per_project_enable", t.configuration.quotas)}
          <DefaultQuota
            bytes={Number(value("storage_per_project"))}
            disabled={fixed("storage_per_project")}
            onChange={(bytes) => put("storage_per_project", bytes)}
          />
        </Stack>
      </Panel>
      <Panel title={t.configuration.audit}>
        <Stack>
          {flag("skip_audit_log_database", t.configuration.skipAudit)}
          {text("audit_log_forward_endpoint", t.configuration.forward)}
          <EventTypes
            value={events === "" ? [] : events.split(",")}
            disabled={fixed("disabled_audit_log_event_types")}
            onChange={(types) => put("disabled_audit_log_event_types", types.join(","))}
          />
        </Stack>
      </Panel>
      <Panel title={t.configuration.banner}>
        <Stack>
          <TextInput
            label={t.configuration.bannerMessage}
            disabled={fixed("banner_message")}
            value={banner.message}
            onChange={(event) => putBanner({ message: event.currentTarget.value })}
          />
          <Select
            label={t.configuration.bannerType}
            allowDeselect={false}
            disabled={fixed("banner_message") || banner.message === ""}
            data={Object.entries(t.configuration.bannerTypes).map(([value, label]) => ({ value, label }))}
            value={banner.type}
            onChange={(type) => type && putBanner({ type })}
          />
          <Checkbox
            label={t.configuration.closable}
            disabled={fixed("banner_message") || banner.message === ""}
            checked={banner.closable}
            onChange={(event) => putBanner({ closable: event.currentTarget.checked })}
          />
        </Stack>
      </Panel>
      <Failure error={save.error} />
      <Group justify="flex-end">
        <Button variant="default" disabled={!isChanged} onClick={() => setChanged({})}>
          {t.common.discard}
        </Button>
        <Button disabled={!isChanged} loading={save.isPending} onClick={() => save.mutate()}>
          {t.common.save}
        </Button>
      </Group>
    </Stack>
  );
}

function DefaultQuota({
  bytes,
  disabled,
  onChange,
}: {
  bytes: number;
  disabled: boolean;
  onChange: (bytes: number) => void;
}) {
  const { t } = useText();
  const shown = inUnit(bytes);
  const [unit, setUnit] = useState<Unit>(shown.unit);
  return (
    <Group grow align="flex-start">
      <NumberInput
        label={t.quotas.default}
        description={t.quotas.unlimitedHint}
        disabled={disabled}
        min={-1}
        value={bytes < 0 ? -1 : bytes / UNITS[unit]}
        onChange={(value) => value !== "" && onChange(inBytes(Number(value), unit))}
      />
      <Select
        label={t.quotas.unit}
        description={"\u00a0"}
        allowDeselect={false}
        disabled={disabled}
        data={Object.keys(UNITS)}
        value={unit}
        onChange={(next) => {
          if (!next) return;
          setUnit(next as Unit);
          if (bytes >= 0) onChange(inBytes(bytes / UNITS[unit], next as Unit));
        }}
      />
    </Group>
  );
}

function EventTypes({
  value,
  disabled,
  onChange,
}: {
  value: string[];
  disabled: boolean;
  onChange: (types: string[]) => void;
}) {
  const { t } = useText();
  const types = useQuery({
    queryKey: ["event-types"],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: () => body(api.GET("/api/v2.0/auditlog-exts/events")),
  });
  return (
    <TagsInput
      label={t.configuration.disabledEvents}
      disabled={disabled}
      data={types.data?.map((type) => type.event_type)}
      value={value}
      onChange={onChange}
    />
  );
}
