// An endpoint as a form has it, and as the server takes it. See docs/guides/upstreams.md for what the options mean.
import type { Model } from "@/api/client";

/** What the server shows in place of a secret; sent back, it means the saved one. */
export const HIDDEN = "*****";

export interface Draft {
  type: string;
  name: string;
  description: string;
  url: string;
  access_key: string;
  access_secret: string;
  verify: boolean;
  ca_certificate: string;
  proxy: string;
  max_connections: number | "";
  bandwidth_kb: number | "";
  ip_family: "" | "ipv4" | "ipv6";
  http2: boolean;
  token_hosts: string[];
  client_certificate: string;
  client_key: string;
}

/** The options that the form has. Others that an endpoint has are sent back as they came. */
type Options = Partial<
  Pick<Draft, "proxy" | "ip_family" | "http2" | "token_hosts" | "client_certificate" | "client_key">
> & {
  max_connections?: number;
  bandwidth_kb?: number;
  [other: string]: unknown;
};

export function draftOf(endpoint: Model<"Registry"> | null): Draft {
  const options = (endpoint?.options ?? {}) as Options;
  return {
    type: endpoint?.type ?? "docker-hub",
    name: endpoint?.name ?? "",
    description: endpoint?.description ?? "",
    url: endpoint?.url ?? "",
    access_key: endpoint?.credential?.access_key ?? "",
    access_secret: endpoint?.credential?.access_secret ?? "",
    verify: !endpoint?.insecure,
    ca_certificate: endpoint?.ca_certificate ?? "",
    proxy: options.proxy ?? "",
    max_connections: options.max_connections ?? "",
    bandwidth_kb: options.bandwidth_kb ?? "",
    ip_family: options.ip_family ?? "",
    http2: options.http2 !== false,
    token_hosts: options.token_hosts ?? [],
    client_certificate: options.client_certificate ?? "",
    client_key: options.client_key ?? "",
  };
}

/** What is sent. Options that are empty are left out, which is their default. */
export function requestOf(draft: Draft, before: Model<"Registry"> | null): Model<"RegistryReq"> {
  const options: Options = { ...((before?.options ?? {}) as Options) };
  const put = (key: keyof Options & string, value: unknown, isThere: boolean) => {
    if (isThere) options[key] = value;
    else delete options[key];
  };
  put("proxy", draft.proxy.trim(), draft.proxy.trim() !== "");
  put("max_connections", draft.max_connections, draft.max_connections !== "");
  put("bandwidth_kb", draft.bandwidth_kb, draft.bandwidth_kb !== "");
  put("ip_family", draft.ip_family, draft.ip_family !== "");
  put("http2", false, !draft.http2);
  put("token_hosts", draft.token_hosts, draft.token_hosts.length > 0);
  put("client_certificate", draft.client_certificate, draft.client_certificate.trim() !== "");
  put("client_key", draft.client_key, draft.client_key.trim() !== "");
  const credential = { access_key: draft.access_key.trim(), access_secret: draft.access_secret };
  return {
    type: draft.type,
    name: draft.name.trim(),
    description: draft.description,
    url: draft.url.trim(),
    insecure: !draft.verify,
    ca_certificate: draft.ca_certificate,
    // Without a name there is no credential, but an edit that takes one away must say so.
    ...(credential.access_key !== "" || credential.access_secret !== "" || before?.credential ? { credential } : {}),
    // The description of the API gives them no form of their own.
    options: options as Record<string, never>,
  };
}
