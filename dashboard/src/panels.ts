// Definitions of the panels. Each tab has a dimension, its metrics, and the report with the same numbers.
import { PROPERTY } from "./metrics";
import { t } from "./texts";
import type { Filter, View } from "./view";

export interface Tab {
  readonly id: string;
  readonly label: string;
  readonly dimension: string;
  /** The first one sorts the rows and sizes their bars. */
  readonly metrics: readonly string[];
  /** Further metrics in Details. */
  readonly more: readonly string[];
  /** Null if no report has these numbers. */
  readonly report: string | null;
  /** The event whose values these are; without it all events. */
  readonly event?: string;
  /** Leaves out events that only report reading, unless the reader wants them, too. */
  readonly withoutReading?: boolean;
}

export interface PanelOf {
  readonly id: string;
  readonly title: string;
  readonly tabs: readonly Tab[];
}

const OF_VISITS = ["visits", "pageviews", "bounce_rate", "visit_duration"];

const tab = (
  id: keyof typeof t.tabs,
  dimension: string,
  metrics: readonly string[] = ["visitors", "percentage"],
  more: readonly string[] = OF_VISITS,
  report: string | null = id,
): Tab => ({ id, label: t.tabs[id], dimension, metrics, more, report });

/** A tab of an event that the tracking script sends by itself. */
const automatic = (id: keyof typeof t.tabs, event: string, dimension: string): Tab => ({
  ...tab(id, dimension, ["visitors", "events"], ["visits"], null),
  event,
});

/** Events of trackers that report how long a page was read, as often as page views. */
const READING = ["page_ping", "$pageleave", "user_engagement"];
/** The choice of the address that lists them, too. */
export const WITH_READING = "reading";

/** Whether a tab leaves out events that report reading: not if a filter of the view is about one of them. */
export const leavesReadingOut = ({ filters, choices }: View, { withoutReading }: Tab): boolean =>
  withoutReading === true && !choices[WITH_READING] && !READING.some((name) => JSON.stringify(filters).includes(JSON.stringify(name)));

/** The view of a tab: that of the page, with the events that the tab is about. */
export function ofTab(view: View, tab: Tab): View {
  const more: Filter[] = [];
  if (tab.event !== undefined) more.push(["is", "event:name", [tab.event]]);
  if (leavesReadingOut(view, tab)) more.push(["is_not", "event:name", READING]);
  return more.length ? { ...view, filters: [...view.filters, ...more] } : view;
}

export const PANELS: readonly PanelOf[] = [
  {
    id: "sources",
    title: t.panels.sources,
    tabs: [
      tab("channels", "visit:channel"),
      tab("sources", "visit:source_name"),
      tab("referrers", "visit:referrer"),
      tab("campaigns", "visit:utm_campaign"),
    ],
  },
  {
    id: "pages",
    title: t.panels.pages,
    tabs: [
      tab("pages", "event:page", ["visitors", "pageviews"], ["visits", "time_on_page", "scroll_depth"]),
      tab("entry_pages", "visit:entry_page", ["visitors", "visits"], ["bounce_rate", "visit_duration"]),
      tab("exit_pages", "visit:exit_page", ["visitors", "visits"], ["pageviews"]),
    ],
  },
  {
    id: "places",
    title: t.panels.places,
    tabs: [
      tab("countries", "visit:country"),
      tab("map", "visit:country", ["visitors", "percentage"], OF_VISITS, "countries"),
      tab("regions", "visit:region"),
      tab("cities", "visit:city"),
      tab("languages", "visit:language"),
    ],
  },
  {
    id: "devices",
    title: t.panels.devices,
    tabs: [
      tab("devices", "visit:device"),
      tab("browsers", "visit:browser"),
      tab("operating_systems", "visit:os"),
      tab("screens", "visit:screen"),
    ],
  },
  {
    id: "events",
    title: t.panels.events,
    tabs: [
      { ...tab("events", "event:name", ["visitors", "events"], ["visits"]), withoutReading: true },
      tab("properties", PROPERTY, ["visitors", "events"], ["visits"], null),
      automatic("outbound_links", "outbound_link", `${PROPERTY}url`),
      automatic("downloads", "file_download", `${PROPERTY}url`),
      automatic("forms", "form_submit", `${PROPERTY}id`),
      automatic("missing_pages", "not_found", "event:page"),
    ],
  },
  {
    id: "goals",
    title: t.panels.goals,
    tabs: [tab("goals", "event:goal", ["visitors", "events", "conversion_rate"], ["visits"])],
  },
];
