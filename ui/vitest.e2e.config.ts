// The portal in a browser: run by tests/e2e/cases/95-portal.sh, which starts what it needs.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  test: { include: ["e2e/*.e2e.ts"], environment: "node", testTimeout: 60_000, hookTimeout: 30_000, bail: 1 },
});
