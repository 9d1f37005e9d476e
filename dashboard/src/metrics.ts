// Labels and units of metrics and dimensions. The API defines what they mean.

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

const metric = (
  name: string,
  label: string,
  unit: Unit,
  more: Metric["more"] = "good",
  heading: string = label,
): Metric => ({ name, label, unit, more, heading });

export const HEADLINES: readonly Metric[] = [
  metric("visitors", "Visitors", "count"),
  metric("visits", "Visits", "count"),
  metric("pageviews", "Page views", "count"),
  metric("views_per_visit", "Views per visit", "ratio"),
  metric("bounce_rate", "Bounce rate", "percent", "bad"),
  metric("visit_duration", "Visit duration", "seconds", "good", "Duration"),
];
export const CONVERSION_RATE = metric("conversion_rate", "Conversion rate", "percent", "good", "Rate");
export const REVENUE = metric("total_revenue", "Revenue", "money");
export const AVERAGE_REVENUE = metric("average_revenue", "Average revenue", "money");
/** The metrics under a filter by goal. */
export const OF_A_GOAL: readonly Metric[] = [
  metric("visitors", "Unique conversions", "count"),
  metric("events", "Conversions", "count"),
  CONVERSION_RATE,
];

const OTHERS: readonly Metric[] = [
  CONVERSION_RATE,
  REVENUE,
  metric("events", "Events", "count", "neither"),
  AVERAGE_REVENUE,
  metric("group_conversion_rate", "Conversion rate", "percent"),
  metric("percentage", "Share of visitors", "percent", "neither", "%"),
  metric("entries", "Entries", "count"),
  metric("exits", "Exits", "count", "neither"),
  metric("exit_rate", "Exit rate", "percent", "bad"),
  metric("time_on_page", "Time on page", "seconds"),
  metric("scroll_depth", "Scroll depth", "percent"),
  metric("new_visitors", "New visitors", "count"),
  metric("returning_visitors", "Returning visitors", "count"),
];

const METRICS = new Map([...HEADLINES, ...OTHERS].map((one) => [one.name, one]));

/** The metric in this currency, if it is money. */
export function inCurrency(metric: Metric, currency: string | null | undefined): Metric {
  return metric.unit === "money" && currency ? { ...metric, unit: `money ${currency}` } : metric;
}

/** A metric by its name. */
export function metricOf(name: string): Metric {
  return METRICS.get(name) ?? metric(name, worded(name), "count", "neither");
}

export const PROPERTY = "event:props:";
export const DIMENSIONS: Readonly<Record<string, string>> = {
  "event:page": "Page",
  "event:page_title": "Title",
  "event:hostname": "Host",
  "event:name": "Event",
  "event:goal": "Goal",
  "event:bot": "Bot",
  "event:currency": "Currency",
  "event:dialect": "Sent by",
  "person:id": "Person",
  "person:known": "Known person",
  "visit:entry_page": "Entry page",
  "visit:exit_page": "Exit page",
  "visit:channel": "Channel",
  "visit:source_name": "Source",
  "visit:source": "Referring host",
  "visit:medium": "Medium",
  "visit:referrer": "Referrer",
  "visit:utm_source": "Campaign source",
  "visit:utm_medium": "Campaign medium",
  "visit:utm_campaign": "Campaign",
  "visit:utm_term": "Campaign term",
  "visit:utm_content": "Campaign content",
  "visit:country": "Country",
  "visit:region": "Region",
  "visit:city": "City",
  "visit:language": "Language",
  "visit:device": "Device",
  "visit:browser": "Browser",
  "visit:browser_version": "Browser version",
  "visit:os": "System",
  "visit:os_version": "System version",
  "visit:screen": "Screen",
};

const among = (test: RegExp): readonly string[] => Object.keys(DIMENSIONS).filter((name) => test.test(name));
/** Dimensions in groups, as they are offered. */
export const DIMENSION_GROUPS: readonly (readonly [string, readonly string[]])[] = [
  ["Pages", ["event:page", "visit:entry_page", "visit:exit_page", "event:page_title", "event:hostname"]],
  ["Sources", among(/channel|source|medium|referrer|utm_/)],
  ["Events", among(/event:(name|goal|currency|dialect|bot)/)],
  ["Places", among(/country|region|city|language/)],
  ["Devices", among(/device|browser|:os|screen/)],
  ["People", among(/person:/)],
];

/** The label of a dimension. */
export function dimensionLabel(name: string): string {
  return name.startsWith(PROPERTY) ? `Property ${name.slice(PROPERTY.length)}` : (DIMENSIONS[name] ?? name);
}

/** `group_conversion_rate` as "Group conversion rate". */
export function worded(name: string): string {
  const text = name.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
