// A robot's secret, shown once.
import { Alert, Button, Group, Modal, Stack, Text } from "@mantine/core";
import { IconDownload, IconEyeOff } from "@tabler/icons-react";
import { Snippet } from "@/look/parts";
import { useText } from "@/text";
import { download } from "./csv";
import { useHost } from "./pull-commands";

export interface Secret {
  name: string;
  secret: string;
}

export function RobotSecret({ secret, onClose }: { secret: Secret | null; onClose: () => void }) {
  const { t } = useText();
  const { host } = useHost();
  return (
    <Modal
      opened={secret !== null}
      onClose={onClose}
      size="lg"
      closeOnClickOutside={false}
      title={t.robots.secretTitle(secret?.name ?? "")}
      closeButtonProps={{ "aria-label": t.common.close }}
    >
      {secret && (
        <Stack>
          <Alert color="yellow" icon={<IconEyeOff />}>
            {t.robots.secretHint}
          </Alert>
          <Snippet text={secret.name} />
          <Snippet text={secret.secret} />
          <Text size="sm" fw={500}>
            {t.robots.login}
          </Text>
          <Snippet text={`docker login ${host} --username '${secret.name}' --password-stdin`} />
          <Group justify="flex-end">
            <Button
              variant="default"
              leftSection={<IconDownload size={16} />}
              onClick={() => download(`${secret.name}.json`, "application/json", JSON.stringify(secret, null, 2))}
            >
              {t.robots.export}
            </Button>
            <Button onClick={onClose}>{t.common.close}</Button>
          </Group>
        </Stack>
      )}
    </Modal>
  );
}
