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

/** Greys of a dark page, with a little of the sea in them. */
const dark: MantineColorsTuple = [
  "#d5dde3",
  "#b6c1c9",
  "#8f9ca7",
  "#66747f",
  "#3d4a54",
  "#33404a",
  "#222c34",
  "#1a2229",
  "#151c22",
  "#10161b",
];

export const theme = createTheme({
  colors: { sea, dark },
  primaryColor: "sea",
  primaryShade: { light: 7, dark: 7 },
  defaultRadius: "md",
  fontFamily:
    'Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "JetBrains Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
  headings: { fontWeight: "650" },
  components: {
    Paper: { defaultProps: { radius: "md" } },
    Modal: { defaultProps: { centered: true, overlayProps: { backgroundOpacity: 0.45, blur: 2 } } },
    Tooltip: { defaultProps: { withArrow: true, events: { hover: true, focus: true, touch: true } } },
    Table: { defaultProps: { verticalSpacing: "sm", horizontalSpacing: "sm" } },
    // A name of a platform or a tag is read whole, however narrow its column.
    Badge: { styles: { root: { minWidth: "max-content" } } },
    Anchor: { defaultProps: { underline: "hover" } },
  },
});

/** Text that is grey or coloured, dark enough to read (on a dark page: light enough). */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-dimmed": "#55636f",
    "--mantine-color-placeholder": "#66727d",
    "--mantine-color-error": "#c92a2a",
    "--mantine-color-sea-light-color": "#064f5d",
    "--mantine-color-teal-light-color": "#05593f",
    "--mantine-color-red-light-color": "#a01818",
    "--mantine-color-yellow-light-color": "#704500",
    "--mantine-color-gray-light-color": "#343a40",
  },
  dark: {
    "--mantine-color-anchor": "#8ccbd6",
    "--mantine-color-dimmed": "#a9b5bf",
    "--mantine-color-placeholder": "#8f9ba5",
    "--mantine-color-error": "#ff8787",
    "--mantine-color-sea-light-color": "#a6d3dc",
    "--mantine-color-teal-light-color": "#96f2d7",
    "--mantine-color-red-light-color": "#ffc9c9",
    "--mantine-color-yellow-light-color": "#ffec99",
    "--mantine-color-gray-light-color": "#dee2e6",
  },
});
