// What the server will accept, known beforehand so that a form can say so while one types. The server has the last word.

/** 1 to 255 lower-case letters, digits and single separators between them. */
export function isProjectName(name: string): boolean {
  return name.length <= 255 && /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/.test(name);
}

/** 8 to 128 characters with a lower-case letter, an upper-case one and a digit. */
export function isGoodPassword(password: string): boolean {
  return (
    password.length >= 8 &&
    password.length <= 128 &&
    /[a-z]/.test(password) &&
    /[A-Z]/.test(password) &&
    /[0-9]/.test(password)
  );
}

export const UNITS = { MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const;
export type Unit = keyof typeof UNITS;

/** Bytes in the largest unit that says them whole. */
export function inUnit(bytes: number): { value: number; unit: Unit } {
  if (bytes < 0) return { value: -1, unit: "GiB" };
  for (const unit of ["TiB", "GiB"] as const) {
    if (bytes > 0 && bytes % UNITS[unit] === 0) return { value: bytes / UNITS[unit], unit };
  }
  return { value: Math.round((bytes / UNITS.MiB) * 100) / 100, unit: "MiB" };
}

/** Bytes; everything below nothing means no limit. */
export function inBytes(value: number, unit: Unit): number {
  return value < 0 ? -1 : Math.round(value * UNITS[unit]);
}

/** A place in the portal, and nowhere else, to come back to. */
export function backTo(wanted: string | null): string {
  return wanted?.startsWith("/") && !/^\/[/\\]/.test(wanted) ? wanted : "/";
}
