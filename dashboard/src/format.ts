// Numbers, moments and values as texts.
import type { Unit } from "./metrics";
import { LOCALE, t } from "./texts";
import type { Vital } from "./vitals";

export const NOTHING = "–";
export const NO_BREAK = "\u00a0";

const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat(LOCALE, { notation: "compact", maximumFractionDigits: 1 });
const percent = (least: number, most: number) =>
  new Intl.NumberFormat(LOCALE, { style: "unit", unit: "percent", minimumFractionDigits: least, maximumFractionDigits: most });
const wholePercent = percent(0, 0);
const shortPercent = percent(0, 1);
const exactPercent = percent(1, 1);
const oneDigit = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 1 });
const twoDigits = new Intl.NumberFormat(LOCALE, { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** A number in its unit. `brief` shortens numbers from 10,000 on. */
export function formatNumber(value: number | null | undefined, unit: Unit, brief = false): string {
  if (value === null || value === undefined) return NOTHING;
  switch (unit) {
    case "count":
      return brief && Math.abs(value) >= 10_000 ? short.format(value) : whole.format(value);
    case "percent":
      return formatPercent(value);
    case "parts":
      return oneDigit.format(value);
    case "seconds":
      return formatDuration(value);
    case "ratio":
      return twoDigits.format(value);
  }
  const currency = unit.slice("money ".length);
  const isShort = brief && Math.abs(value) >= 10_000;
  return currency ? money(currency, isShort).format(value) : (isShort ? short : twoDigits).format(value);
}

const milliseconds = new Intl.NumberFormat(LOCALE, { style: "unit", unit: "millisecond", maximumFractionDigits: 0 });
const seconds = new Intl.NumberFormat(LOCALE, { style: "unit", unit: "second", unitDisplay: "narrow", maximumFractionDigits: 2 });
const shift = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 3 });

/** A web vital: milliseconds, from a second on seconds, or a shift, which has no unit. */
export function formatVital(vital: Vital, value: number | null): string {
  if (value === null) return NOTHING;
  if (vital.column === "cls") return shift.format(value);
  return value < 1000 ? milliseconds.format(value) : seconds.format(value / 1000);
}

const BYTE_UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

/** A number of bytes in the largest unit that it reaches. */
export function formatBytes(bytes: number): string {
  const power = Math.min(BYTE_UNITS.length - 1, Math.max(0, Math.floor(Math.log10(bytes || 1) / 3)));
  const unit = BYTE_UNITS[power]!;
  const form = { style: "unit", unit, unitDisplay: power ? "short" : "long", maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat(LOCALE, form).format(bytes / 1000 ** power);
}

const SMALLEST_PERCENT = 0.1;

const MONEY = new Map<string, Intl.NumberFormat>();

/** One digit always, so that columns align; a share that is not 0 is never shown as 0. */
function formatPercent(value: number): string {
  return value > 0 && value < SMALLEST_PERCENT ? `<${exactPercent.format(SMALLEST_PERCENT)}` : exactPercent.format(value);
}

/** A percentage without digits after the point. */
export function formatWholePercent(value: number): string {
  return wholePercent.format(value);
}

/** A number beside the chart's axis, as short as possible. */
export function formatTick(value: number, unit: Unit): string {
  return unit === "percent" ? shortPercent.format(value) : formatNumber(value, unit, true);
}

/** The format of a currency, with the digits that it has. */
function money(currency: string, isShort: boolean): Intl.NumberFormat {
  const key = `${currency} ${isShort}`;
  const known = MONEY.get(key);
  if (known) return known;
  const brief = isShort ? ({ notation: "compact", maximumFractionDigits: 1 } as const) : {};
  const format = new Intl.NumberFormat(LOCALE, { style: "currency", currency, ...brief });
  MONEY.set(key, format);
  return format;
}

/** Seconds as hours, minutes and seconds. */
export function formatDuration(seconds: number): string {
  const rounded = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(rounded / 3600), Math.floor(rounded / 60) % 60, rounded % 60];
  const of = t.units.duration;
  if (hours) return `${hours}${of.hours} ${minutes}${of.minutes}`;
  return minutes ? `${minutes}${of.minutes} ${String(rest).padStart(2, "0")}${of.seconds}` : `${rest}${of.seconds}`;
}

/** A message as a sentence: a capital letter first, a full stop at the end. */
export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

/** A change without its sign: of a rate in percentage points, of other numbers in percent. */
export function formatChange(change: number, unit: Unit): string {
  const size = Math.abs(change);
  if (unit === "percent") return t.units.points(oneDigit.format(size));
  return wholePercent.format(size > 0 && size < 1 ? 1 : size);
}

const NAMES: Readonly<Record<string, Intl.DisplayNames>> = {
  "visit:country": new Intl.DisplayNames(LOCALE, { type: "region", fallback: "code" }),
  "visit:language": new Intl.DisplayNames(LOCALE, { type: "language", fallback: "code" }),
};

const UNKNOWN = "(not set)";

/** Whether values of a dimension are codes, which are shown by other names. */
export function hasOwnNames(dimension: string): boolean {
  return dimension in NAMES || dimension in t.values;
}

/** A readable label of a dimension's value, such as the name of a country for its code. */
export function valueLabel(dimension: string, value: string): string {
  if (value === UNKNOWN) return t.unknown;
  const labels = t.values[dimension];
  const label = labels && Object.hasOwn(labels, value) ? labels[value] : undefined;
  if (label !== undefined) return label;
  const names = NAMES[dimension];
  if (names === undefined || value.startsWith("(")) return value;
  try {
    return names.of(value) ?? value;
  } catch {
    return value; // not a code
  }
}

// Reads the local time of a moment as if it were UTC, so that formatting does not shift it to another zone.
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

/** A short label of the time axis. */
export function timeLabel(dimension: string, label: string): string {
  return FORMS[dimension]?.format(asWritten(label)) ?? label;
}

/** A label of the time axis in full. */
export function longTimeLabel(dimension: string, label: string): string {
  const text = LONG_FORMS[dimension]?.format(asWritten(label)) ?? label;
  return dimension === "time:week" ? t.period.weekOf(text) : text;
}

/** The local time in a time zone, in the form of the axis labels without their offset. */
export function localText(text: string, zone: string): string {
  const two = "2-digit";
  const form = { year: "numeric", month: two, day: two, hour: two, minute: two, second: two, hourCycle: "h23" } as const;
  const parts = new Intl.DateTimeFormat(LOCALE, { ...form, timeZone: zone }).formatToParts(new Date(text));
  const part = (type: string) => parts.find((one) => one.type === type)!.value;
  return `${part("year")}-${part("month")}-${part("day")}T${part("hour")}:${part("minute")}:${part("second")}`;
}

/** Today's date in a time zone. */
export function today(zone: string): string {
  return localText(new Date().toISOString(), zone).slice(0, 10);
}

const MONDAY = Date.UTC(2024, 0, 1);
const HOUR_MS = 3_600_000;
const weekdayForm = written({ weekday: "short" });
const hourForm = written({ hour: "numeric" });

/** The short name of a weekday; 0 is Monday. */
export function weekdayLabel(weekday: number): string {
  return weekdayForm.format(MONDAY + weekday * 24 * HOUR_MS);
}

/** An hour of the day, such as 17 or 5 pm. */
export function hourLabel(hour: number): string {
  return hourForm.format(MONDAY + hour * HOUR_MS);
}

const dayForm = written({ day: "numeric", month: "short", year: "numeric" });

/** A range of days, as short as possible. */
export function rangeLabel(first: string, last: string): string {
  return first.slice(0, 10) === last.slice(0, 10)
    ? dayForm.format(asWritten(first))
    : dayForm.formatRange(asWritten(first.slice(0, 10)), asWritten(last.slice(0, 10)));
}

/** A moment in a time zone. */
export function formatMoment(text: string, zone: string): string {
  return new Intl.DateTimeFormat(LOCALE, {
    timeZone: zone,
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
  }).format(new Date(text));
}
