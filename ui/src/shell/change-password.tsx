// Another password for whoever is signed in.
import { Button, Group, Modal, PasswordInput, Stack } from "@mantine/core";
import { useForm } from "@mantine/form";
import { api, body, type Model } from "@/api/client";
import { Failure, useChange } from "@/look/parts";
import { isGoodPassword } from "@/rules";
import { useText } from "@/text";

interface Props {
  user: Model<"UserResp">;
  isOpen: boolean;
  onClose: () => void;
  /** Whether an administrator sets it for somebody else, whose old one nobody knows. */
  isForOther?: boolean;
}

export function ChangePassword({ user, isOpen, onClose, isForOther }: Props) {
  const { t } = useText();
  const form = useForm({
    initialValues: { old_password: "", new_password: "", again: "" },
    validate: {
      new_password: (value) => (isGoodPassword(value) ? null : t.users.passwordRule),
      again: (value, values) => (value === values.new_password ? null : t.users.passwordsDiffer),
    },
  });
  const change = useChange(
    ({ old_password, new_password }: { old_password: string; new_password: string }) =>
      body(
        api.PUT("/api/v2.0/users/{user_id}/password", {
          params: { path: { user_id: user.user_id } },
          body: isForOther ? { new_password } : { old_password, new_password },
        }),
      ),
    t.users.passwordChanged,
    () => close(),
  );
  const close = () => {
    form.reset();
    change.reset();
    onClose();
  };
  const title = isForOther ? t.users.resetPassword(user.username) : t.shell.changePassword;
  return (
    <Modal opened={isOpen} onClose={close} title={title} closeButtonProps={{ "aria-label": t.common.close }}>
      <form onSubmit={form.onSubmit((values) => change.mutate(values))}>
        <Stack>
          {!isForOther && (
            <PasswordInput
              label={t.users.oldPassword}
              autoComplete="current-password"
              required
              {...form.getInputProps("old_password")}
            />
          )}
          <PasswordInput
            label={t.users.newPassword}
            description={t.users.passwordRule}
            autoComplete="new-password"
            required
            {...form.getInputProps("new_password")}
          />
          <PasswordInput
            label={t.users.passwordAgain}
            autoComplete="new-password"
            required
            {...form.getInputProps("again")}
          />
          <Failure error={change.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {t.common.cancel}
            </Button>
            <Button type="submit" loading={change.isPending}>
              {t.common.save}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
