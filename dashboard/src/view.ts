// What is looked at. All of it stands in the address, so that the back button, a bookmark and a link to a colleague work.

export type Comparator = "is" | "is_not" | "contains" | "contains_not" | "matches" | "matches_not";
/** As `POST /api/query` takes it: nested lists. */
export type Filter = readonly unknown[];
export type ValueFilter = readonly [Comparator, string, readonly string[]];
export type Page = "overview" | "visits" | "failed_events" | "event_definitions" | "reconciliation";

export const PAGES: Record<Page, string> = {
  overview: "Overview",
  visits: "Visits",
  failed_events: "Failed events",
  event_definitions: "Event definitions",
  reconciliation: "Reconciliation",
};
export const COMPARISONS: Record<string, string> = {
  previous_period: "Previous period",
  year_over_year: "Year over year",
  none: "No comparison",
};

/** Two dates, as they stand in an address. */
const DATES = /^\d{4}-\d\d-\d\d,\d{4}-\d\d-\d\d$/;

export interface View {
  readonly site: string;
  readonly page: Page;
  /** A named range, or two dates or moments with a comma between them. */
  readonly period: string;
  /** One of COMPARISONS, or two dates with a comma between them. */
  readonly comparing: string;
  readonly filters: readonly Filter[];
  /** What was chosen in a panel: its tab, a funnel, the length of a step of time. */
  readonly choices: Readonly<Record<string, string>>;
}

export const START: View = {
  site: "",
  page: "overview",
  period: "28d",
  comparing: "previous_period",
  filters: [],
  choices: {},
};

/** The view of an address. What cannot be read of it is as at the start. */
export function viewOf(location: { pathname: string; search: string }): View {
  const parameters = new URLSearchParams(location.search);
  const choices: Record<string, string> = {};
  for (const [name, value] of parameters) choices[name] = value;
  const { site = "", view = "", period = START.period, compare = "", filters = "", ...rest } = choices;
  return {
    site: sharedSite(location.pathname) ?? site,
    page: view in PAGES ? (view as Page) : START.page,
    period,
    comparing: compare in COMPARISONS || DATES.test(compare) ? compare : START.comparing,
    filters: filtersOf(filters),
    choices: rest,
  };
}

/** The address of a view, without what is as at the start. */
export function addressOf(view: View, location: { pathname: string; hash: string }): string {
  const parameters = new URLSearchParams();
  const set = (name: string, value: string, start: string) => {
    if (value !== start) parameters.set(name, value);
  };
  if (sharedSite(location.pathname) === null) set("site", view.site, START.site);
  set("view", view.page, START.page);
  set("period", view.period, START.period);
  set("compare", view.comparing, START.comparing);
  for (const [name, value] of Object.entries(view.choices)) set(name, value, "");
  set("filters", view.filters.length ? JSON.stringify(view.filters) : "", "");
  const query = parameters.toString();
  return `${location.pathname}${query ? `?${query}` : ""}${location.hash}`;
}

/** The site of a share link's path; null where it is none. */
export function sharedSite(pathname: string): string | null {
  const found = /^\/share\/([^/]+)/.exec(pathname);
  return found ? decodeURIComponent(found[1]!) : null;
}

function filtersOf(text: string): readonly Filter[] {
  try {
    const read: unknown = JSON.parse(text || "[]");
    return Array.isArray(read) ? read.filter(Array.isArray) : [];
  } catch {
    return [];
  }
}

/** The filter as one of a dimension's values; null for any other. */
export function asValueFilter(filter: Filter): ValueFilter | null {
  const [operator, dimension, values] = filter;
  const known =
    typeof operator === "string" &&
    /^(is|contains|matches)(_not)?$/.test(operator) &&
    typeof dimension === "string" &&
    Array.isArray(values);
  return known ? [operator as Comparator, dimension, values.map(String)] : null;
}

/** The filters with this one, in place of another of the same dimension and operator. */
export function withFilter(filters: readonly Filter[], added: ValueFilter): readonly Filter[] {
  const others = filters.filter((filter) => filter[0] !== added[0] || filter[1] !== added[1]);
  return [...others, added];
}

/** `is` for `is_not`, and the other way round; a filter of another form stands in `not`. */
export function negated(filter: Filter): Filter {
  const known = asValueFilter(filter);
  if (known) {
    const [operator, dimension, values] = known;
    const other = operator.endsWith("_not") ? operator.slice(0, -4) : `${operator}_not`;
    return [other, dimension, values];
  }
  return filter[0] === "not" ? (filter[1] as Filter) : ["not", filter];
}

/**
 * The same filters for questions about the order of events: what one event must be, some event of the visit must be, and
 * all others stay in their places.
 */
export function ofWholeVisits(filters: readonly Filter[]): readonly Filter[] {
  return filters.map((filter) => {
    const known = asValueFilter(filter);
    if (!known || !known[1].startsWith("event:")) return filter;
    return known[0].endsWith("_not") ? ["has_not_done", negated(filter)] : ["has_done", filter];
  });
}
