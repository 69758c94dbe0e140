import { expect, test } from "vitest";
import { CLIENTS, pullCommand } from "./commands";

const nginx = { host: "registry.example.com", repository: "hub/library/nginx", reference: "1.27" };

test("a tag is pulled by every client under one name", () => {
  for (const client of CLIENTS) {
    expect(pullCommand(client, nginx)).toContain(" registry.example.com/hub/library/nginx:1.27");
  }
});

test("what has no tag is pulled by its digest", () => {
  expect(pullCommand("docker", { ...nginx, reference: "sha256:ab" })).toBe(
    "docker pull registry.example.com/hub/library/nginx@sha256:ab",
  );
});

test("clients that would insist on TLS are told where there is none", () => {
  expect(pullCommand("ctr", { ...nginx, isPlain: true })).toContain("--plain-http");
  expect(pullCommand("podman", { ...nginx, isPlain: true })).toContain("--tls-verify=false");
  expect(pullCommand("docker", { ...nginx, isPlain: true })).not.toContain("--");
});

test("a chart's version is its tag with a plus", () => {
  expect(pullCommand("helm", { host: "r.example", repository: "charts/app", reference: "1.0.0_build.5" })).toBe(
    "helm pull oci://r.example/charts/app --version 1.0.0+build.5",
  );
});
