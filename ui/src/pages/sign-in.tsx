// Signing in. What is public can be searched without.
import {
  Alert,
  Anchor,
  Button,
  Center,
  Group,
  Image,
  Paper,
  PasswordInput,
  Stack,
  Text,
  TextInput,
  Title,
} from "@mantine/core";
import { useForm } from "@mantine/form";
import { useDocumentTitle } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { Link, Navigate, useNavigate, useSearchParams } from "react-router";
import { signIn } from "@/api/client";
import icon from "@/look/icon.svg";
import { Failure } from "@/look/parts";
import { backTo } from "@/rules";
import { useForget, useMe, useSystemInfo } from "@/session";
import { LanguageMenu, SchemeButton } from "@/shell/shell";
import { useText } from "@/text";

export function SignIn() {
  const { t } = useText();
  useDocumentTitle(`${t.signIn.submit} · Roadstead`);
  const [params] = useSearchParams();
  const me = useMe();
  if (me) return <Navigate replace to={backTo(params.get("back"))} />;
  return (
    <Center mih="100vh" p="md">
      <Stack w="100%" maw={400} gap="lg" component="main">
        <Group justify="space-between">
          <Group gap={12}>
            <Image src={icon} w={40} h={40} alt="" />
            <Title order={1} size="h2">
              Roadstead
            </Title>
          </Group>
          <Group gap={4}>
            <LanguageMenu />
            <SchemeButton />
          </Group>
        </Group>
        <Paper withBorder shadow="sm" p="xl">
          <Credentials />
        </Paper>
        <PublicSearch />
      </Stack>
    </Center>
  );
}

function Credentials() {
  const { t } = useText();
  const forget = useForget();
  const banner = useSystemInfo();
  const form = useForm({ initialValues: { principal: "", password: "" } });
  const [isWrong, setWrong] = useState(false);
  const entry = useMutation({
    mutationFn: async ({ principal, password }: { principal: string; password: string }) => {
      const isIn = await signIn(principal, password);
      setWrong(!isIn);
      if (isIn) await forget();
    },
  });
  return (
    <form onSubmit={form.onSubmit((values) => entry.mutate(values))}>
      <Stack>
        {banner?.auth_mode && banner.auth_mode !== "db_auth" && <Text size="sm">{banner.oidc_provider_name}</Text>}
        <TextInput
          label={t.signIn.name}
          autoComplete="username"
          required
          autoFocus
          {...form.getInputProps("principal")}
        />
        <PasswordInput
          label={t.signIn.password}
          autoComplete="current-password"
          required
          {...form.getInputProps("password")}
        />
        {isWrong && !entry.isPending && (
          <Alert color="red" role="alert">
            {t.signIn.wrong}
          </Alert>
        )}
        <Failure error={entry.error} />
        <Button type="submit" loading={entry.isPending} fullWidth>
          {t.signIn.submit}
        </Button>
        <Text size="xs" c="dimmed">
          {t.signIn.firstRun}
        </Text>
      </Stack>
    </form>
  );
}

function PublicSearch() {
  const { t } = useText();
  const navigate = useNavigate();
  const [text, setText] = useState("");
  return (
    <Stack gap="xs">
      <search>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (text.trim()) navigate(`/harbor/search?q=${encodeURIComponent(text.trim())}`);
          }}
        >
          <TextInput
            aria-label={t.signIn.search}
            placeholder={t.signIn.search}
            leftSection={<IconSearch size={16} />}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
          />
        </form>
      </search>
      <Anchor component={Link} to="/harbor/projects" size="sm">
        {t.signIn.browse}
      </Anchor>
    </Stack>
  );
}
