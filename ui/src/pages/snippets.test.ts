import { expect, test } from "vitest";
import { mirrored, snippets } from "./snippets";

const setup = {
  host: "registry.example.com",
  url: "https://registry.example.com",
  isPlain: false,
  project: "hub",
  mirrors: "docker.io",
  isOwnAuthority: false,
};

test("containerd asks this server under the project's path", () => {
  const { hosts, hostsPath } = snippets(setup);
  expect(hostsPath).toBe("/etc/containerd/certs.d/docker.io/hosts.toml");
  expect(hosts).toContain('[host."https://registry.example.com/v2/hub"]');
  expect(hosts).toContain("override_path = true");
});

test("clients that insist on TLS are told where there is none", () => {
  const plain = snippets({ ...setup, host: "localhost:8080", url: "http://localhost:8080", isPlain: true });
  expect(JSON.parse(plain.daemon)).toEqual({ "insecure-registries": ["localhost:8080"] });
  expect(plain.registries).toContain("insecure = true");
  expect(snippets(setup).registries).toContain("insecure = false");
});

test("a registry is called as images call it", () => {
  expect(mirrored("docker-hub", "https://hub.docker.com")).toBe("docker.io");
  expect(mirrored("quay", "https://quay.io")).toBe("quay.io");
  expect(mirrored("docker-registry", "no url")).toBe("docker.io");
});
