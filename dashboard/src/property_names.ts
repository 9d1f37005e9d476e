// The names of the events' properties in the period: for a share key, those that the site shares.
import { reportBase } from "./requests";
import { Records } from "./records";
import { useReport, useScreen } from "./use_api";

const MOST = "100";

export interface PropertyName {
  readonly name: string;
  /** Null if it is not known how often it occurs. */
  readonly events: number | null;
}

export function usePropertyNames(): readonly PropertyName[] {
  const { view, site } = useScreen();
  const { site_id, date_range } = reportBase(view) as Record<"site_id" | "date_range", string>;
  const isReader = site.key_kind === "read";
  const { answer } = useReport(isReader ? "property_names" : null, { site_id, date_range, limit: MOST });
  if (!isReader) return (site.shared_properties ?? []).map((name) => ({ name, events: null }));
  if (!answer) return [];
  const records = new Records(answer);
  return answer.rows.map((row) => ({ name: records.text(row, "property"), events: records.number(row, "events") }));
}
