// A new project: hosted, or a proxy cache of an endpoint.
import {
  Anchor,
  Button,
  Checkbox,
  Collapse,
  Drawer,
  Group,
  NumberInput,
  Select,
  Stack,
  Switch,
  Text,
  TextInput,
} from "@mantine/core";
import { useForm } from "@mantine/form";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useNavigate } from "react-router";
import { api, body, created } from "@/api/client";
import { Failure, useChange } from "@/look/parts";
import { inBytes, isProjectName, UNITS, type Unit } from "@/rules";
import { useMay } from "@/session";
import { useText } from "@/text";
import { CacheFields, type CacheSettings, cacheMetadata, NEW_CACHE } from "./cache-settings";

interface Draft {
  name: string;
  isPublic: boolean;
  isProxy: boolean;
  registry: string | null;
  quota: number | string;
  unit: Unit;
  cache: CacheSettings;
}

const NEW: Draft = {
  name: "",
  isPublic: false,
  isProxy: false,
  registry: null,
  quota: -1,
  unit: "GiB",
  cache: NEW_CACHE,
};

export function NewProject({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const { t } = useText();
  return (
    <Drawer
      opened={isOpen}
      onClose={onClose}
      position="right"
      size="lg"
      title={t.projects.new}
      closeButtonProps={{ "aria-label": t.common.close }}
    >
      {isOpen && <Fields onClose={onClose} />}
    </Drawer>
  );
}

function Fields({ onClose }: { onClose: () => void }) {
  const { t } = useText();
  const may = useMay();
  const navigate = useNavigate();
  const form = useForm<Draft>({
    initialValues: NEW,
    validateInputOnBlur: ["name"],
    validate: {
      name: (name) => (isProjectName(name) ? null : t.projects.nameRule),
      registry: (registry, draft) => (draft.isProxy && registry === null ? t.common.required : null),
    },
  });
  const isTaken = useIsTaken(form.values.name);
  const endpoints = useQuery({
    queryKey: ["registries", "all"],
    enabled: may("registry", "list"),
    queryFn: () => body(api.GET("/api/v2.0/registries", { params: { query: { page_size: 100, sort: "name" } } })),
  });
  const make = useChange(
    (draft: Draft) =>
      created(
        api.POST("/api/v2.0/projects", {
          body: {
            project_name: draft.name,
            metadata: {
              public: String(draft.isPublic),
              ...(draft.isProxy ? cacheMetadata(draft.cache) : {}),
            },
            registry_id: draft.isProxy ? Number(draft.registry) : undefined,
            storage_limit: may("quota", "update") ? inBytes(Number(draft.quota), draft.unit) : undefined,
          },
        }),
      ),
    t.projects.made(form.values.name),
    (id) => {
      onClose();
      navigate(`/harbor/projects/${id}/repositories`);
    },
  );
  const chosen = endpoints.data?.find((endpoint) => String(endpoint.id) === form.values.registry);
  return (
    <form onSubmit={form.onSubmit((values) => make.mutate(values))}>
      <Stack>
        <TextInput
          label={t.projects.name}
          description={t.projects.nameRule}
          required
          data-autofocus
          {...form.getInputProps("name")}
          error={form.errors.name ?? (isTaken ? t.projects.taken : undefined)}
        />
        <Checkbox
          label={t.projects.public}
          description={t.projects.publicHint}
          {...form.getInputProps("isPublic", { type: "checkbox" })}
        />
        {may("quota", "update") && (
          <Group align="flex-start" grow>
            <NumberInput
              label={t.quotas.limit}
              description={t.quotas.unlimitedHint}
              min={-1}
              {...form.getInputProps("quota")}
            />
            <Select
              label={t.quotas.unit}
              description={"\u00a0"}
              allowDeselect={false}
              data={Object.keys(UNITS)}
              {...form.getInputProps("unit")}
            />
          </Group>
        )}
        {may("registry", "list") && (
          <Switch
            label={t.projects.proxyCache}
            description={t.projects.proxyHint}
            {...form.getInputProps("isProxy", { type: "checkbox" })}
          />
        )}
        <Collapse expanded={form.values.isProxy}>
          <Stack>
            <Select
              label={t.projects.endpoint}
              required
              searchable
              placeholder={t.projects.chooseEndpoint}
              nothingFoundMessage={t.common.nothingFound}
              data={(endpoints.data ?? []).map((endpoint) => ({
                value: String(endpoint.id),
                label: `${endpoint.name} – ${endpoint.url}`,
              }))}
              {...form.getInputProps("registry")}
            />
            {endpoints.data?.length === 0 && (
              <Text size="sm">
                {t.projects.noEndpoints}{" "}
                <Anchor component={Link} to="/harbor/registries" inherit>
                  {t.nav.endpoints}
                </Anchor>
              </Text>
            )}
            {chosen?.status === "unhealthy" && (
              <Text size="sm" c="red">
                {chosen.status_reason ?? t.endpoints.unhealthy}
              </Text>
            )}
            <CacheFields value={form.values.cache} onChange={(cache) => form.setFieldValue("cache", cache)} />
          </Stack>
        </Collapse>
        <Failure error={make.error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t.common.cancel}
          </Button>
          <Button type="submit" loading={make.isPending} disabled={isTaken}>
            {t.projects.create}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** Whether there is such a project already, among those the caller may see. */
function useIsTaken(name: string): boolean {
  const [settled] = useDebouncedValue(name, 300);
  const [known, setKnown] = useState<Record<string, boolean>>({});
  useQuery({
    queryKey: ["project-name", settled],
    enabled: isProjectName(settled) && known[settled] === undefined,
    queryFn: async () => {
      const found = await body(api.GET("/api/v2.0/projects", { params: { query: { q: `name=${settled}` } } }));
      setKnown((known) => ({ ...known, [settled]: found.length > 0 }));
      return found.length > 0;
    },
  });
  return known[name] ?? false;
}
