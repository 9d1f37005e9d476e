// Definitions of the panels. Each tab has a dimension, its metrics, and the report with the same numbers.
import { PROPERTY } from "./metrics";

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
}

export interface PanelOf {
  readonly id: string;
  readonly title: string;
  readonly tabs: readonly Tab[];
}

const OF_VISITS = ["visits", "pageviews", "bounce_rate", "visit_duration"];

const tab = (
  id: string,
  label: string,
  dimension: string,
  metrics: readonly string[] = ["visitors", "percentage"],
  more: readonly string[] = OF_VISITS,
  report: string | null = id,
): Tab => ({ id, label, dimension, metrics, more, report });

export const PANELS: readonly PanelOf[] = [
  {
    id: "sources",
    title: "Sources",
    tabs: [
      tab("channels", "Channels", "visit:channel"),
      tab("sources", "Sources", "visit:source_name"),
      tab("referrers", "Referrers", "visit:referrer"),
      tab("campaigns", "Campaigns", "visit:utm_campaign"),
    ],
  },
  {
    id: "pages",
    title: "Pages",
    tabs: [
      tab("pages", "Pages", "event:page", ["visitors", "pageviews"], ["visits", "time_on_page", "scroll_depth"]),
      tab("entry_pages", "Entries", "visit:entry_page", ["visitors", "visits"], ["bounce_rate", "visit_duration"]),
      tab("exit_pages", "Exits", "visit:exit_page", ["visitors", "visits"], ["pageviews"]),
    ],
  },
  {
    id: "places",
    title: "Places",
    tabs: [
      tab("countries", "Countries", "visit:country"),
      tab("regions", "Regions", "visit:region"),
      tab("cities", "Cities", "visit:city"),
      tab("languages", "Languages", "visit:language"),
    ],
  },
  {
    id: "devices",
    title: "Devices",
    tabs: [
      tab("devices", "Devices", "visit:device"),
      tab("browsers", "Browsers", "visit:browser"),
      tab("operating_systems", "Systems", "visit:os"),
      tab("screens", "Screens", "visit:screen"),
    ],
  },
  {
    id: "events",
    title: "Events",
    tabs: [
      tab("events", "Events", "event:name", ["visitors", "events"], ["visits"]),
      tab("properties", "Properties", PROPERTY, ["visitors", "events"], ["visits"], null),
    ],
  },
  {
    id: "goals",
    title: "Goals",
    tabs: [tab("goals", "Goals", "event:goal", ["visitors", "events", "conversion_rate"], ["visits"])],
  },
];
