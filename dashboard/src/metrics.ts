// Labels and units of metrics and dimensions. The API defines what they mean.
import { t } from "./texts";

/** A unit of money includes its currency if that is known. */
export type Unit = "count" | "percent" | "seconds" | "ratio" | "money" | `money ${string}` | "parts";

export interface Metric {
  readonly name: string;
  readonly label: string;
  readonly unit: Unit;
  /** For the narrow column of a table. */
  readonly heading: string;
  /** Whether an increase is good, bad or neither. */
  readonly more: "good" | "bad" | "neither";
}

const metric = (name: keyof typeof t.metrics, unit: Unit, more: Metric["more"] = "good", label: string = t.metrics[name]): Metric => {
  const headings: Readonly<Record<string, string>> = t.headings;
  return { name, label, unit, heading: headings[name] ?? label, more };
};

export const HEADLINES: readonly Metric[] = [
  metric("visitors", "count"),
  metric("visits", "count"),
  metric("pageviews", "count"),
  metric("views_per_visit", "ratio"),
  metric("bounce_rate", "percent", "bad"),
  metric("visit_duration", "seconds"),
];
export const CONVERSION_RATE = metric("conversion_rate", "percent");
export const REVENUE = metric("total_revenue", "money");
export const AVERAGE_REVENUE = metric("average_revenue", "money");
/** The metrics under a filter by goal. */
export const OF_A_GOAL: readonly Metric[] = [
  metric("visitors", "count", "good", t.goalMetrics.visitors),
  metric("events", "count", "good", t.goalMetrics.events),
  CONVERSION_RATE,
];

const OTHERS: readonly Metric[] = [
  CONVERSION_RATE,
  REVENUE,
  metric("events", "count", "neither"),
  AVERAGE_REVENUE,
  metric("group_conversion_rate", "percent"),
  metric("percentage", "percent", "neither"),
  metric("entries", "count"),
  metric("exits", "count", "neither"),
  metric("exit_rate", "percent", "bad"),
  metric("time_on_page", "seconds"),
  metric("scroll_depth", "percent"),
  metric("new_visitors", "count"),
  metric("returning_visitors", "count"),
];

const METRICS = new Map([...HEADLINES, ...OTHERS].map((one) => [one.name, one]));

/** The metric in this currency, if it is money. */
export function inCurrency(metric: Metric, currency: string | null | undefined): Metric {
  return metric.unit === "money" && currency ? { ...metric, unit: `money ${currency}` } : metric;
}

/** A metric by its name. */
export function metricOf(name: string): Metric {
  return METRICS.get(name) ?? { name, label: worded(name), heading: worded(name), unit: "count", more: "neither" };
}

export const PROPERTY = "event:props:";
export const DIMENSIONS: Readonly<Record<string, string>> = t.dimensions;

const among = (test: RegExp): readonly string[] => Object.keys(DIMENSIONS).filter((name) => test.test(name));
/** Dimensions in groups, as they are offered. */
export const DIMENSION_GROUPS: readonly (readonly [keyof typeof t.filters.groups, readonly string[]])[] = [
  ["pages", ["event:page", "visit:entry_page", "visit:exit_page", "event:page_title", "event:hostname"]],
  ["sources", among(/channel|source|medium|referrer|utm_/)],
  ["events", among(/event:(name|goal|currency|dialect|bot)/)],
  ["places", among(/country|region|city|language/)],
  ["devices", among(/device|browser|:os|screen/)],
  ["people", among(/person:/)],
];

/** The name of the property that the dimension has; any other dimension as it is. */
export const nameOf = (dimension: string): string => (dimension.startsWith(PROPERTY) ? dimension.slice(PROPERTY.length) : dimension);

/** The label of a dimension. */
export function dimensionLabel(name: string): string {
  return name.startsWith(PROPERTY) ? t.property(name.slice(PROPERTY.length)) : (DIMENSIONS[name] ?? name);
}

/** `group_conversion_rate` as "Group conversion rate". */
export function worded(name: string): string {
  const text = name.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
