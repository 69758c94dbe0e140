// A label: its colour as a dot, since nobody keeps people from choosing one that text cannot be read on.
import { Badge, ColorSwatch } from "@mantine/core";
import type { Model } from "@/api/client";

export function LabelBadge({ label }: { label: Pick<Model<"Label">, "name" | "color" | "description"> }) {
  const color = /^#[0-9a-fA-F]{6}$/.test(label.color ?? "") ? label.color : undefined;
  return (
    <Badge
      variant="default"
      tt="none"
      title={label.description}
      leftSection={<ColorSwatch size={10} color={color ?? "#868e96"} withShadow={false} />}
    >
      {label.name}
    </Badge>
  );
}
