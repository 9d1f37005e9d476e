// Pages that show one report as a table of its columns.
import { useEffect, useState } from "preact/hooks";
import type { Column, Report } from "./api";
import { RecordTable } from "./record_table";
import { reportBase } from "./requests";
import { useReport, useScreen } from "./use_api";
import { NOTHING, formatMoment, formatNumber } from "./format";
import { worded } from "./metrics";
import { Pages } from "./pages";
import { ExportLinks, PanelState } from "./ui";
import { VisitDialog } from "./visit";
import { VisitTable } from "./visit_table";
import { LANGUAGE, LOCALE, t } from "./texts";
import type { View } from "./view";

const ROWS = 50;

/** The parameters of the page's report. Only visits take filters. */
function parametersOf(view: View): Record<string, string> {
  const { site_id, date_range, ...filters } = reportBase(view) as Record<"site_id" | "date_range", string>;
  return { site_id, date_range, ...(view.page === "visits" ? filters : {}) };
}

export function ReportPage() {
  const { view, setCompleteUntil } = useScreen();
  const [offset, setOffset] = useState(0);
  const [visit, setVisit] = useState<string | null>(null);
  const parameters = parametersOf(view);
  // One row more than the page shows, to know whether another page follows.
  const paged = { limit: String(ROWS + 1), offset: String(offset) };
  const result = useReport(view.page, view.page === "event_definitions" ? parameters : { ...parameters, ...paged });
  useEffect(() => {
    if (result.answer) setCompleteUntil(result.answer.meta.complete_until);
  }, [result.answer]);
  const title = t.pages[view.page];
  const isPaged = view.page !== "event_definitions";
  const report = result.answer && isPaged ? { ...result.answer, rows: result.answer.rows.slice(0, ROWS) } : result.answer;
  return (
    <section class="card report" aria-label={title} aria-busy={result.loading} data-testid={`report-${view.page}`}>
      <header>
        <div>
          <h2>{title}</h2>
          <p>{t.explanations[view.page]}</p>
        </div>
        <span class="space" />
        <ExportLinks title={title} report={view.page} parameters={parameters} isAnswered={result.answer !== null} />
      </header>
      {!report?.rows.length ? (
        <PanelState result={result} />
      ) : view.page === "visits" ? (
        <VisitTable report={report} onVisit={setVisit} />
      ) : (
        <ReportTable report={report} />
      )}
      {isPaged && (
        <Pages offset={offset} size={ROWS} isLast={(result.answer?.rows.length ?? 0) <= ROWS} onMove={setOffset} />
      )}
      {visit !== null && <VisitDialog visit={visit} onClose={() => setVisit(null)} />}
    </section>
  );
}

/** A report as a table. */
export function ReportTable({ report, onVisit }: { report: Report; onVisit?: ((visit: string) => void) | undefined }) {
  const { site } = useScreen();
  const visitAt = report.columns.findIndex(({ name }) => name === "visit" || name === "event_ids");
  return (
    <RecordTable label={t.reports.rows}>
      <thead>
        <tr>
          {report.columns.map((column, at) => (
            <th scope="col" key={column.name} title={LANGUAGE === "en" ? column.description : undefined} class={isNumber(column) ? "number" : ""}>
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
                    {t.reports.events}
                  </button>
                ) : (
                  <Cell value={row[at]} column={column} zone={site.time_zone} />
                )}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </RecordTable>
  );
}

const LONG = 60;
const isLong = (value: unknown): boolean => typeof value === "string" && value.length > LONG;
const columnLabel = (name: string): string => t.reports.columns[name] ?? worded(name);
/** A code in words. */
const codeLabel = (code: string): string => t.reports.codes[code] ?? worded(code);
/** `visit` of the report `visit_events`: any event of the visit identifies it. */
const firstOf = (value: unknown): string => String(Array.isArray(value) ? value[0] : value);
/** Ids are cut short: their first characters distinguish them. */
const isId = ({ name }: Column): boolean => name === "visitor" || name === "event_id" || name === "newest";
const isNumber = ({ type }: Column): boolean => type === "integer" || type === "number";

function Cell({ value, column, zone }: { value: unknown; column: Column; zone: string }) {
  if (value === null || value === undefined) return <span class="nothing">{NOTHING}</span>;
  if (["code", "kind", "failure_class"].includes(column.name)) return <>{codeLabel(String(value))}</>;
  if (column.name === "share") return <data value={String(value)}>{formatNumber(Number(value) * 100, "percent")}</data>;
  if (typeof value === "number") return <data value={String(value)}>{value.toLocaleString(LOCALE)}</data>;
  if (column.type === "moment") return <time dateTime={String(value)}>{formatMoment(String(value), zone)}</time>;
  if (isId(column)) return <span class="id" title={String(value)}>{String(value)}</span>;
  if (typeof value === "boolean") return <>{value ? t.units.yes : t.units.no}</>;
  return <>{typeof value === "object" ? JSON.stringify(value) : String(value)}</>;
}
