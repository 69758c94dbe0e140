// The look: colours, type and defaults. Everything else is the component library's.
import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from "@mantine/core";

const sea: MantineColorsTuple = [
  "#e7f6f8",
  "#d3eaee",
  "#a6d3dc",
  "#76bbc8",
  "#4ea7b7",
  "#359aad",
  "#1f8a9e",
  "#0f7689",
  "#0a6475",
  "#064f5d",
];

export const theme = createTheme({
  colors: { sea },
  primaryColor: "sea",
  primaryShade: { light: 7, dark: 5 },
  autoContrast: true,
  luminanceThreshold: 0.35,
  defaultRadius: "md",
  fontFamily:
    'Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "JetBrains Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
  headings: { fontWeight: "650" },
  components: {
    Paper: { defaultProps: { radius: "md" } },
    Modal: { defaultProps: { centered: true, overlayProps: { backgroundOpacity: 0.45, blur: 2 } } },
    Tooltip: { defaultProps: { withArrow: true, events: { hover: true, focus: true, touch: true } } },
    Table: { defaultProps: { verticalSpacing: "sm", horizontalSpacing: "md" } },
    // A name of a platform or a tag is read whole, however narrow its column.
    Badge: { styles: { root: { minWidth: "max-content" } } },
    Anchor: { defaultProps: { underline: "hover" } },
  },
});

/** Small grey text, dark enough to read. */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-dimmed": "#55636f",
    "--mantine-color-placeholder": "#6b7782",
    "--mantine-color-error": "#c92a2a",
  },
  dark: {
    "--mantine-color-dimmed": "#a3b0bb",
    "--mantine-color-body": "#1a2127",
    "--mantine-color-default-border": "#333d45",
  },
});
