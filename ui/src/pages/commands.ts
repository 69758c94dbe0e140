// The commands that bring something out of this registry, for each client.

export const CLIENTS = ["docker", "nerdctl", "podman", "ctr", "crictl"] as const;
export type Client = (typeof CLIENTS)[number] | "helm";

export interface Pulled {
  /** `host[:port]`, as clients write it. */
  host: string;
  /** With its project. */
  repository: string;
  /** A tag, or a digest where there is none. */
  reference: string;
  /** Whether the registry is reached without TLS by others than this machine's. */
  isPlain?: boolean;
}

/** `host/project/repository:tag`, or `…@sha256:…`. */
export function imageName({ host, repository, reference }: Pulled): string {
  return `${host}/${repository}${reference.includes(":") ? "@" : ":"}${reference}`;
}

export function pullCommand(client: Client, pulled: Pulled): string {
  const name = imageName(pulled);
  switch (client) {
    case "docker":
      return `docker pull ${name}`;
    case "nerdctl":
      return `nerdctl pull ${pulled.isPlain ? "--insecure-registry " : ""}${name}`;
    case "podman":
      return `podman pull ${pulled.isPlain ? "--tls-verify=false " : ""}${name}`;
    case "ctr":
      return `ctr images pull ${pulled.isPlain ? "--plain-http " : ""}${name}`;
    case "crictl":
      return `crictl pull ${name}`;
    case "helm": {
      const chart = `oci://${pulled.host}/${pulled.repository}`;
      const plain = pulled.isPlain ? " --plain-http" : "";
      // A chart's version has `+` where its tag, which may not, has `_`.
      return pulled.reference.includes(":")
        ? `helm pull ${chart}@${pulled.reference}${plain}`
        : `helm pull ${chart} --version ${pulled.reference.replaceAll("_", "+")}${plain}`;
    }
  }
}
