// A project's settings, and its end.
import { Alert, Button, Checkbox, Group, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import { api, body } from "@/api/client";
import { Confirm, Failure, Panel, useChange } from "@/look/parts";
import { useText } from "@/text";
import { CacheFields, cacheMetadata, cacheSettings } from "./cache-settings";
import type { TabProps } from "./project";

export function ProjectConfiguration({ project, may }: TabProps) {
  const { t } = useText();
  const path = { project: String(project.project_id) };
  const [isPublic, setPublic] = useState(project.metadata.public === "true");
  const [cache, setCache] = useState(() => cacheSettings(project.metadata));
  const isProxy = !!project.registry_id;
  const save = useChange(
    () =>
      body(
        api.PUT("/api/v2.0/projects/{project}", {
          params: { path },
          body: { metadata: { public: String(isPublic), ...(isProxy ? cacheMetadata(cache) : {}) } },
        }),
      ),
    t.configuration.saved,
  );
  return (
    <Stack maw={760}>
      {project.declared && <Alert>{t.project.fromFile}</Alert>}
      <Panel>
        <Stack>
          <Checkbox
            label={t.projects.public}
            description={t.projects.publicHint}
            disabled={project.declared}
            checked={isPublic}
            onChange={(event) => setPublic(event.currentTarget.checked)}
          />
          {isProxy && <CacheFields value={cache} onChange={setCache} disabled={project.declared} />}
          <Failure error={save.error} />
          {!project.declared && (
            <Group justify="flex-end">
              <Button loading={save.isPending} onClick={() => save.mutate()}>
                {t.common.save}
              </Button>
            </Group>
          )}
        </Stack>
      </Panel>
      {may(".", "delete") && !project.declared && <End id={path.project} name={project.name} />}
    </Stack>
  );
}

function End({ id, name }: { id: string; name: string }) {
  const { t } = useText();
  const navigate = useNavigate();
  const [isAsking, setAsking] = useState(false);
  const deletable = useQuery({
    queryKey: ["deletable", id],
    queryFn: () => body(api.GET("/api/v2.0/projects/{project}/_deletable", { params: { path: { project: id } } })),
  });
  return (
    <Panel title={t.project.danger}>
      <Text size="sm" mb="md">
        {t.project.dangerHint}
      </Text>
      {deletable.data && !deletable.data.deletable && (
        <Text size="sm" mb="md">
          {t.project.notDeletable} {deletable.data.message}
        </Text>
      )}
      <Button color="red" variant="light" disabled={!deletable.data?.deletable} onClick={() => setAsking(true)}>
        {t.project.danger}
      </Button>
      <Confirm
        isOpen={isAsking}
        title={t.project.deleteTitle(name)}
        confirm={t.common.delete}
        done={t.project.deleted(name)}
        onClose={() => setAsking(false)}
        onDone={() => navigate("/harbor/projects")}
        act={() => body(api.DELETE("/api/v2.0/projects/{project}", { params: { path: { project: id } } }))}
      >
        {t.project.dangerHint}
      </Confirm>
    </Panel>
  );
}
