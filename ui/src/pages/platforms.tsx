// The machines an artifact is for, and which of them are here.
import { Badge, Group, Text, Tooltip } from "@mantine/core";
import type { Model } from "@/api/client";
import { useText } from "@/text";
import { platformName, platformsOf } from "./platform-names";

export function Platforms({ artifact }: { artifact: Model<"Artifact"> }) {
  const { t } = useText();
  const platforms = platformsOf(artifact);
  if (platforms.length === 0) return <Text size="sm">{artifact.type === "IMAGE" ? "–" : artifact.type}</Text>;
  return (
    <Group gap={4}>
      {platforms.map(({ platform, digest, isHere }) => (
        <Tooltip key={digest} label={isHere ? t.artifacts.here : t.artifacts.notHere}>
          <Badge
            variant={isHere ? "light" : "outline"}
            color={isHere ? "sea" : "gray"}
            tt="none"
            tabIndex={0}
            style={isHere ? undefined : { borderStyle: "dashed" }}
          >
            {platformName(platform)}
          </Badge>
        </Tooltip>
      ))}
    </Group>
  );
}
