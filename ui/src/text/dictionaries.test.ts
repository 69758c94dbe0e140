// The type check sees that nothing is missing. Here: that nothing was left untranslated by mistake.
import { expect, test } from "vitest";
import { preferred } from ".";
import { en } from "./en";
import { formats } from "./formats";
import { zh } from "./zh";

/** Names, which are the same in both languages. */
const NAMES = ["API", "Artifact", "Artifacts", "Docker", "containerd", "CRI-O", "k3s", "Kubernetes", "Helm", "Values"];

function texts(entry: unknown, path = ""): [string, string][] {
  if (typeof entry === "string") return [[path, entry]];
  if (typeof entry === "function") return [[path, entry("1", "2")]];
  return Object.entries(entry as object).flatMap(([key, value]) => texts(value, `${path}.${key}`));
}

test("every text is said in Chinese, but for names", () => {
  const chinese = new Map(texts(zh));
  const same = texts(en).filter(([path, text]) => chinese.get(path) === text && !NAMES.includes(text));
  expect(same).toEqual([]);
  expect(texts(zh).map(([path]) => path)).toEqual(texts(en).map(([path]) => path));
});

test("the browser's first known language is spoken, unless another was chosen", () => {
  expect(preferred(null, ["de-DE", "zh-TW", "en"])).toBe("zh-CN");
  expect(preferred(null, ["fr"])).toBe("en");
  expect(preferred("en", ["zh-CN"])).toBe("en");
  expect(preferred("xx", ["zh"])).toBe("zh-CN");
});

test("sizes and times are written as the language does", () => {
  expect(formats("en").size(0)).toBe("0 B");
  expect(formats("en").size(1536)).toBe("1.5 KiB");
  expect(formats("en").size(1024 ** 3 * 1234)).toBe("1.2 TiB");
  const now = Date.parse("2026-01-02T00:00:00Z");
  expect(formats("en").ago("2026-01-01T23:57:00Z", now)).toBe("3 minutes ago");
  expect(formats("zh-CN").ago("2025-12-31T00:00:00Z", now)).toBe("前天");
  expect(formats("en").ago("0001-01-01T00:00:00.000Z", now)).toBe("");
});
