// Dates, sizes and numbers, as the language writes them.

/** The server's word for no time at all. */
const NEVER = "0001-01-01";

export interface Formats {
  /** `1.5 GiB` */
  size: (bytes: number) => string;
  /** `1,234` */
  number: (value: number) => string;
  /** The date and the time; an empty text where there is none. */
  time: (time: string | null | undefined) => string;
  /** `3 minutes ago` */
  ago: (time: string | null | undefined, now: number) => string;
  percent: (share: number) => string;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

export function isNever(time: string | null | undefined): boolean {
  return !time || time.startsWith(NEVER);
}

export function formats(language: string): Formats {
  const whole = new Intl.NumberFormat(language);
  const fraction = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
  const share = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 });
  const moment = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  return {
    size(bytes) {
      let value = bytes;
      let unit = 0;
      while (value >= 1024 && unit < UNITS.length - 1) {
        value /= 1024;
        unit += 1;
      }
      return `${fraction.format(value)} ${UNITS[unit]}`;
    },
    number: (value) => whole.format(value),
    time: (time) => (isNever(time) ? "" : moment.format(new Date(time as string))),
    ago(time, now) {
      if (isNever(time)) return "";
      const seconds = (new Date(time as string).getTime() - now) / 1000;
      const [size, unit] = unitOf(Math.abs(seconds));
      return relative.format(Math.round(seconds / size), unit);
    },
    percent: (value) => share.format(value),
  };
}

function unitOf(seconds: number): [number, Intl.RelativeTimeFormatUnit] {
  if (seconds < 45) return [1, "second"];
  if (seconds < 45 * 60) return [60, "minute"];
  if (seconds < 22 * 3600) return [3600, "hour"];
  if (seconds < 26 * 86400) return [86400, "day"];
  if (seconds < 320 * 86400) return [30 * 86400, "month"];
  return [365 * 86400, "year"];
}
