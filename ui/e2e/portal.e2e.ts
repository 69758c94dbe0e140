// From an empty server to images seen appearing, by somebody who has only the portal and a client, in both languages.
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Dictionary } from "@/text";
import { en } from "@/text/en";
import { zh } from "@/text/zh";
import {
  api,
  HOST,
  launch,
  look,
  PASSWORD,
  PORTAL,
  pull,
  UPSTREAM,
  UPSTREAM_PID,
  type Visitor,
  visit,
  WORK,
} from "./browser";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser?.close());
// What was to be seen when a test failed is kept beside the logs.
afterEach(async ({ task }) => {
  const contexts = browser.contexts();
  if (task.result?.state === "fail")
    await contexts
      .at(-1)
      ?.pages()[0]
      ?.screenshot({ path: `${WORK}/failed.png` });
  for (const context of contexts) await context.close();
});

/** Elements by the texts that a dictionary has for them. */
const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });
const field = (page: Page, label: string) => page.getByRole("textbox", { name: label, exact: true });

async function signIn(page: Page, t: Dictionary, name = "admin", password = PASSWORD) {
  await page.goto(`${PORTAL}/account/sign-in`);
  await field(page, t.signIn.name).fill(name);
  await page.getByLabel(t.signIn.password, { exact: false }).first().fill(password);
  await button(page, t.signIn.submit).click();
}

async function choose(page: Page, label: string, option: string | RegExp) {
  await page.getByRole("combobox", { name: label, exact: false }).first().click();
  await page.getByRole("option", { name: option }).click();
}

async function menu(page: Page, entry: string) {
  await page.getByRole("navigation").getByRole("link", { name: entry, exact: true }).click();
  await page.getByRole("heading", { level: 1, name: entry }).waitFor();
}

/** For docs/portal, when that is asked for. */
async function picture(page: Page, name: string) {
  const folder = process.env.PORTAL_SCREENSHOTS;
  if (!folder) return;
  await page.waitForTimeout(300);
  await page.screenshot({ path: `${folder}/${name}.png` });
}

const quiet = (visitor: Visitor) => expect(visitor.complaints).toEqual([]);

/** The whole way, in one language: endpoint, project and pull have the names given. */
async function story(visitor: Visitor, t: Dictionary, names: { endpoint: string; project: string }) {
  const { page } = visitor;
  await page.goto(PORTAL);
  await page.waitForURL("**/account/sign-in*");
  await look(visitor, "sign in");
  await signIn(page, t, "admin", "wrong");
  await page.getByText(t.signIn.wrong).waitFor();
  await page.getByLabel(t.signIn.password, { exact: false }).first().fill(PASSWORD);
  await button(page, t.signIn.submit).click();
  await page.waitForURL("**/harbor/home");

  // An endpoint of Docker Hub's kind: first where nobody listens, which the test of the connection tells.
  await menu(page, t.nav.endpoints);
  await button(page, t.endpoints.new).click();
  await choose(page, t.endpoints.provider, "Docker Hub");
  await field(page, t.common.name).fill(names.endpoint);
  const url = page.getByRole("combobox", { name: t.endpoints.url });
  await url.fill("http://127.0.0.1:9");
  await button(page, t.endpoints.test).click();
  await page.getByRole("alert").filter({ hasText: t.endpoints.testFailed }).waitFor();
  expect(await page.getByRole("alert").textContent()).toMatch(/connect/i);
  await url.fill(UPSTREAM);
  await button(page, t.endpoints.test).click();
  await page.getByText(t.endpoints.testPassed).waitFor();
  await look(visitor, "new endpoint");
  await button(page, t.common.save).click();
  await page.getByRole("row").filter({ hasText: names.endpoint }).waitFor();

  // A project that caches it.
  await menu(page, t.nav.projects);
  await button(page, t.projects.new).click();
  await field(page, t.projects.name).fill("Not A Name");
  await field(page, t.projects.name).blur();
  await page.getByRole("dialog").getByText(t.projects.nameRule).nth(1).waitFor();
  await field(page, t.projects.name).fill(names.project);
  await page.getByRole("checkbox", { name: t.projects.public }).check();
  await page.getByRole("switch", { name: t.projects.proxyCache }).check();
  await choose(page, t.projects.endpoint, new RegExp(`^${names.endpoint} `));
  await look(visitor, "new project");
  await button(page, t.projects.create).click();
  await page.getByRole("heading", { level: 1, name: names.project }).waitFor();
  await page.getByText(t.repositories.none).waitFor();

  // The command, and what it brings, seen without a reload.
  await button(page, t.pull.copy).click();
  const command = await page.evaluate(() => navigator.clipboard.readText());
  expect(command).toBe(
    `docker pull ${HOST.replace("127.0.0.1", "localhost")}/${names.project}/library/hello-world:latest`,
  );
  await pull(`${names.project}/library/hello-world:latest`, `${names.project}-hello`);
  await page.getByRole("link", { name: "library/hello-world" }).waitFor({ timeout: 5_000 });
  await pull(`${names.project}/goharbor/harbor-core:dev`, `${names.project}-core`);
  await page.getByRole("link", { name: "goharbor/harbor-core" }).waitFor({ timeout: 5_000 });
  await pull(`${names.project}/nginx:1.27`, `${names.project}-nginx`);
  await page.getByRole("link", { name: "library/nginx" }).click();
  const row = page.getByRole("row").filter({ hasText: "1.27" });
  await row.getByText("linux/amd64").waitFor();
  await row.getByText("linux/arm64").hover();
  await page.getByText(t.artifacts.notHere).first().waitFor();
  await look(visitor, "artifacts");
  await row.getByRole("link", { name: /^sha256:/ }).click();
  await page.getByRole("heading", { name: t.artifacts.platforms }).waitFor();
  await look(visitor, "artifact");
}

test("from an empty server to the cached images, in English", async () => {
  const visitor = await visit(browser, "en-US");
  await story(visitor, en, { endpoint: "hub", project: "hub" });
  const kept = await visitor.page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  expect(kept).not.toMatch(/token|csrf|sid|password/i);
  quiet(visitor);
});

test("the same in Chinese, on a dark page", async () => {
  const visitor = await visit(browser, "zh-CN", "dark");
  await story(visitor, zh, { endpoint: "zhongwen", project: "zhongwen" });
  expect(await visitor.page.evaluate(() => document.documentElement.lang)).toBe("zh-CN");
  quiet(visitor);
});

test("a session that is over leads to signing in, and back", async () => {
  const visitor = await visit(browser, "en-US");
  const { page, context } = visitor;
  await signIn(page, en);
  await page.waitForURL("**/harbor/home");
  await menu(page, en.nav.endpoints);
  await context.clearCookies();
  await page.reload();
  await page.waitForURL("**/account/sign-in?back=*");
  await field(page, en.signIn.name).fill("admin");
  await page.getByLabel(en.signIn.password).first().fill(PASSWORD);
  await button(page, en.signIn.submit).click();
  await page.waitForURL("**/harbor/registries");
  quiet(visitor);
});

test("who may not is not shown it, and told so where they go all the same", async () => {
  const password = "Berth-and-buoy-2";
  await api("POST", "/users", { username: "dev", email: "dev@example.com", realname: "dev", password });
  const visitor = await visit(browser, "en-US");
  const { page } = visitor;
  await signIn(page, en, "dev", password);
  await page.waitForURL("**/harbor/home");
  expect(await page.getByRole("navigation").getByRole("link", { name: en.nav.endpoints }).count()).toBe(0);
  await page.goto(`${PORTAL}/harbor/registries`);
  await page.getByText(en.errors.forbidden).waitFor();
  quiet(visitor);
});

test("what is public is found without signing in, on a phone too", async () => {
  const visitor = await visit(browser, "en-US");
  const { page } = visitor;
  await page.setViewportSize({ width: 360, height: 740 });
  await page.goto(`${PORTAL}/account/sign-in`);
  await field(page, en.signIn.search).fill("nginx");
  await field(page, en.signIn.search).press("Enter");
  await page.getByRole("link", { name: "hub/library/nginx" }).click();
  await page.getByRole("heading", { level: 1, name: "library/nginx" }).waitFor();
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width, "nothing is wider than the phone").toBeLessThanOrEqual(360);
  await look(visitor, "artifacts, as a stranger on a phone");
  quiet(visitor);
});

/** Every page, with something on it. The picture's name, where it is, and what tells that it is there. */
function pages(hub: number, nginx: string): [string, string, string][] {
  const project = `/harbor/projects/${hub}`;
  const repository = `${project}/repositories/library%2Fnginx`;
  return [
    ["home", "/harbor/home", en.home.events],
    ["projects", "/harbor/projects", "hub"],
    ["summary", `${project}/summary`, en.project.newest],
    ["repositories", `${project}/repositories`, "library/nginx"],
    ["members", `${project}/members`, "dev"],
    ["labels", `${project}/labels`, "reviewed"],
    ["robots", `${project}/robot-account`, "cluster"],
    ["policy", `${project}/tag-strategy`, en.retention.addRule],
    ["project-logs", `${project}/logs`, "library/nginx"],
    ["project-configuration", `${project}/configs`, en.cache.filter],
    ["artifacts", repository, "1.27"],
    ["artifact", `${repository}/artifacts-tab/artifacts/${nginx}`, en.artifacts.platforms],
    ["registries", "/harbor/registries", UPSTREAM],
    ["users", "/harbor/users", "dev@example.com"],
    ["system-robots", "/harbor/robot-accounts", "everywhere"],
    ["quotas", "/harbor/project-quotas", "hub"],
    ["logs", "/harbor/logs/audit-log", "127.0.0.1"],
    ["configuration", "/harbor/configs/setting", en.configuration.banner],
    ["connect", "/harbor/connect", "daemon.json"],
    ["search", "/harbor/search?q=nginx", "hub/library/nginx"],
    ["about", "/harbor/about", en.about.components],
    ["not-found", "/harbor/nowhere", en.errors.notFound],
  ];
}

test("every page is there and can be read, on a light page and a dark one", { timeout: 150_000 }, async () => {
  const projects = (await (await api("GET", "/projects?name=hub")).json()) as { name: string; project_id: number }[];
  const hub = projects.find((project) => project.name === "hub")?.project_id ?? 0;
  const artifacts = await (await api("GET", "/projects/hub/repositories/library%252Fnginx/artifacts")).json();
  await api("POST", `/projects/${hub}/members`, { role_id: 2, member_user: { username: "dev" } });
  await api("POST", "/labels", { name: "reviewed", color: "#2b8a3e", scope: "p", project_id: hub });
  const access = [{ resource: "repository", action: "pull" }];
  const robot = (name: string, level: string, namespace: string) =>
    api("POST", "/robots", { name, level, duration: 30, permissions: [{ kind: "project", namespace, access }] });
  await robot("cluster", "project", "hub");
  await robot("everywhere", "system", "*");
  const visitor = await visit(browser, "en-US");
  const { page } = visitor;
  for (const [name, path, sign] of [
    ["sign-in", "/account/sign-in", en.signIn.browse],
    ...pages(hub, artifacts[0].digest),
  ]) {
    await page.emulateMedia({ colorScheme: "light" });
    await page.goto(`${PORTAL}${path}`);
    await page
      .getByText(sign ?? "")
      .first()
      .waitFor();
    await look(visitor, `${name}, light`);
    await picture(page, `${name}-light`);
    await page.emulateMedia({ colorScheme: "dark" });
    await page.locator("html[data-mantine-color-scheme=dark]").waitFor();
    await look(visitor, `${name}, dark`, ["color-contrast"]);
    await picture(page, `${name}-dark`);
    if (name === "sign-in") {
      await signIn(page, en);
      await page.waitForURL("**/harbor/home");
    }
  }
  quiet(visitor);
});

test("an endpoint that goes down is told, with the reason", async () => {
  process.kill(UPSTREAM_PID, "SIGKILL");
  const visitor = await visit(browser, "en-US");
  const { page } = visitor;
  await signIn(page, en);
  await page.waitForURL("**/harbor/home");
  await menu(page, en.nav.endpoints);
  await page.getByRole("button", { name: en.common.actionsOf("hub") }).click();
  await page.getByRole("menuitem", { name: en.endpoints.test }).click();
  await page
    .getByRole("alert")
    .filter({ hasText: /connect/i })
    .waitFor();
  quiet(visitor);
});
