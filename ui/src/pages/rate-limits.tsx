// What an upstream's rate limits leave, one line for each account.
import { Progress, Stack, Text } from "@mantine/core";
import type { Model } from "@/api/client";
import { Time } from "@/look/parts";
import { useText } from "@/text";
import { isNever } from "@/text/formats";

export function RateLimits({ limits }: { limits?: Model<"RateLimit">[] }) {
  const { t, format } = useText();
  const told = (limits ?? []).filter((limit) => limit.limit != null || !isNever(limit.held_until));
  if (told.length === 0) {
    return (
      <Text span size="sm" c="dimmed">
        {t.endpoints.noBudget}
      </Text>
    );
  }
  return (
    <Stack gap={6} miw={110}>
      {told.map((limit) => {
        const total = limit.limit ?? 0;
        const left = limit.remaining ?? 0;
        const text = t.endpoints.left(format.number(left), format.number(total));
        const share = total > 0 ? left / total : 0;
        return (
          <div key={limit.account ?? ""}>
            <Text size="xs">
              {limit.account ? `${limit.account}: ` : ""}
              {limit.limit != null && text}
            </Text>
            {total > 0 && (
              <Progress
                size="xs"
                value={share * 100}
                color={share < 0.1 ? "red" : share < 0.3 ? "yellow" : "teal"}
                aria-label={text}
              />
            )}
            {!isNever(limit.held_until) && (
              <Text size="xs" c="red">
                {t.endpoints.heldUntil} <Time time={limit.held_until} />
              </Text>
            )}
          </div>
        );
      })}
    </Stack>
  );
}
