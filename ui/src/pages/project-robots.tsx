// A project's robot accounts.
import type { TabProps } from "./project";
import { RobotTable } from "./robot-table";

export function ProjectRobots({ project, may }: TabProps) {
  return <RobotTable project={project} may={may} />;
}
