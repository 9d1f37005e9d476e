// The events of a visit, in order, each with its time to the second, its page and its properties.
import type { Report } from "./api";
import { membersIn, plainText } from "./field_value";
import { formatDuration, formatMoment, localText } from "./format";
import { Records } from "./records";
import { reportBase } from "./requests";
import { t } from "./texts";
import { Dialog, ExportLinks, PanelState } from "./ui";
import { useReport, useScreen } from "./use_api";

/** Every event of the visit that has this event, in the view's period unless there is another one. */
export function VisitDialog({ visit, period, onClose }: { visit: string; period?: string | undefined; onClose(): void }) {
  const { view } = useScreen();
  const { site_id, date_range } = reportBase(view) as Record<"site_id" | "date_range", string>;
  const parameters = { site_id, date_range: period ?? date_range, visit };
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
  return (
    <>
      <p class="hint">{formatMoment(records.text(records.rows[0]!, "occurred_at"), site.time_zone)}</p>
      <EventList records={records} rows={records.rows} scrolls />
    </>
  );
}

/** Events in order, each with the time since the one before. */
export function EventList({ records, rows, scrolls }: { records: Records; rows: Records["rows"]; scrolls?: boolean }) {
  const { site } = useScreen();
  const moments = rows.map((row) => records.text(row, "occurred_at"));
  return (
    <ol class={scrolls ? "timeline scroll" : "timeline"} tabIndex={scrolls ? 0 : undefined} aria-label={t.reports.eventsOfVisit}>
      {rows.map((row, at) => {
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
  );
}

function Properties({ text }: { text: string }) {
  const properties = Object.entries(membersIn(text));
  if (!properties.length) return null;
  return (
    <dl class="properties">
      {properties.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{plainText(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
