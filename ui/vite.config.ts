// How the portal is built: one chunk a page, compressed ahead, and held to a size.
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { clean, compress, limitFirstLoad } from "./build/plugins.ts";

const server = process.env.ROADSTEAD_URL ?? "http://127.0.0.1:8080";
// What the server answers, as opposed to the portal.
const api = ["/api", "/c/", "/v2", "/service", "/devcenter-api-2.0"];

export default defineConfig({
  plugins: [react(), clean(), compress(), limitFirstLoad(250 * 1024)],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    // The folder is kept for the server's build, which watches it: `clean` empties it.
    emptyOutDir: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: true,
    target: "es2022",
  },
  server: { proxy: Object.fromEntries(api.map((path) => [path, { target: server, changeOrigin: false }])) },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
