import { expect, test } from "vitest";
import { dayRange } from "./audit-table";
import { csv } from "./csv";

test("fields with commas and quotes stay one field", () => {
  expect(csv([["a,b", 'c"d', "e"]])).toBe('\uFEFF"a,b","c""d",e\r\n');
});

test("what a spreadsheet would run is text", () => {
  expect(csv([["=1+1", "-2", "@x"]])).toBe("\uFEFF'=1+1,'-2,'@x\r\n");
});

test("a range of days includes both, and may be open", () => {
  expect(dayRange("2026-01-01", "2026-01-02")).toBe("op_time=[2026-01-01T00:00:00~2026-01-02T23:59:59]");
  expect(dayRange("", "2026-01-02")).toBe("op_time=[~2026-01-02T23:59:59]");
  expect(dayRange("", "")).toBeUndefined();
});
