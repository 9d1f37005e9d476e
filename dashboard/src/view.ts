// The view: site, page, period, comparison, filters and choices. The address contains all of it, so that the back button,
// bookmarks and links work.
import { filterOf, filterText, parameter } from "./filter_address";
import { t } from "./texts";

export type Comparator = keyof typeof t.filters.operators;
/** A filter of `POST /api/query`: nested lists. */
export type Filter = readonly unknown[];
export type ValueFilter = readonly [Comparator, string, readonly string[]];
export type Page = keyof typeof t.pages;
export const COMPARISONS = ["previous_period", "year_over_year", "none"] as const;
/** Whether a text of the address names a comparison. */
export const isComparison = (text: string): text is (typeof COMPARISONS)[number] => COMPARISONS.some((one) => one === text);

/** The choices of the address that name a person, and the period of that person's page: all time unless chosen. */
export const PERSON = "person";
const PERSON_PERIOD = "person_period";

/** Two dates in an address. */
const DATES = /^\d{4}-\d\d-\d\d,\d{4}-\d\d-\d\d$/;

export interface View {
  readonly site: string;
  readonly page: Page;
  /** A named range, or two dates or moments with a comma between them. */
  readonly period: string;
  /** One of COMPARISONS, or two dates with a comma between them. */
  readonly comparing: string;
  readonly filters: readonly Filter[];
  /** Choices in panels: a tab, a funnel, the step of the chart. */
  readonly choices: Readonly<Record<string, string>>;
}

export const DEFAULT_VIEW: View = {
  site: "",
  page: "overview",
  period: "28d",
  comparing: "previous_period",
  filters: [],
  choices: {},
};

/** Whether the view is a person's page. */
export const isOfPerson = ({ page, choices }: View): boolean => page === "people" && Boolean(choices[PERSON]);

/** The view with the period of its page: a person's last visit may be long ago, so that page does not share the others' period. */
export function withOwnPeriod(view: View): View {
  return isOfPerson(view) ? { ...view, period: view.choices[PERSON_PERIOD] || "all" } : view;
}

/** The changes of a view as changes of its address. */
export function ofOwnPeriod(view: View, changes: Partial<View>): Partial<View> {
  const { period, ...others } = changes;
  if (period === undefined || others.page || !isOfPerson(view)) return changes;
  return { ...others, choices: { ...(others.choices ?? view.choices), [PERSON_PERIOD]: period } };
}

/** The choices of the page of this person. */
export const choicesOfPerson = (choices: View["choices"], person: string): View["choices"] => ({ ...choices, [PERSON]: person, [PERSON_PERIOD]: "" });

/** The view of an address. Parts that cannot be read get their defaults. */
export function viewOf(location: { pathname: string; search: string }): View {
  const parameters = new URLSearchParams(location.search);
  const choices: Record<string, string> = {};
  for (const [name, value] of parameters) choices[name] = value;
  const { site = "", view = "", period = DEFAULT_VIEW.period, compare = "", filters = "", f: _, ...rest } = choices;
  return {
    site: sharedSite(location.pathname) ?? site,
    page: Object.hasOwn(t.pages, view) ? (view as Page) : DEFAULT_VIEW.page,
    period,
    comparing: isComparison(compare) || DATES.test(compare) ? compare : DEFAULT_VIEW.comparing,
    filters: [...filtersOf(filters), ...parameters.getAll("f").flatMap((text) => isFilter(filterOf(text)))],
    choices: rest,
  };
}

/** The address of a view, without defaults. */
export function addressOf(view: View, location: { pathname: string; hash: string }): string {
  const parameters: string[] = [];
  const set = (name: string, value: string, start: string) => {
    if (value !== start) parameters.push(parameter(name, value));
  };
  if (sharedSite(location.pathname) === null) set("site", view.site, DEFAULT_VIEW.site);
  set("view", view.page, DEFAULT_VIEW.page);
  set("period", view.period, DEFAULT_VIEW.period);
  set("compare", view.comparing, DEFAULT_VIEW.comparing);
  for (const [name, value] of Object.entries(view.choices)) set(name, value, "");
  for (const filter of view.filters) set("f", filterText(filter), "");
  const query = parameters.join("&");
  return `${location.pathname}${query ? `?${query}` : ""}${location.hash}`;
}

/** The site of a share link's path; null for any other path. */
export function sharedSite(pathname: string): string | null {
  const match = /^\/share\/([^/]+)/.exec(pathname);
  return match ? decodeURIComponent(match[1]!) : null;
}

const isFilter = (filter: unknown): readonly Filter[] => (Array.isArray(filter) ? [filter] : []);

/** The filters of an address of the older form, one list in JSON. */
function filtersOf(text: string): readonly Filter[] {
  try {
    const read: unknown = JSON.parse(text || "[]");
    return Array.isArray(read) ? read.flatMap(isFilter) : [];
  } catch {
    return [];
  }
}

/** The filter, if it compares a dimension with values; null for any other. */
export function asValueFilter(filter: Filter): ValueFilter | null {
  const [operator, dimension, values] = filter;
  const known =
    typeof operator === "string" &&
    /^(is|contains|matches)(_not)?$/.test(operator) &&
    typeof dimension === "string" &&
    Array.isArray(values);
  return known ? [operator as Comparator, dimension, values.map(String)] : null;
}

/** The filters with this one, which replaces one of the same dimension and operator. */
export function withFilter(filters: readonly Filter[], added: ValueFilter): readonly Filter[] {
  const others = filters.filter((filter) => filter[0] !== added[0] || filter[1] !== added[1]);
  return [...others, added];
}

/** The filters with these values besides those of the same dimension and operator. */
export function withMoreValues(filters: readonly Filter[], added: ValueFilter): readonly Filter[] {
  const [operator, dimension, values] = added;
  const same = filters.find((filter) => filter[0] === operator && filter[1] === dimension);
  const before = (same && asValueFilter(same)?.[2]) ?? [];
  return withFilter(filters, [operator, dimension, [...new Set([...before, ...values])]]);
}

/** The inverted filter: `is_not` for `is` and the reverse; a filter of another form is put into `not`. */
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
 * The filters for reports about sequences. A filter by event becomes one by visit: some event of the visit must match.
 * The other events of such a visit stay in the sequence.
 */
export function ofWholeVisits(filters: readonly Filter[]): readonly Filter[] {
  return filters.map((filter) => {
    const known = asValueFilter(filter);
    if (filter[0] === "or" && Array.isArray(filter[1])) return ["or", ofWholeVisits(filter[1])];
    if (!known || !known[1].startsWith("event:")) return filter;
    return known[0].endsWith("_not") ? ["has_not_done", negated(filter)] : ["has_done", filter];
  });
}
