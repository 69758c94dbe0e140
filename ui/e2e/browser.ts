// A browser that watches: requests to other hosts, errors of scripts, and what axe finds on each page.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { expect } from "vitest";

function variable(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run this by tests/e2e/run portal`);
  return value;
}

export const PORTAL = variable("PORTAL_URL");
export const UPSTREAM = variable("PORTAL_UPSTREAM");
export const UPSTREAM_PID = Number(variable("PORTAL_UPSTREAM_PID"));
export const PASSWORD = variable("ROADSTEAD_ADMIN_PASSWORD");
export const WORK = variable("PORTAL_WORK");
export const HOST = new URL(PORTAL).host;

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export function launch(): Promise<Browser> {
  const args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"];
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });
}

/** What should not have happened, of one visitor. */
export interface Visitor {
  page: Page;
  context: BrowserContext;
  complaints: string[];
}

export async function visit(browser: Browser, locale: string, look: "light" | "dark" = "light"): Promise<Visitor> {
  const context = await browser.newContext({
    locale,
    colorScheme: look,
    viewport: { width: 1280, height: 800 },
    permissions: ["clipboard-read", "clipboard-write"],
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(`${PORTAL}/`)) complaints.push(`asks another host: ${request.url()}`);
  });
  page.on("pageerror", (error) => complaints.push(`throws: ${error.message}`));
  page.on("console", (message) => {
    const text = message.text();
    // The browser itself tells of every answer that is an error, which the story has some of.
    if (message.type() === "error" && !text.startsWith("Failed to load resource")) complaints.push(`says: ${text}`);
  });
  return { page, context, complaints };
}

/** Has axe look at the page, or at its colours alone: what it finds serious is complained of. */
export async function look({ page, complaints }: Visitor, name: string, rules?: string[]): Promise<void> {
  await page.evaluate(AXE);
  const found = await page.evaluate(async (rules) => {
    const axe = (globalThis as unknown as { axe: typeof import("axe-core") }).axe;
    const { violations } = await axe.run(document, { resultTypes: ["violations"], runOnly: rules });
    return violations
      .filter((violation) => violation.impact === "serious" || violation.impact === "critical")
      .flatMap((violation) =>
        violation.nodes.map((node) => `${violation.id}: ${node.failureSummary} ${node.html.slice(0, 200)}`),
      );
  }, rules);
  complaints.push(...found.map((text) => `axe on ${name}: ${text}`));
}

const run = promisify(execFile);

/** Pulls like any client: through the registry API. */
export async function pull(name: string, folder: string, ...more: string[]): Promise<void> {
  await run("skopeo", [
    "copy",
    "--quiet",
    "--src-tls-verify=false",
    ...more,
    `docker://${HOST}/${name}`,
    `dir:${WORK}/${folder}`,
  ]);
}

/** The management API as the administrator, for what the story does not do by hand. */
export async function api(method: string, path: string, body?: unknown): Promise<Response> {
  const response = await fetch(`${PORTAL}/api/v2.0${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(`admin:${PASSWORD}`).toString("base64")}`,
      "content-type": "application/json",
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  expect(response.ok, `${method} ${path}: ${response.status}`).toBe(true);
  return response;
}
