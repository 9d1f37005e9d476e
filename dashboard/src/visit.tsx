// The events of a visit, in order, each with its time to the second, its page and its properties.
import type { Report } from "./api";
import { formatDuration, formatMoment, localText } from "./format";
import { Records } from "./records";
import { reportBase } from "./requests";
import { t } from "./texts";
import { Dialog, ExportLinks, PanelState } from "./ui";
import { useReport, useScreen } from "./use_api";

/** Every event of the visit that has this event. */
export function VisitDialog({ visit, onClose }: { visit: string; onClose(): void }) {
  const { view } = useScreen();
  const { site_id, date_range } = reportBase(view) as Record<"site_id" | "date_range", string>;
  const parameters = { site_id, date_range, visit };
  const result = useReport("visit_events", parameters);
  return (
    <Dialog title={t.reports.eventsOfVisit} testid="visit" wide onClose={onClose}>
      {result.answer?.rows.length ? <Timeline report={result.answer} /> : <PanelState result={result} />}
      <footer>
        <ExportLinks title={t.reports.eventsOfVisit} report="visit_events" parameters={parameters} isAnswered={result.answer !== null} />
      </footer>
    </Dialog>
  );
}

function Timeline({ report }: { report: Report }) {
  const { site } = useScreen();
  const records = new Records(report);
  const moments = records.rows.map((row) => records.text(row, "occurred_at"));
  return (
    <>
      <p class="hint">{formatMoment(moments[0]!, site.time_zone)}</p>
      <ol class="timeline scroll" tabIndex={0} aria-label={t.reports.eventsOfVisit}>
        {records.rows.map((row, at) => {
          const [moment, before] = [moments[at]!, moments[at - 1]];
          const text = (column: string) => records.text(row, column);
          const title = text("page_title");
          return (
            <li key={text("event_id")} data-testid="row" data-value={text("event_id")}>
              <span class="when">
                <time dateTime={moment} title={formatMoment(moment, site.time_zone)}>
                  {localText(moment, site.time_zone).slice("yyyy-mm-ddT".length)}
                </time>
                {before && <span class="hint">+{formatDuration((Date.parse(moment) - Date.parse(before)) / 1000)}</span>}
              </span>
              <div>
                <p>
                  <strong>{text("event_name") || text("event_type")}</strong> <span>{text("page_host") + text("page_path")}</span>
                </p>
                {title && <p class="hint">{title}</p>}
                {text("referrer") && <p class="hint">{t.reports.from(text("referrer"))}</p>}
                <Properties text={text("properties")} />
              </div>
            </li>
          );
        })}
      </ol>
    </>
  );
}

function Properties({ text }: { text: string }) {
  const properties = Object.entries(propertiesIn(text));
  if (!properties.length) return null;
  return (
    <dl class="properties">
      {properties.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{typeof value === "string" ? value : JSON.stringify(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

/** The properties of an event, from their JSON; none if it is no object. */
export function propertiesIn(text: string): Readonly<Record<string, unknown>> {
  try {
    const read: unknown = JSON.parse(text || "{}");
    return typeof read === "object" && read !== null ? (read as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
