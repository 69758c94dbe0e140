// A retention rule as a form has it, and as Harbor's API writes it.
import type { Model } from "@/api/client";

type Rule = Model<"RetentionRule">;

export type Template = "latestPushedK" | "latestPulledN" | "nDaysSinceLastPush" | "nDaysSinceLastPull" | "always";

export interface Draft {
  template: Template;
  count: number | "";
  repositories: string;
  excludesRepositories: boolean;
  tags: string;
  excludesTags: boolean;
  untagged: boolean;
}

export const NEW_RULE: Draft = {
  template: "nDaysSinceLastPull",
  count: 7,
  repositories: "**",
  excludesRepositories: false,
  tags: "**",
  excludesTags: false,
  untagged: true,
};

export function draftOf(rule: Rule): Draft {
  const template = (rule.template ?? "always") as Template;
  const repository = rule.scope_selectors?.repository?.[0];
  const tag = rule.tag_selectors?.[0];
  const count = Number(rule.params?.[template]);
  return {
    template,
    count: Number.isFinite(count) ? count : "",
    repositories: repository?.pattern ?? "**",
    excludesRepositories: repository?.decoration === "repoExcludes",
    tags: tag?.pattern ?? "**",
    excludesTags: tag?.decoration === "excludes",
    untagged: isUntaggedToo(tag?.extras),
  };
}

/** A tag selector that does not say otherwise is about artifacts without a tag too. */
function isUntaggedToo(extras: string | undefined): boolean {
  try {
    return JSON.parse(extras || "{}").untagged !== false;
  } catch {
    return true;
  }
}

/** What else the rule before had, it keeps. */
export function ruleOf(draft: Draft, before: Rule | null): Rule {
  const kind = "doublestar";
  return {
    ...before,
    action: "retain",
    template: draft.template,
    params: draft.template === "always" ? {} : { [draft.template]: Number(draft.count) },
    scope_selectors: {
      repository: [
        {
          kind,
          decoration: draft.excludesRepositories ? "repoExcludes" : "repoMatches",
          pattern: draft.repositories,
        },
      ],
    },
    tag_selectors: [
      {
        kind,
        decoration: draft.excludesTags ? "excludes" : "matches",
        pattern: draft.tags,
        extras: JSON.stringify({ untagged: draft.untagged }),
      },
    ],
  };
}

export const SCHEDULES = { none: "", hourly: "0 0 * * * *", daily: "0 0 0 * * *", weekly: "0 0 0 * * 0" } as const;

export function scheduleOf(cron: string): keyof typeof SCHEDULES | "custom" {
  const known = Object.entries(SCHEDULES).find(([, text]) => text === cron);
  return (known?.[0] as keyof typeof SCHEDULES | undefined) ?? "custom";
}
