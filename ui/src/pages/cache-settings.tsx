// How a proxy cache project behaves: the fields, and the settings they become.
import { Checkbox, Group, NumberInput, SegmentedControl, Select, Stack, Text, TextInput } from "@mantine/core";
import { useText } from "@/text";

export interface CacheSettings {
  bandwidth: number;
  bandwidthUnit: "Kbps" | "Mbps";
  connections: number;
  pattern: string;
  kind: "doublestar" | "regex";
  localOnNotFound: boolean;
  referrers: boolean;
  /** Seconds; empty: the server's own. */
  revalidate: number | "";
}

export const NEW_CACHE: CacheSettings = {
  bandwidth: -1,
  bandwidthUnit: "Kbps",
  connections: -1,
  pattern: "",
  kind: "doublestar",
  localOnNotFound: false,
  referrers: true,
  revalidate: "",
};

/** From what a project has. */
export function cacheSettings(metadata: Record<string, string>): CacheSettings {
  const kilobits = Number(metadata.proxy_speed_kb ?? -1);
  const isWholeMegabits = kilobits > 0 && kilobits % 1024 === 0;
  const seconds = metadata.revalidate_after_seconds;
  return {
    bandwidth: isWholeMegabits ? kilobits / 1024 : kilobits,
    bandwidthUnit: isWholeMegabits ? "Mbps" : "Kbps",
    connections: Number(metadata.max_upstream_conn ?? -1),
    pattern: metadata.proxy_cache_filter_pattern ?? "",
    kind: metadata.proxy_cache_filter_kind === "regex" ? "regex" : "doublestar",
    localOnNotFound: metadata.proxy_cache_local_on_not_found === "true",
    referrers: metadata.proxy_referrer_api !== "false",
    revalidate: seconds === undefined || seconds === "" ? "" : Number(seconds),
  };
}

/** To what the server keeps. */
export function cacheMetadata(settings: CacheSettings): Record<string, string> {
  const kilobits =
    settings.bandwidth > 0 && settings.bandwidthUnit === "Mbps" ? settings.bandwidth * 1024 : settings.bandwidth;
  return {
    proxy_speed_kb: String(kilobits),
    max_upstream_conn: String(settings.connections),
    proxy_cache_filter_pattern: settings.pattern.trim(),
    proxy_cache_filter_kind: settings.kind,
    proxy_cache_local_on_not_found: String(settings.localOnNotFound),
    proxy_referrer_api: String(settings.referrers),
    // An empty text takes a setting away.
    revalidate_after_seconds: String(settings.revalidate),
  };
}

interface Props {
  value: CacheSettings;
  onChange: (value: CacheSettings) => void;
  disabled?: boolean;
}

export function CacheFields({ value, onChange, disabled }: Props) {
  const { t } = useText();
  const put = (change: Partial<CacheSettings>) => onChange({ ...value, ...change });
  return (
    <Stack>
      <Group align="flex-start" grow>
        <NumberInput
          label={t.cache.bandwidth}
          description={t.cache.unlimitedHint}
          min={-1}
          allowDecimal={false}
          disabled={disabled}
          value={value.bandwidth}
          onChange={(bandwidth) => put({ bandwidth: bandwidth === "" ? -1 : Number(bandwidth) })}
        />
        <Select
          label={t.quotas.unit}
          description={"\u00a0"}
          allowDeselect={false}
          disabled={disabled}
          data={["Kbps", "Mbps"]}
          value={value.bandwidthUnit}
          onChange={(unit) => put({ bandwidthUnit: unit === "Mbps" ? "Mbps" : "Kbps" })}
        />
      </Group>
      <NumberInput
        label={t.cache.connections}
        description={t.cache.unlimitedHint}
        min={-1}
        allowDecimal={false}
        disabled={disabled}
        value={value.connections}
        onChange={(connections) => put({ connections: connections === "" ? -1 : Number(connections) })}
      />
      <TextInput
        label={t.cache.filter}
        description={t.cache.filterHint}
        placeholder={value.kind === "regex" ? "^library/.*$" : "library/**"}
        disabled={disabled}
        value={value.pattern}
        onChange={(event) => put({ pattern: event.currentTarget.value })}
      />
      <div>
        <Text size="sm" fw={500} mb={4} id="filter-kind">
          {t.cache.filterKind}
        </Text>
        <SegmentedControl
          aria-labelledby="filter-kind"
          disabled={disabled}
          data={[
            { value: "doublestar", label: "Doublestar" },
            { value: "regex", label: "Regex" },
          ]}
          value={value.kind}
          onChange={(kind) => put({ kind: kind === "regex" ? "regex" : "doublestar" })}
        />
      </div>
      <NumberInput
        label={t.cache.revalidate}
        description={t.cache.revalidateHint}
        min={0}
        allowDecimal={false}
        disabled={disabled}
        value={value.revalidate}
        onChange={(revalidate) => put({ revalidate: revalidate === "" ? "" : Number(revalidate) })}
      />
      <Checkbox
        label={t.cache.localOnNotFound}
        description={t.cache.localOnNotFoundHint}
        disabled={disabled}
        checked={value.localOnNotFound}
        onChange={(event) => put({ localOnNotFound: event.currentTarget.checked })}
      />
      <Checkbox
        label={t.cache.referrers}
        disabled={disabled}
        checked={value.referrers}
        onChange={(event) => put({ referrers: event.currentTarget.checked })}
      />
    </Stack>
  );
}
