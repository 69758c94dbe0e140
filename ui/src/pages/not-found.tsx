// Nothing is at that address.
import { Anchor } from "@mantine/core";
import { IconCompass } from "@tabler/icons-react";
import { Link } from "react-router";
import { Empty } from "@/look/parts";
import { useText } from "@/text";

export function NotFound() {
  const { t } = useText();
  return (
    <Empty icon={IconCompass} title={t.errors.notFound}>
      <Anchor component={Link} to="/">
        {t.errors.toStart}
      </Anchor>
    </Empty>
  );
}
