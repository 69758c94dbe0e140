// How to pull, in the client one uses: the choice is remembered.
import { Group, ScrollArea, SegmentedControl, Stack } from "@mantine/core";
import { useLocalStorage } from "@mantine/hooks";
import { Copy, Snippet } from "@/look/parts";
import { useSystemInfo } from "@/session";
import { useText } from "@/text";
import { CLIENTS, type Client, type Pulled, pullCommand } from "./commands";

/** What this server is called by clients. Strangers are not told by the server, and go by the page's address. */
export function useHost(): { host: string; isPlain: boolean; url: string } {
  const info = useSystemInfo();
  const url = info?.external_url ?? location.origin;
  return { host: info?.registry_url ?? location.host, isPlain: url.startsWith("http:"), url };
}

export function useClient(): [Client, (client: Client) => void] {
  const [client, setClient] = useLocalStorage<Client>({ key: "roadstead.client", defaultValue: "docker" });
  return [client, setClient];
}

type What = Pick<Pulled, "repository" | "reference">;

export function PullCommands({ what, isChart }: { what: What; isChart?: boolean }) {
  const { t } = useText();
  const host = useHost();
  const [client, setClient] = useClient();
  const clients: readonly Client[] = isChart ? ["helm"] : CLIENTS;
  const chosen = clients.includes(client) ? client : (clients[0] ?? "docker");
  return (
    <Stack gap="xs">
      <ScrollArea type="never">
        <SegmentedControl
          size="xs"
          aria-label={t.pull.client}
          data={[...clients]}
          value={chosen}
          onChange={(client) => setClient(client as Client)}
        />
      </ScrollArea>
      <Snippet text={pullCommand(chosen, { ...host, ...what })} label={t.pull.copy} />
    </Stack>
  );
}

/** The same as a button in a list. */
export function CopyPull({ what, isChart }: { what: What; isChart?: boolean }) {
  const { t } = useText();
  const host = useHost();
  const [client] = useClient();
  const chosen = isChart ? "helm" : client === "helm" ? "docker" : client;
  return (
    <Group justify="center">
      <Copy
        text={pullCommand(chosen, { ...host, ...what })}
        label={t.pull.copyWith(chosen, what.reference.slice(0, 19))}
      />
    </Group>
  );
}
