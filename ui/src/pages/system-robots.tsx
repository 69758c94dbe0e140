// Robot accounts that act in many projects.
import { Heading } from "@/look/parts";
import { useMay } from "@/session";
import { useText } from "@/text";
import { RobotTable } from "./robot-table";

export function SystemRobots() {
  const { t } = useText();
  const may = useMay();
  return (
    <>
      <Heading title={t.nav.robots} about={t.robots.about} />
      <RobotTable may={may} />
    </>
  );
}
