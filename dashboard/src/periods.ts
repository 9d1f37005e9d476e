// Ranges of time, their keyboard shortcuts, and the steps of the chart's axis.
import { t } from "./texts";

export interface NamedPeriod {
  readonly name: string;
  readonly label: string;
  readonly key: string;
}

export const REALTIME = "realtime";
const MOVING = ["24h", REALTIME];
export const PERIODS: readonly (readonly NamedPeriod[])[] = [
  [
    { name: "day", label: t.periods["day"], key: "D" },
    { name: "yesterday", label: t.periods["yesterday"], key: "E" },
    { name: "24h", label: t.periods["24h"], key: "H" },
    { name: REALTIME, label: t.periods[REALTIME], key: "R" },
  ],
  [
    { name: "7d", label: t.periods["7d"], key: "W" },
    { name: "28d", label: t.periods["28d"], key: "F" },
    { name: "30d", label: t.periods["30d"], key: "T" },
    { name: "91d", label: t.periods["91d"], key: "N" },
  ],
  [
    { name: "month", label: t.periods["month"], key: "M" },
    { name: "year", label: t.periods["year"], key: "Y" },
    { name: "12mo", label: t.periods["12mo"], key: "L" },
    { name: "all", label: t.periods["all"], key: "A" },
  ],
];
/** The periods that a key of this kind opens. A share key opens whole days only. */
export function periodsOf(kind: "read" | "share"): readonly (readonly NamedPeriod[])[] {
  return kind === "read" ? PERIODS : PERIODS.map((group) => group.filter(({ name }) => !MOVING.includes(name)));
}

export const NAMED = new Map(PERIODS.flat().map((period) => [period.name, period]));

/** The range as a query takes it. */
export function dateRange(period: string): string | readonly string[] {
  return period.includes(",") ? period.split(",") : period;
}

/** Whether the period includes the present, so that its numbers change. */
export function isRunning(period: string): boolean {
  return !period.includes(",") && period !== "yesterday";
}

const DAY_MS = 86_400_000;

const dayOf = (text: string): number => Date.parse(`${text.slice(0, 10)}T00:00:00Z`);
const textOf = (day: number): string => new Date(day).toISOString().slice(0, 10);

/** The day after a day. */
export const dayAfter = (day: string): string => textOf(dayOf(day) + DAY_MS);

/** How many days of the site's calendar a range touches. */
export function daysIn(range: readonly [string, string]): number {
  return Math.round((dayOf(range[1]) - dayOf(range[0])) / DAY_MS) + 1;
}

/**
 * The days of a period; null if only the server knows them. `today` is a date in the site's time zone. Periods that are
 * named by their length need none.
 */
export function daysOf(period: string, today: string): readonly [string, string] | null {
  const [first, last] = period.split(",");
  if (last !== undefined) return [first!, last];
  if (period === "month") return [`${today.slice(0, 8)}01`, today];
  return period === "year" ? [`${today.slice(0, 5)}01-01`, today] : null;
}

const UP_TO_TODAY: Readonly<Record<number, string>> = { 1: "day", 7: "7d", 28: "28d", 30: "30d", 91: "91d" };

/**
 * The previous or the next range of the same length. One that ends today gets its name. Null if it would begin after
 * today. `today` is a date in the site's time zone.
 */
export function shifted(range: readonly [string, string], steps: -1 | 1, today: string): string | null {
  const days = daysIn(range);
  const [first, last] = range.map((text) => dayOf(text) + steps * days * DAY_MS) as [number, number];
  const end = dayOf(today);
  if (first > end) return null;
  if (last < end) return `${textOf(first)},${textOf(last)}`;
  return UP_TO_TODAY[days] ?? `${textOf(first)},${today}`;
}

/** Whether the period ends today or later. `today` is a date in the site's time zone. */
export function isPresent(period: string, today: string): boolean {
  return period.includes(",") ? dayOf(period.split(",")[1]!) >= dayOf(today) : period !== "yesterday";
}

const LONG = new Set(["28d", "30d", "91d", "month", "year", "12mo"]);
const LONG_DAYS = 28;

/** Whether the period is long enough to compare Mondays with Mondays by default. */
export function isLong(period: string): boolean {
  if (!period.includes(",")) return LONG.has(period);
  return daysIn(period.split(",") as [string, string]) >= LONG_DAYS;
}

/** The days that a label of the axis covers within the range; null if the range is shorter than that. */
export function periodOfLabel(step: string, label: string, range: readonly [string, string]): string | null {
  const first = dayOf(label);
  if (step === "time:hour" || step === "time:minute") return daysIn(range) > 1 ? `${textOf(first)},${textOf(first)}` : null;
  const date = new Date(first);
  const last =
    step === "time:day"
      ? first
      : step === "time:week"
        ? first + 6 * DAY_MS
        : Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0);
  const [from, to] = [Math.max(first, dayOf(range[0])), Math.min(last, dayOf(range[1]))];
  return `${textOf(from)},${textOf(to)}`;
}

export const STEPS: Readonly<Record<string, string>> = t.period.steps;

/** The steps that the chart offers for a range, the default first. */
export function stepsOf(period: string, range: readonly [string, string] | null): readonly string[] {
  if (period === REALTIME) return ["time:minute"];
  if (["day", "yesterday", "24h"].includes(period)) return ["time:hour"];
  const days = range ? daysIn(range) : (({ "7d": 7, "28d": 28, "30d": 30, "91d": 91 })[period] ?? 365);
  if (days <= 2) return ["time:hour"];
  if (days <= 14) return ["time:day", "time:hour"];
  if (days <= 100) return ["time:day", "time:week"];
  if (days <= 800) return ["time:month", "time:week", "time:day"];
  return ["time:month", "time:week"];
}
