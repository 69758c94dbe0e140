// The log of one project.
import { AuditTable } from "./audit-table";
import type { TabProps } from "./project";

export function ProjectLogs({ project }: TabProps) {
  return <AuditTable project={project.name} />;
}
