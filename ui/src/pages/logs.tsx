// The log of everything the caller may read.
import { Heading } from "@/look/parts";
import { useText } from "@/text";
import { AuditTable } from "./audit-table";

export function Logs() {
  const { t } = useText();
  return (
    <>
      <Heading title={t.logs.title} about={t.logs.about} />
      <AuditTable />
    </>
  );
}
