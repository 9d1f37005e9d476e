// Numbers, moments and values as they are shown.
import type { Unit } from "./metrics";

const LOCALE = "en-GB";
export const NOTHING = "–";

const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat(LOCALE, { notation: "compact", maximumFractionDigits: 1 });
const oneDigit = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 1 });
const twoDigits = new Intl.NumberFormat(LOCALE, { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** A number in its unit; shortened from 10,000 on where there is little room. */
export function shown(value: number | null | undefined, unit: Unit, brief = false): string {
  if (value === null || value === undefined) return NOTHING;
  switch (unit) {
    case "count":
      return brief && Math.abs(value) >= 10_000 ? short.format(value) : whole.format(value);
    case "percent":
      return `${oneDigit.format(value)}%`;
    case "parts":
      return oneDigit.format(value);
    case "seconds":
      return duration(value);
    case "ratio":
      return twoDigits.format(value);
    case "money":
      return brief && Math.abs(value) >= 10_000 ? short.format(value) : twoDigits.format(value);
  }
}

/** Seconds as people say them. */
export function duration(seconds: number): string {
  const rounded = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(rounded / 3600), Math.floor(rounded / 60) % 60, rounded % 60];
  if (hours) return `${hours}h ${minutes}m`;
  return minutes ? `${minutes}m ${String(rest).padStart(2, "0")}s` : `${rest}s`;
}

/** A message as a sentence of its own. */
export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

/** A change in percent, without its sign. */
export function change(percent: number): string {
  const size = Math.abs(percent);
  return `${whole.format(size > 0 && size < 1 ? 1 : size)}%`;
}

const NAMES: Readonly<Record<string, Intl.DisplayNames>> = {
  "visit:country": new Intl.DisplayNames(LOCALE, { type: "region", fallback: "code" }),
  "visit:language": new Intl.DisplayNames(LOCALE, { type: "language", fallback: "code" }),
};

/** A dimension's value for people: the country for its code. */
export function valueLabel(dimension: string, value: string): string {
  const names = NAMES[dimension];
  if (names === undefined || value.startsWith("(")) return value;
  try {
    return names.of(value) ?? value;
  } catch {
    return value; // no code at all
  }
}

// A moment as the site's clock shows it: its text up to the offset, taken for UTC so that no zone moves it.
const asWritten = (text: string): Date => new Date(`${text.slice(0, 19)}${text.length > 10 ? "Z" : "T00:00:00Z"}`);
const written = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(LOCALE, { timeZone: "UTC", ...options });
const FORMS: Readonly<Record<string, Intl.DateTimeFormat>> = {
  "time:minute": written({ hour: "2-digit", minute: "2-digit" }),
  "time:hour": written({ hour: "2-digit", minute: "2-digit" }),
  "time:day": written({ day: "numeric", month: "short" }),
  "time:week": written({ day: "numeric", month: "short" }),
  "time:month": written({ month: "short", year: "numeric" }),
};
const LONG_FORMS: Readonly<Record<string, Intl.DateTimeFormat>> = {
  "time:minute": written({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }),
  "time:hour": written({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }),
  "time:day": written({ weekday: "short", day: "numeric", month: "short", year: "numeric" }),
  "time:week": written({ day: "numeric", month: "short", year: "numeric" }),
  "time:month": written({ month: "long", year: "numeric" }),
};

/** A label of an axis of time. */
export function timeLabel(dimension: string, label: string): string {
  return FORMS[dimension]?.format(asWritten(label)) ?? label;
}

/** The same in full. */
export function longTimeLabel(dimension: string, label: string): string {
  const text = LONG_FORMS[dimension]?.format(asWritten(label)) ?? label;
  return dimension === "time:week" ? `Week of ${text}` : text;
}

/** A moment as the clock of a time zone shows it, written as labels of axes are but for the offset. */
export function localText(text: string, zone: string): string {
  const two = "2-digit";
  const form = { year: "numeric", month: two, day: two, hour: two, minute: two, second: two, hourCycle: "h23" } as const;
  const parts = new Intl.DateTimeFormat(LOCALE, { ...form, timeZone: zone }).formatToParts(new Date(text));
  const part = (type: string) => parts.find((one) => one.type === type)!.value;
  return `${part("year")}-${part("month")}-${part("day")}T${part("hour")}:${part("minute")}:${part("second")}`;
}

const dayForm = written({ day: "numeric", month: "short", year: "numeric" });

/** Two ends of a range of days, as short as they can be. */
export function rangeLabel(first: string, last: string): string {
  return first.slice(0, 10) === last.slice(0, 10)
    ? dayForm.format(asWritten(first))
    : dayForm.formatRange(asWritten(first.slice(0, 10)), asWritten(last.slice(0, 10)));
}

/** A moment by the clock of a time zone. */
export function moment(text: string, zone: string): string {
  return new Intl.DateTimeFormat(LOCALE, {
    timeZone: zone,
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
  }).format(new Date(text));
}
