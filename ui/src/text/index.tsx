// The portal's languages: which one is spoken, and its dictionary. English says what there is to say; a dictionary that
// lacks any of it, or takes other values, does not pass the type check.
import { createContext, type ReactNode, use, useCallback, useEffect, useMemo, useState } from "react";
import type { en } from "./en";
import { type Formats, formats } from "./formats";

type Widened<Entry> = Entry extends string
  ? string
  : Entry extends (...values: infer Values) => string
    ? (...values: Values) => string
    : { [Key in keyof Entry]: Widened<Entry[Key]> };

/** What every language has to say. */
export type Dictionary = Widened<typeof en>;

export const LANGUAGES = { en: "English", "zh-CN": "简体中文" } as const;
export type Language = keyof typeof LANGUAGES;

const STORED = "roadstead.language";

const DICTIONARIES: Record<Language, () => Promise<Dictionary>> = {
  en: async () => (await import("./en")).en,
  "zh-CN": async () => (await import("./zh")).zh,
};

interface Spoken {
  language: Language;
  t: Dictionary;
  format: Formats;
  speak: (language: Language) => void;
}

const Context = createContext<Spoken | null>(null);

/** The language someone chose before, or the first of the browser's that is spoken here. */
export function preferred(stored: string | null, wanted: readonly string[]): Language {
  if (stored !== null && stored in LANGUAGES) return stored as Language;
  for (const tag of wanted) {
    const primary = tag.toLowerCase().split("-")[0];
    if (primary === "zh") return "zh-CN";
    if (primary === "en") return "en";
  }
  return "en";
}

export function TextProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState(() => preferred(localStorage.getItem(STORED), navigator.languages));
  const [loaded, setLoaded] = useState<{ language: Language; t: Dictionary } | null>(null);

  useEffect(() => {
    let isWanted = true;
    DICTIONARIES[language]().then((t) => {
      if (!isWanted) return;
      document.documentElement.lang = language;
      setLoaded({ language, t });
    });
    return () => {
      isWanted = false;
    };
  }, [language]);

  const speak = useCallback((language: Language) => {
    localStorage.setItem(STORED, language);
    setLanguage(language);
  }, []);

  const spoken = useMemo(() => loaded && { ...loaded, format: formats(loaded.language), speak }, [loaded, speak]);
  return spoken && <Context value={spoken}>{children}</Context>;
}

/** The dictionary, the formats of dates and sizes, and how to change the language. */
export function useText(): Spoken {
  const spoken = use(Context);
  if (spoken === null) throw new Error("useText is used outside of TextProvider");
  return spoken;
}
