// Pages that show one report as it is: a table of its columns.
import { useEffect, useState } from "preact/hooks";
import type { Column, Report } from "./api";
import { reportBase, useReport, useScreen } from "./asking";
import { moment } from "./format";
import { DIMENSIONS, worded } from "./metrics";
import { Pages } from "./panel";
import { Dialog, Sources, Unanswered } from "./parts";
import { PAGES, type Page, type View } from "./view";

const ROWS = 50;
const EXPLAINED: Record<Page, string> = {
  overview: "",
  visits: "One row for each visit in which the filters hold, the last first.",
  failed_events: "What arrived and could not become an event: kept, so that it can be repaired and replayed.",
  event_definitions: "What arrives, held against the events that the site has defined.",
  reconciliation: "What was received, and what became of it, hour by hour. A difference of 0 means that nothing was lost.",
};

/** What the page's report takes: not all of them have filters, or pages. */
function parametersOf(view: View): Record<string, string> {
  const { site_id, date_range, ...filters } = reportBase(view) as Record<"site_id" | "date_range", string>;
  return { site_id, date_range, ...(view.page === "visits" ? filters : {}) };
}

export function ReportPage() {
  const { view, told } = useScreen();
  const [offset, setOffset] = useState(0);
  const [visit, setVisit] = useState<string | null>(null);
  const parameters = parametersOf(view);
  // One more than is shown tells whether there is another page.
  const paged = { limit: String(ROWS + 1), offset: String(offset) };
  const asked = useReport(view.page, view.page === "event_definitions" ? parameters : { ...parameters, ...paged });
  useEffect(() => {
    if (asked.answer) told(asked.answer.meta.complete_until);
  }, [asked.answer]);
  const title = PAGES[view.page];
  const isPaged = view.page !== "event_definitions";
  const report = asked.answer && isPaged ? { ...asked.answer, rows: asked.answer.rows.slice(0, ROWS) } : asked.answer;
  return (
    <section class="card report" aria-label={title} aria-busy={asked.loading} data-testid={`report-${view.page}`}>
      <header>
        <div>
          <h2>{title}</h2>
          <p>{EXPLAINED[view.page]}</p>
        </div>
        <span class="space" />
        <Sources title={title} report={view.page} parameters={parameters} meta={asked.answer?.meta} />
      </header>
      {report?.rows.length && !asked.problem ? (
        <ReportTable report={report} onVisit={view.page === "visits" ? setVisit : undefined} />
      ) : (
        <Unanswered asked={asked} />
      )}
      {isPaged && (
        <Pages offset={offset} size={ROWS} isLast={(asked.answer?.rows.length ?? 0) <= ROWS} onMove={setOffset} />
      )}
      {visit !== null && <VisitDialog visit={visit} onClose={() => setVisit(null)} />}
    </section>
  );
}

/** The rows of a report under its columns' names. */
export function ReportTable({ report, onVisit }: { report: Report; onVisit?: ((visit: string) => void) | undefined }) {
  const { site } = useScreen();
  const visitAt = report.columns.findIndex(({ name }) => name === "visit" || name === "event_ids");
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Rows">
      <table class="plain">
        <thead>
          <tr>
            {report.columns.map((column, at) => (
              <th scope="col" key={column.name} title={column.description} class={isNumber(column) ? "number" : ""}>
                {columnLabel(at === visitAt && onVisit ? "visit" : column.name)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {report.rows.map((row, index) => (
            <tr key={index} data-testid="row">
              {report.columns.map((column, at) => (
                <td key={column.name} class={isNumber(column) ? "number" : isLong(row[at]) && !isId(column) ? "long" : ""}>
                  {at === visitAt && onVisit ? (
                    <button type="button" class="quiet" onClick={() => onVisit(firstOf(row[at]))}>
                      Events
                    </button>
                  ) : (
                    <Cell value={row[at]} column={column} zone={site.time_zone} />
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const LONG = 60;
const isLong = (value: unknown): boolean => typeof value === "string" && value.length > LONG;
const columnLabel = (name: string): string => DIMENSIONS[`visit:${name}`] ?? worded(name);
/** Any event of a visit finds it. */
const firstOf = (value: unknown): string => String(Array.isArray(value) ? value[0] : value);
/** Ids are told apart by their first signs, and leave the room to what can be read. */
const isId = ({ name }: Column): boolean => name === "visitor" || name === "event_id" || name === "newest";
const isNumber = ({ type }: Column): boolean => type === "integer" || type === "number";

function Cell({ value, column, zone }: { value: unknown; column: Column; zone: string }) {
  if (value === null || value === undefined) return <span class="nothing">–</span>;
  if (typeof value === "number") return <data value={String(value)}>{value.toLocaleString("en-GB")}</data>;
  if (column.type === "moment") return <time dateTime={String(value)}>{moment(String(value), zone)}</time>;
  if (isId(column)) return <span class="id" title={String(value)}>{String(value)}</span>;
  if (typeof value === "boolean") return <>{value ? "yes" : "no"}</>;
  return <>{typeof value === "object" ? JSON.stringify(value) : String(value)}</>;
}

/** Every event of the visit that an event belongs to. */
export function VisitDialog({ visit, onClose }: { visit: string; onClose(): void }) {
  const { view } = useScreen();
  const { site_id, date_range } = reportBase(view) as Record<"site_id" | "date_range", string>;
  const asked = useReport("visit_events", { site_id, date_range, visit });
  return (
    <Dialog title="Events of the visit" testid="visit" wide onClose={onClose}>
      {asked.answer?.rows.length ? <ReportTable report={asked.answer} /> : <Unanswered asked={asked} />}
    </Dialog>
  );
}
