// Small parts that every page is made of.
import {
  ActionIcon,
  Alert,
  Badge,
  Button,
  Center,
  Code,
  Group,
  Modal,
  Paper,
  Stack,
  Text,
  ThemeIcon,
  Title,
  Tooltip,
} from "@mantine/core";
import { useClipboard, useDocumentTitle } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { type Icon, IconAlertTriangle, IconCheck, IconCopy } from "@tabler/icons-react";
import { type MutationFunction, useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { ApiError, Unreachable } from "@/api/client";
import { useText } from "@/text";
import { isNever } from "@/text/formats";

/** A page's heading, what it is about, and what can be done. It is the document's title too. */
export function Heading({ title, about, children }: { title: string; about?: ReactNode; children?: ReactNode }) {
  useDocumentTitle(`${title} · Roadstead`);
  return (
    <Group justify="space-between" align="flex-start" mb="lg" gap="sm">
      <Stack gap={4} style={{ flex: "1 1 18rem" }}>
        <Title order={1} size="h2" style={{ overflowWrap: "anywhere" }}>
          {title}
        </Title>
        {about && (
          <Text component="div" c="dimmed" size="sm">
            {about}
          </Text>
        )}
      </Stack>
      {children && <Group gap="xs">{children}</Group>}
    </Group>
  );
}

/** A titled box. */
export function Panel({ title, children, aside }: { title?: string; children: ReactNode; aside?: ReactNode }) {
  return (
    <Paper withBorder p="lg">
      {title !== undefined && (
        <Group justify="space-between" mb="md">
          <Title order={2} size="h5">
            {title}
          </Title>
          {aside}
        </Group>
      )}
      {children}
    </Paper>
  );
}

/** What went wrong, in the server's words, with the number to ask about. */
export function Failure({ error, title }: { error: unknown; title?: string }) {
  const { t } = useText();
  const words = useWords();
  if (!error) return null;
  const requestId = error instanceof ApiError ? error.requestId : null;
  return (
    <Alert color="red" variant="light" icon={<IconAlertTriangle />} title={title ?? t.errors.title} role="alert">
      <Text size="sm" style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
        {words(error)}
      </Text>
      {requestId && (
        <Text size="xs" mt={6} c="dimmed">
          {t.errors.requestId} <Code>{requestId}</Code>
        </Text>
      )}
    </Alert>
  );
}

/** An error as a sentence. */
export function useWords(): (error: unknown) => string {
  const { t } = useText();
  return (error) => {
    if (error instanceof Unreachable) return t.errors.unreachable;
    if (error instanceof ApiError && error.status === 401) return t.errors.sessionOver;
    if (error instanceof ApiError && error.status === 403 && /^forbidden$|^[^ ]*$/.test(error.message))
      return t.errors.forbidden;
    if (error instanceof Error) return capital(error.message);
    return String(error);
  };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Nothing to show, and what to do about it. */
export function Empty({ icon: Picture, title, children }: { icon: Icon; title: string; children?: ReactNode }) {
  return (
    <Center py={48} px="md">
      <Stack align="center" gap="xs" maw={460}>
        <ThemeIcon variant="light" size={56} radius="xl">
          <Picture size={28} stroke={1.5} />
        </ThemeIcon>
        <Text fw={600}>{title}</Text>
        {children && (
          <Text component="div" c="dimmed" size="sm" ta="center">
            {children}
          </Text>
        )}
      </Stack>
    </Center>
  );
}

/** Puts a text into the clipboard, and says so. */
export function Copy({ text, label }: { text: string; label: string }) {
  const { t } = useText();
  const clipboard = useClipboard({ timeout: 1500 });
  return (
    <Tooltip label={clipboard.copied ? t.common.copied : label}>
      <ActionIcon
        variant="subtle"
        color={clipboard.copied ? "teal" : "gray"}
        aria-label={label}
        data-copies={text}
        onClick={() => copy(text, clipboard.copy)}
      >
        {clipboard.copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
      </ActionIcon>
    </Tooltip>
  );
}

/** Browsers give their clipboard to pages reached by TLS or on this machine only: elsewhere the old way. */
function copy(text: string, byClipboard: (text: string) => void) {
  byClipboard(text);
  if (navigator.clipboard) return;
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** A command or a file, to copy. */
export function Snippet({ text, label }: { text: string; label?: string }) {
  const { t } = useText();
  return (
    <Group gap={4} wrap="nowrap" align="flex-start">
      <Code block flex={1} tabIndex={0} style={{ minWidth: 0, overflowX: "auto" }}>
        {text}
      </Code>
      <Copy text={text} label={label ?? t.common.copy} />
    </Group>
  );
}

/** How long ago, and on asking when exactly. */
export function Time({ time, never }: { time: string | null | undefined; never?: string }) {
  const { t, format } = useText();
  const now = useNow(30_000);
  if (isNever(time))
    return (
      <Text span inherit c="dimmed">
        {never ?? t.common.never}
      </Text>
    );
  return (
    <Tooltip label={format.time(time)}>
      <Text span inherit style={{ whiteSpace: "nowrap" }}>
        <time dateTime={time ?? undefined}>{format.ago(time, now)}</time>
      </Text>
    </Tooltip>
  );
}

function useNow(every: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

/** Whether an endpoint answers. */
export function Health({ status, reason }: { status: string | undefined; reason?: string | null }) {
  const { t } = useText();
  const [color, text] =
    status === "healthy"
      ? ["teal", t.endpoints.healthy]
      : status === "unhealthy"
        ? ["red", t.endpoints.unhealthy]
        : ["gray", t.endpoints.unknown];
  return (
    <Stack gap={2} align="flex-start">
      <Badge color={color} variant="light" tt="none" data-status={status}>
        {text}
      </Badge>
      {reason && (
        <Text size="xs" c="dimmed" maw={360}>
          {reason}
        </Text>
      )}
    </Stack>
  );
}

interface Asked {
  isOpen: boolean;
  title: string;
  /** What will be gone. */
  children: ReactNode;
  confirm: string;
  act: MutationFunction<unknown, void>;
  /** What is said when it is done. */
  done: string;
  onClose: () => void;
  onDone?: () => void;
}

/** Asks once before something is removed, and says what. */
export function Confirm({ isOpen, title, children, confirm, act, done, onClose, onDone }: Asked) {
  const { t } = useText();
  const change = useChange(act, done, () => {
    onClose();
    onDone?.();
  });
  const close = () => {
    change.reset();
    onClose();
  };
  return (
    <Modal opened={isOpen} onClose={close} title={title} closeButtonProps={{ "aria-label": t.common.close }}>
      <Stack>
        <Text component="div" size="sm">
          {children}
        </Text>
        <Failure error={change.error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={close} data-autofocus>
            {t.common.cancel}
          </Button>
          <Button color="red" loading={change.isPending} onClick={() => change.mutate()}>
            {confirm}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

/** Something that changes what is on the server: everything shown is looked at again, and it is said that it is done. */
export function useChange<Input = void>(
  act: MutationFunction<unknown, Input>,
  done?: string,
  onDone?: (answer: unknown) => void,
) {
  const { t } = useText();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSuccess: async (answer) => {
      await queries.invalidateQueries();
      if (done) {
        const closeButtonProps = { "aria-label": t.common.close };
        notifications.show({ message: done, color: "teal", icon: <IconCheck size={16} />, closeButtonProps });
      }
      onDone?.(answer);
    },
  });
}
