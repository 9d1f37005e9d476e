// What requests to the API contain, by the view.
import type { Site } from "./api";
import { DIMENSION_GROUPS, PROPERTY } from "./metrics";
import { dateRange, isLong } from "./periods";
import { type Filter, type View, ofWholeVisits } from "./view";

/** The name of the choice whether days of the week are matched. */
export const WEEKDAYS = "weekdays";

/** Whether the key opens any property of events: a share key opens those that the site lists. */
export function opensProperties(site: Site): boolean {
  return site.key_kind === "read" || (site.shared_properties ?? []).length > 0;
}

/** Whether the key opens the dimension of a tab. That of no property yet opens with any. */
export function opensTab(site: Site, dimension: string): boolean {
  if (dimension === PROPERTY) return opensProperties(site);
  if (!dimension.startsWith(PROPERTY) || site.key_kind === "read") return true;
  return (site.shared_properties ?? []).includes(dimension.slice(PROPERTY.length));
}

/** The dimensions that the key opens, in groups. */
export function openDimensions(site: Site): typeof DIMENSION_GROUPS {
  const closed = site.closed_dimensions ?? [];
  const groups = DIMENSION_GROUPS.map(([group, names]) => [group, names.filter((name) => !closed.includes(name))] as const);
  return groups.filter(([, names]) => names.length > 0);
}

/** The part that every query of a view shares. */
export function queryBase(view: View): { site_id: string; date_range: unknown; filters: readonly Filter[] } {
  return { site_id: view.site, date_range: dateRange(view.period), filters: view.filters };
}

/** The same for reports. */
export function reportBase(view: View): Record<string, string> {
  const filters: Record<string, string> = view.filters.length ? { filters: JSON.stringify(view.filters) } : {};
  return { site_id: view.site, date_range: view.period, ...filters };
}

/** The same for reports about the order of events. */
export function sequenceBase(view: View): Record<string, string> {
  return reportBase({ ...view, filters: ofWholeVisits(view.filters) });
}

/** What a query includes for a comparison; empty without one. */
export function comparisonOf(view: View): object {
  // Nothing precedes all time.
  if (view.comparing === "none" || view.period === "all") return {};
  const dates = view.comparing.split(",");
  if (dates.length === 2) return { comparisons: { mode: "custom", date_range: dates } };
  return { comparisons: { mode: view.comparing, match_day_of_week: matchesWeekdays(view) } };
}

/** Whether the other period begins with the same day of the week: as chosen, else for long periods. */
export function matchesWeekdays(view: View): boolean {
  const chosen = view.choices[WEEKDAYS];
  return chosen === undefined ? isLong(view.period) : chosen === "on";
}
