// A label, in its own colour.
import { Badge } from "@mantine/core";
import type { Model } from "@/api/client";

export function LabelBadge({ label }: { label: Pick<Model<"Label">, "name" | "color" | "description"> }) {
  const color = /^#[0-9a-fA-F]{6}$/.test(label.color ?? "") ? label.color : undefined;
  return (
    <Badge variant="filled" color={color ?? "gray"} autoContrast tt="none" title={label.description}>
      {label.name}
    </Badge>
  );
}
