import { expect, test } from "vitest";
import { grantsOf, PULL, permissionsOf } from "./robot-grants";

test("what is chosen comes back from the server as it was", () => {
  const grants = { system: ["registry list"], inProjects: PULL, allProjects: false, projects: ["a", "b"] };
  expect(grantsOf(permissionsOf(grants))).toEqual(grants);
  const everywhere = { system: [], inProjects: PULL, allProjects: true, projects: [] };
  expect(permissionsOf(everywhere)).toEqual([
    { kind: "project", namespace: "*", access: [{ resource: "repository", action: "pull" }] },
  ]);
});

test("a robot with another right in each project is not flattened", () => {
  const access = (action: string) => [{ resource: "repository", action }];
  expect(
    grantsOf([
      { kind: "project", namespace: "a", access: access("pull") },
      { kind: "project", namespace: "b", access: access("push") },
    ]),
  ).toBeNull();
});
