// What a robot may do, as a form has it and as the server takes it.
import type { Model } from "@/api/client";

type Granted = Model<"RobotPermission">;

/** `repository pull`, and so on: what is chosen. */
export type Chosen = string[];

export interface Grants {
  system: Chosen;
  /** The same in each of the projects. */
  inProjects: Chosen;
  allProjects: boolean;
  projects: string[];
}

export const PULL: Chosen = ["repository pull"];
export const PUSH: Chosen = ["repository pull", "repository push"];

export function key(access: { resource?: string; action?: string }): string {
  return `${access.resource} ${access.action}`;
}

function access(chosen: Chosen) {
  return chosen.map((key) => {
    const [resource = "", action = ""] = key.split(" ");
    return { resource, action };
  });
}

/** A robot that does different things in different projects cannot be put into this form. */
export function grantsOf(permissions: Granted[]): Grants | null {
  const system = permissions.find((permission) => permission.kind === "system");
  const inProjects = permissions.filter((permission) => permission.kind === "project");
  const keys = inProjects.map((permission) => (permission.access ?? []).map(key).sort().join());
  if (new Set(keys).size > 1) return null;
  const names = inProjects.map((permission) => permission.namespace ?? "");
  return {
    system: (system?.access ?? []).map(key),
    inProjects: (inProjects[0]?.access ?? []).map(key),
    allProjects: names.includes("*"),
    projects: names.filter((name) => name !== "*"),
  };
}

export function permissionsOf(grants: Grants): Granted[] {
  const names = grants.allProjects ? ["*"] : grants.projects;
  const granted: Granted[] = names
    .filter(() => grants.inProjects.length > 0)
    .map((namespace) => ({ kind: "project", namespace, access: access(grants.inProjects) }));
  if (grants.system.length > 0) granted.unshift({ kind: "system", namespace: "/", access: access(grants.system) });
  return granted;
}
