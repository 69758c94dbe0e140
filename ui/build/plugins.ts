// What the build does beside bundling: empties its folder, compresses what it wrote, and refuses to grow too big.
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin } from "vite";

const DIST = "dist";
const COMPRESSED = /\.(html|js|css|svg|json)$/;

/** Removes what the last build left, but not what git keeps there. */
export function clean(): Plugin {
  return {
    name: "clean",
    apply: "build",
    buildStart() {
      for (const name of readdirSync(DIST)) {
        if (name !== ".gitignore") rmSync(join(DIST, name), { recursive: true });
      }
    },
  };
}

/** Writes a `.br` and a `.gz` beside every text that becomes smaller, so that the server compresses nothing while it serves. */
export function compress(): Plugin {
  return {
    name: "compress",
    apply: "build",
    closeBundle() {
      for (const file of files(DIST).filter((file) => COMPRESSED.test(file) && !file.includes(".vite"))) {
        const text = readFileSync(file);
        const options = {
          [constants.BROTLI_PARAM_QUALITY]: 11,
          [constants.BROTLI_PARAM_SIZE_HINT]: text.length,
        };
        const compressed = { br: brotliCompressSync(text, { params: options }), gz: gzipSync(text, { level: 9 }) };
        for (const [end, bytes] of Object.entries(compressed)) {
          if (bytes.length < text.length) writeFileSync(`${file}.${end}`, bytes);
        }
      }
    },
  };
}

interface Chunk {
  file: string;
  css?: string[];
  imports?: string[];
  isEntry?: boolean;
  src?: string;
}

/** Pages that may be the first to be opened. Whichever it is, it comes within the limit. */
const FIRST_PAGES = ["src/pages/sign-in.tsx", "src/pages/home.tsx", "src/pages/projects.tsx"];

/** Fails the build where opening the portal brings more than `limit` bytes, compressed with gzip. */
export function limitFirstLoad(limit: number): Plugin {
  return {
    name: "limit-first-load",
    apply: "build",
    closeBundle: {
      order: "post",
      sequential: true,
      handler() {
        const manifest = join(DIST, ".vite/manifest.json");
        if (!existsSync(manifest)) return;
        const chunks: Record<string, Chunk> = JSON.parse(readFileSync(manifest, "utf8"));
        const entry = Object.keys(chunks).filter((key) => chunks[key]?.isEntry);
        const dictionaries = Object.keys(chunks).filter((key) => /^src\/text\/(en|zh)\.ts$/.test(key));
        for (const page of FIRST_PAGES) {
          if (!chunks[page]) throw new Error(`there is no page ${page}: build/plugins.ts names it as a first page`);
          // One dictionary is loaded; the larger counts.
          const sizes = (dictionaries.length > 0 ? dictionaries : [page]).map((dictionary) =>
            [...reachable(chunks, [...entry, page, dictionary]), "index.html"]
              .map((file) => Math.min(...[".gz", ""].map((end) => sizeOf(`${file}${end}`))))
              .reduce((sum, size) => sum + size, 0),
          );
          const size = Math.max(...sizes);
          const text = `first load of ${page}: ${(size / 1024).toFixed(1)} KiB of ${limit / 1024} KiB, gzip`;
          if (size > limit) throw new Error(text);
          console.log(text);
        }
        rmSync(join(DIST, ".vite"), { recursive: true });
      },
    },
  };
}

function sizeOf(file: string): number {
  return statSync(join(DIST, file), { throwIfNoEntry: false })?.size ?? Number.POSITIVE_INFINITY;
}

function reachable(chunks: Record<string, Chunk>, keys: string[]): Set<string> {
  const found = new Set<string>();
  const seen = new Set<string>();
  const queue = [...keys];
  for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
    const chunk = chunks[key];
    if (!chunk || seen.has(key)) continue;
    seen.add(key);
    found.add(chunk.file);
    for (const css of chunk.css ?? []) found.add(css);
    queue.push(...(chunk.imports ?? []));
  }
  return found;
}

function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
