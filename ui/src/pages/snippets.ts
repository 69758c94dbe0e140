// The settings of clients, as text. What they mean is in each client's own documentation.

export interface Setup {
  /** `host[:port]` of this server. */
  host: string;
  url: string;
  /** Whether it is reached without TLS. */
  isPlain: boolean;
  /** The proxy cache project to go through. */
  project: string;
  /** The registry, as images name it, that the project caches. */
  mirrors: string;
  /** Whether this server's certificate is of an authority of its own. */
  isOwnAuthority: boolean;
}

/** How images name the registry behind an endpoint. */
export function mirrored(type: string, url: string): string {
  if (type === "docker-hub") return "docker.io";
  if (type === "github-ghcr") return "ghcr.io";
  try {
    return new URL(url).host;
  } catch {
    return "docker.io";
  }
}

export function snippets({ host, url, isPlain, project, mirrors, isOwnAuthority }: Setup) {
  const certificates = "/etc/containerd/certs.d";
  const upstream = mirrors === "docker.io" ? "https://registry-1.docker.io" : `https://${mirrors}`;
  const authority = isOwnAuthority ? `  ca = "/etc/containerd/roadstead-ca.crt"\n` : "";
  return {
    daemon: JSON.stringify({ "insecure-registries": [host] }, null, 2),
    pull: `docker pull ${host}/${project}/${mirrors === "docker.io" ? "library/" : ""}…`,
    dockerCertificate: `mkdir -p /etc/docker/certs.d/${host}\ncp ca.crt /etc/docker/certs.d/${host}/ca.crt`,
    login: `docker login ${host}`,
    containerdConfig: `# containerd 2: [plugins.'io.containerd.cri.v1.images'.registry]
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "${certificates}"`,
    hostsPath: `${certificates}/${mirrors}/hosts.toml`,
    hosts: `server = "${upstream}"

[host."${url}/v2/${project}"]
  capabilities = ["pull", "resolve"]
  override_path = true
${authority}`,
    registries: `[[registry]]
prefix = "${mirrors}"
location = "${mirrors}"

[[registry.mirror]]
location = "${host}/${project}"
insecure = ${isPlain}
`,
    k3s: `mirrors:
  ${mirrors}:
    endpoint:
      - "${url}"
    rewrite:
      "^(.*)$": "${project}/$1"
`,
    secret: `kubectl create secret docker-registry roadstead \\
  --docker-server=${host} \\
  --docker-username='robot$puller' \\
  --docker-password='…'`,
    pod: `apiVersion: v1
kind: Pod
metadata:
  name: example
spec:
  imagePullSecrets:
    - name: roadstead
  containers:
    - name: example
      image: ${host}/${project}/library/nginx:1.27
`,
    helm: `helm registry login ${host}${isPlain ? " --plain-http" : ""}
helm pull oci://${host}/charts/app --version 1.0.0${isPlain ? " --plain-http" : ""}
helm push app-1.0.0.tgz oci://${host}/charts${isPlain ? " --plain-http" : ""}`,
  };
}
