// Ranges of time that can be chosen, their keys, and the steps that a range is shown in.

export interface NamedPeriod {
  readonly name: string;
  readonly label: string;
  readonly key: string;
}

export const REALTIME = "realtime";
export const PERIODS: readonly (readonly NamedPeriod[])[] = [
  [
    { name: "day", label: "Today", key: "D" },
    { name: "yesterday", label: "Yesterday", key: "E" },
    { name: "24h", label: "Last 24 hours", key: "H" },
    { name: REALTIME, label: "Realtime", key: "R" },
  ],
  [
    { name: "7d", label: "Last 7 days", key: "W" },
    { name: "28d", label: "Last 28 days", key: "F" },
    { name: "30d", label: "Last 30 days", key: "T" },
    { name: "91d", label: "Last 91 days", key: "N" },
  ],
  [
    { name: "month", label: "This month", key: "M" },
    { name: "year", label: "This year", key: "Y" },
    { name: "12mo", label: "Last 12 months", key: "L" },
    { name: "all", label: "All time", key: "A" },
  ],
];
export const NAMED = new Map(PERIODS.flat().map((period) => [period.name, period]));

/** The range as a query takes it. */
export function dateRange(period: string): string | readonly string[] {
  return period.includes(",") ? period.split(",") : period;
}

/** Whether it goes on while it is looked at. */
export function goesOn(period: string): boolean {
  return !period.includes(",") && period !== "yesterday";
}

const DAY_MS = 86_400_000;

const dayOf = (text: string): number => Date.parse(`${text.slice(0, 10)}T00:00:00Z`);
const textOf = (day: number): string => new Date(day).toISOString().slice(0, 10);

/** How many days of the site's calendar a range touches. */
export function daysIn(range: readonly [string, string]): number {
  return Math.round((dayOf(range[1]) - dayOf(range[0])) / DAY_MS) + 1;
}

/** The range of the same length before it, or after it. */
export function shifted(range: readonly [string, string], steps: -1 | 1): string {
  const by = steps * daysIn(range) * DAY_MS;
  return `${textOf(dayOf(range[0]) + by)},${textOf(dayOf(range[1]) + by)}`;
}

/** The days that a label of a step of time covers, within the range. */
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

export const STEPS: Readonly<Record<string, string>> = {
  "time:hour": "Hours",
  "time:day": "Days",
  "time:week": "Weeks",
  "time:month": "Months",
};

/** The steps that a range may be shown in, the one it is shown in by itself first. */
export function stepsOf(period: string, range: readonly [string, string] | null): readonly string[] {
  if (period === REALTIME) return ["time:minute"];
  if (["day", "yesterday", "24h"].includes(period)) return ["time:hour"];
  const days = range ? daysIn(range) : (({ "7d": 7, "28d": 28, "30d": 30, "91d": 91, month: 30 })[period] ?? 365);
  if (days <= 2) return ["time:hour"];
  if (days <= 14) return ["time:day", "time:hour"];
  if (days <= 100) return ["time:day", "time:week"];
  if (days <= 800) return ["time:month", "time:week", "time:day"];
  return ["time:month", "time:week"];
}
