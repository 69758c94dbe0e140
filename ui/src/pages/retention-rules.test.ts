import { expect, test } from "vitest";
import { draftOf, NEW_RULE, ruleOf, scheduleOf } from "./retention-rules";

test("a rule is read as it was written", () => {
  const draft = { ...NEW_RULE, template: "latestPushedK" as const, count: 10, excludesTags: true, untagged: false };
  expect(draftOf(ruleOf(draft, null))).toEqual(draft);
});

test("a rule that keeps everything has no number, and an edited one keeps its own", () => {
  const rule = ruleOf({ ...NEW_RULE, template: "always", count: "" }, { id: 3, priority: 1 });
  expect(rule).toMatchObject({ id: 3, priority: 1, params: {}, template: "always" });
  expect(draftOf(rule).count).toBe("");
});

test("Harbor's schedules are known by their cron", () => {
  expect(scheduleOf("0 0 0 * * *")).toBe("daily");
  expect(scheduleOf("")).toBe("none");
  expect(scheduleOf("0 5 4 * * *")).toBe("custom");
});
