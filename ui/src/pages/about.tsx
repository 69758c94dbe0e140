// What this server is, and whether its parts are well.
import { Anchor, Badge, Group, Stack, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { api, body } from "@/api/client";
import { Failure, Heading, Panel } from "@/look/parts";
import { useSystemInfo } from "@/session";
import { useText } from "@/text";

export function About() {
  const { t } = useText();
  const info = useSystemInfo();
  const health = useQuery({
    queryKey: ["health"],
    refetchInterval: 10_000,
    queryFn: () => body(api.GET("/api/v2.0/health")),
  });
  const rows: [string, ReactNode][] = [
    [t.about.version, info?.harbor_version],
    [t.about.url, info?.external_url ?? location.origin],
    [t.about.storage, info?.registry_storage_provider_name],
    [t.about.licence, "Apache-2.0"],
  ];
  return (
    <>
      <Heading title={t.nav.about} about={t.about.what}>
        {info?.read_only && <Badge color="yellow">{t.about.readOnly}</Badge>}
      </Heading>
      <Stack>
        <Panel>
          <Table withRowBorders={false} aria-label={t.nav.about}>
            <Table.Tbody>
              {rows
                .filter(([, value]) => value)
                .map(([name, value]) => (
                  <Table.Tr key={name}>
                    <Table.Th scope="row" w="30%">
                      {name}
                    </Table.Th>
                    <Table.Td className="code">{value}</Table.Td>
                  </Table.Tr>
                ))}
            </Table.Tbody>
          </Table>
          <Group mt="md">
            <Anchor href="/devcenter-api-2.0">{t.about.api}</Anchor>
            {info?.has_ca_root && <Anchor href="/api/v2.0/systeminfo/getcert">{t.about.certificate}</Anchor>}
          </Group>
        </Panel>
        <Panel title={t.about.components}>
          <Failure error={health.error} />
          <Stack gap="xs">
            {health.data?.components.map((part) => (
              <Group key={part.name} gap="xs">
                <Badge color={part.status === "healthy" ? "teal" : "red"} variant="light" tt="none">
                  {part.status === "healthy" ? t.endpoints.healthy : t.endpoints.unhealthy}
                </Badge>
                <Text size="sm">{part.name}</Text>
                {part.error && (
                  <Text size="sm" c="red">
                    {part.error}
                  </Text>
                )}
              </Group>
            ))}
          </Stack>
        </Panel>
      </Stack>
    </>
  );
}
