// Where the portal starts.
import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "./look/global.css";
import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { BrowserRouter } from "react-router";
import { queries } from "./api/queries";
import { App } from "./app";
import { theme, variables } from "./look/theme";
import { TextProvider } from "./text";

const root = document.getElementById("root");
if (root === null) throw new Error("the page has no root");
createRoot(root).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto">
      <Notifications position="top-right" />
      <QueryClientProvider client={queries}>
        <TextProvider>
          <BrowserRouter>
            <App />
          </BrowserRouter>
        </TextProvider>
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
