// What is known of the machines an artifact is for.
import type { Model } from "@/api/client";

export interface Here {
  digest: string;
  platform: Model<"Platform">;
  isHere: boolean;
}

/** `linux/arm64/v8` */
export function platformName(platform: Model<"Platform">): string {
  return [platform.os, platform.architecture, platform.variant].filter(Boolean).join("/");
}

/** Of an index what it lists, but not attestations, which are for no machine; of an image its own. */
export function platformsOf(artifact: Model<"Artifact">): Here[] {
  const listed = [
    ...artifact.references.map((reference) => ({ reference, isHere: true })),
    ...(artifact.missing_references ?? []).map((reference) => ({ reference, isHere: false })),
  ];
  const found = listed.flatMap(({ reference: { platform, child_digest: digest }, isHere }) =>
    platform && platform.architecture !== "unknown" ? [{ digest, platform, isHere }] : [],
  );
  if (listed.length > 0) return found;
  const { os, architecture, variant } = (artifact.extra_attrs ?? {}) as Partial<Model<"Platform">>;
  if (!os || !architecture) return [];
  return [{ digest: artifact.digest, platform: { os, architecture, variant }, isHere: true }];
}
