import { expect, test } from "vitest";
import { backTo, inBytes, inUnit, isGoodPassword, isProjectName } from "./rules";

test("project names are those that the server takes", () => {
  for (const name of ["hub", "my-team.app_1", "a"]) expect(isProjectName(name), name).toBe(true);
  for (const name of ["", "Hub", "-a", "a-", "a--b", "a b", "ä", "a".repeat(256)]) {
    expect(isProjectName(name), name).toBe(false);
  }
});

test("a password has three kinds of characters", () => {
  expect(isGoodPassword("Harbor12345")).toBe(true);
  for (const password of ["Short1a", "alllower1", "ALLUPPER1", "NoDigits"]) {
    expect(isGoodPassword(password), password).toBe(false);
  }
});

test("a limit is shown as it was typed", () => {
  for (const [value, unit] of [
    [5, "GiB"],
    [2, "TiB"],
    [300, "MiB"],
  ] as const) {
    expect(inUnit(inBytes(value, unit))).toEqual({ value, unit });
  }
  expect(inBytes(-1, "GiB")).toBe(-1);
  expect(inUnit(-1).value).toBe(-1);
});

test("one comes back to a place of the portal, and to no other site", () => {
  expect(backTo("/harbor/projects?page=2")).toBe("/harbor/projects?page=2");
  for (const elsewhere of [null, "", "https://evil.example", "//evil.example", "/\\evil.example"]) {
    expect(backTo(elsewhere), String(elsewhere)).toBe("/");
  }
});
