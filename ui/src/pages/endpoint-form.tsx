// A new endpoint, or another setting of one: the kind first, which says what else is needed.
import {
  Accordion,
  Alert,
  Autocomplete,
  Button,
  Drawer,
  FileButton,
  Group,
  NumberInput,
  PasswordInput,
  Select,
  Stack,
  Switch,
  TagsInput,
  Text,
  Textarea,
  TextInput,
} from "@mantine/core";
import { type UseFormReturnType, useForm } from "@mantine/form";
import { IconCircleCheck, IconFileUpload, IconPlugConnected } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useEffect } from "react";
import { api, body, type Model } from "@/api/client";
import { Failure, useChange } from "@/look/parts";
import { useText } from "@/text";
import { type Draft, draftOf, HIDDEN, requestOf } from "./endpoint-draft";
import { providerName, useProviders } from "./providers";

type Endpoint = Model<"Registry">;
type Form = UseFormReturnType<Draft>;

export function EndpointForm({ endpoint, onClose }: { endpoint: Endpoint | "new" | null; onClose: () => void }) {
  const { t } = useText();
  const title = endpoint === null || endpoint === "new" ? t.endpoints.new : t.endpoints.editTitle(endpoint.name);
  return (
    <Drawer
      opened={endpoint !== null}
      onClose={onClose}
      position="right"
      size="lg"
      title={title}
      closeButtonProps={{ "aria-label": t.common.close }}
    >
      {endpoint !== null && <Fields before={endpoint === "new" ? null : endpoint} onClose={onClose} />}
    </Drawer>
  );
}

function Fields({ before, onClose }: { before: Endpoint | null; onClose: () => void }) {
  const { t } = useText();
  const providers = useProviders();
  const form = useForm<Draft>({
    initialValues: draftOf(before),
    validate: {
      name: (name) => (name.trim() ? null : t.common.required),
      url: (url) => (url.trim() ? null : t.common.required),
    },
  });
  const provider = providers?.[form.values.type];
  const urls = provider?.endpoint_pattern.endpoints ?? [];
  const isFixed = provider?.endpoint_pattern.endpoint_type === "EndpointPatternTypeFix";
  const fixedKey = provider?.credential_pattern.access_key_type === "AccessKeyTypeFix";

  // A kind with one address has it from the start.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the form is the same one all along
  useEffect(() => {
    const first = urls[0]?.value;
    if (before === null && isFixed && first) form.setFieldValue("url", first);
  }, [isFixed, urls[0]?.value, before]);

  const choose = (type: string | null) => {
    if (type === null) return;
    form.setValues({ type, url: "", access_key: "", access_secret: "" });
    test.reset();
  };
  const test = useMutation({
    // A saved secret does not come out of the server: what is saved is tested there.
    mutationFn: (draft: Draft) => {
      const isSaved = draft.access_secret === HIDDEN && before?.url === draft.url && before.type === draft.type;
      return body(
        api.POST("/api/v2.0/registries/ping", { body: isSaved ? { id: before.id } : requestOf(draft, before) }),
      );
    },
  });
  const save = useChange(
    (draft: Draft) =>
      before === null
        ? body(api.POST("/api/v2.0/registries", { body: requestOf(draft, null) }))
        : body(
            api.PUT("/api/v2.0/registries/{id}", {
              params: { path: { id: before.id } },
              body: requestOf(draft, before),
            }),
          ),
    t.endpoints.saved,
    onClose,
  );
  return (
    <form onSubmit={form.onSubmit((values) => save.mutate(values))}>
      <Stack>
        <Select
          label={t.endpoints.provider}
          required
          allowDeselect={false}
          data={Object.keys(providers ?? { [form.values.type]: null }).map((type) => ({
            value: type,
            label: providerName(type),
          }))}
          value={form.values.type}
          onChange={choose}
        />
        <TextInput label={t.common.name} required maxLength={64} data-autofocus {...form.getInputProps("name")} />
        <TextInput label={t.common.description} {...form.getInputProps("description")} />
        <Autocomplete
          label={t.endpoints.url}
          required
          placeholder="https://registry.example.com"
          data={[...new Set(urls.map((url) => url.value))]}
          limit={50}
          {...form.getInputProps("url")}
        />
        <Credential
          form={form}
          fixedKey={fixedKey ? (provider?.credential_pattern.access_key_data ?? "") : null}
          isFile={provider?.credential_pattern.access_secret_type === "AccessSecretTypeFile"}
        />
        <Accordion variant="separated" order={3}>
          <Accordion.Item value="more">
            <Accordion.Control>{t.endpoints.more}</Accordion.Control>
            <Accordion.Panel>
              <More form={form} />
            </Accordion.Panel>
          </Accordion.Item>
        </Accordion>
        <Failure error={test.error} title={t.endpoints.testFailed} />
        {test.isSuccess && (
          <Alert color="teal" icon={<IconCircleCheck />} role="status">
            {t.endpoints.testPassed}
          </Alert>
        )}
        <Failure error={save.error} />
        <Group justify="space-between">
          <Button
            variant="light"
            leftSection={<IconPlugConnected size={16} />}
            loading={test.isPending}
            onClick={() => form.validateField("url").hasError || test.mutate(form.values)}
          >
            {t.endpoints.test}
          </Button>
          <Group>
            <Button variant="default" onClick={onClose}>
              {t.common.cancel}
            </Button>
            <Button type="submit" loading={save.isPending}>
              {t.common.save}
            </Button>
          </Group>
        </Group>
      </Stack>
    </form>
  );
}

/** A name and a secret, or a file where the kind's credential is one. */
function Credential({ form, fixedKey, isFile }: { form: Form; fixedKey: string | null; isFile: boolean }) {
  const { t } = useText();
  if (!isFile) {
    return (
      <Group grow align="flex-start">
        <TextInput label={t.endpoints.accessId} autoComplete="off" {...form.getInputProps("access_key")} />
        <PasswordInput
          label={t.endpoints.accessSecret}
          autoComplete="new-password"
          {...form.getInputProps("access_secret")}
        />
      </Group>
    );
  }
  const take = (secret: string) =>
    form.setValues({
      access_secret: secret,
      access_key: secret.trim() === "" ? "" : (fixedKey ?? form.values.access_key),
    });
  return (
    <Stack gap="xs">
      <Textarea
        label={t.endpoints.jsonSecret}
        description={t.endpoints.jsonHint(fixedKey ?? "")}
        rows={4}
        spellCheck={false}
        value={form.values.access_secret}
        onChange={(event) => take(event.currentTarget.value)}
      />
      <FileButton accept="application/json" onChange={async (file) => file && take(await file.text())}>
        {(props) => (
          <Button
            {...props}
            variant="default"
            size="xs"
            leftSection={<IconFileUpload size={16} />}
            style={{ alignSelf: "flex-start" }}
          >
            {t.endpoints.chooseFile}
          </Button>
        )}
      </FileButton>
    </Stack>
  );
}

/** TLS, the way out, limits. */
function More({ form }: { form: Form }) {
  const { t } = useText();
  return (
    <Stack>
      <Switch
        label={t.endpoints.verify}
        description={t.endpoints.verifyHint}
        {...form.getInputProps("verify", { type: "checkbox" })}
      />
      <Textarea
        label={t.endpoints.ca}
        description={t.endpoints.caHint}
        placeholder="-----BEGIN CERTIFICATE-----"
        rows={3}
        disabled={!form.values.verify}
        spellCheck={false}
        {...form.getInputProps("ca_certificate")}
      />
      <TextInput
        label={t.endpoints.proxy}
        description={t.endpoints.proxyHint}
        placeholder="http://proxy.example.com:3128"
        {...form.getInputProps("proxy")}
      />
      <Group grow align="flex-start">
        <NumberInput
          label={t.endpoints.maxConnections}
          description={t.endpoints.unlimitedHint}
          min={1}
          allowDecimal={false}
          {...form.getInputProps("max_connections")}
        />
        <NumberInput
          label={t.endpoints.bandwidth}
          description={t.endpoints.unlimitedHint}
          min={1}
          allowDecimal={false}
          {...form.getInputProps("bandwidth_kb")}
        />
      </Group>
      <Select
        label={t.endpoints.ipFamily}
        allowDeselect={false}
        data={[
          { value: "", label: t.endpoints.anyFamily },
          { value: "ipv4", label: "IPv4" },
          { value: "ipv6", label: "IPv6" },
        ]}
        {...form.getInputProps("ip_family")}
      />
      <Switch label={t.endpoints.http2} {...form.getInputProps("http2", { type: "checkbox" })} />
      <TagsInput
        label={t.endpoints.tokenHosts}
        description={t.endpoints.tokenHostsHint}
        placeholder="auth.example.com"
        {...form.getInputProps("token_hosts")}
      />
      <Text size="sm" fw={600}>
        {t.endpoints.clientCertificate}
      </Text>
      <Textarea
        label={t.endpoints.clientCertificatePem}
        rows={2}
        spellCheck={false}
        {...form.getInputProps("client_certificate")}
      />
      <Textarea label={t.endpoints.clientKeyPem} rows={2} spellCheck={false} {...form.getInputProps("client_key")} />
    </Stack>
  );
}
