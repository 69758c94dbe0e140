// What more an artifact tells of itself: how an image was built, a chart's values and readme.
import { Code, ScrollArea, Tabs, Text, Timeline } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, body, type Model } from "@/api/client";
import { Failure, Panel, Time } from "@/look/parts";
import { useText } from "@/text";
import type { Place } from "./artifact";

type Kind = "build_history" | "values.yaml" | "readme.md" | "dependencies";
const KINDS: Kind[] = ["build_history", "readme.md", "values.yaml", "dependencies"];

/** A step of an image's history, as its configuration has it. */
interface Step {
  created?: string;
  created_by?: string;
  comment?: string;
  empty_layer?: boolean;
}

export function Additions({ artifact, path }: { artifact: Model<"Artifact">; path: Place }) {
  const { t } = useText();
  const there = KINDS.filter((kind) => artifact.addition_links?.[kind] !== undefined);
  const first = there[0];
  if (first === undefined) return null;
  return (
    <Panel>
      <Tabs defaultValue={first} keepMounted={false}>
        <Tabs.List mb="md">
          {there.map((kind) => (
            <Tabs.Tab key={kind} value={kind}>
              {t.additions[kind]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {there.map((kind) => (
          <Tabs.Panel key={kind} value={kind}>
            <Addition kind={kind} path={path} />
          </Tabs.Panel>
        ))}
      </Tabs>
    </Panel>
  );
}

function Addition({ kind, path }: { kind: Kind; path: Place }) {
  const { t } = useText();
  const found = useQuery({
    queryKey: ["addition", kind, path],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: () =>
      body(
        api.GET("/api/v2.0/projects/{project}/repositories/{repository}/artifacts/{reference}/additions/{addition}", {
          params: { path: { ...path, addition: kind } },
          parseAs: "text",
        }),
      ),
  });
  if (found.error) return <Failure error={found.error} />;
  if (found.data === undefined) return null;
  if (kind === "build_history") return <History steps={JSON.parse(found.data) as Step[]} />;
  return (
    <ScrollArea.Autosize mah={480} viewportProps={{ tabIndex: 0, role: "region", "aria-label": t.additions[kind] }}>
      <Code block>{found.data}</Code>
    </ScrollArea.Autosize>
  );
}

/** Oldest first. A step without a layer changed only how the image is run. */
function History({ steps }: { steps: Step[] }) {
  const { t } = useText();
  return (
    <Timeline bulletSize={16} lineWidth={2} active={steps.length}>
      {steps.map((step, position) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a history has no other name for its steps, and does not change
        <Timeline.Item key={position}>
          <Code className="code" style={{ whiteSpace: "pre-wrap" }}>
            {step.created_by ?? step.comment ?? ""}
          </Code>
          <Text size="xs" c="dimmed">
            <Time time={step.created} /> · {step.empty_layer ? t.additions.noLayer : t.additions.layer}
          </Text>
        </Timeline.Item>
      ))}
    </Timeline>
  );
}
