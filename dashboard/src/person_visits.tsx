// The visits of a person in the period, on all devices, the newest first, with their events and properties.
import { useState } from "preact/hooks";
import { formatDuration, formatNumber } from "./format";
import { Filled } from "./filled";
import { Moment } from "./moment";
import { Pages } from "./pages";
import { Records } from "./records";
import { t } from "./texts";
import { ExportLinks, PanelState } from "./ui";
import { useReport, useScreen } from "./use_api";
import { EventList } from "./visit";

const EVENTS = 200;

export function PersonVisits({ person }: { person: string }) {
  const { view } = useScreen();
  const [offset, setOffset] = useState(0);
  const parameters = { site_id: view.site, date_range: view.period, person };
  // One event more than the page shows, to know whether another page follows.
  const result = useReport("person_events", { ...parameters, limit: String(EVENTS + 1), offset: String(offset) });
  const records = result.answer && new Records(result.answer);
  const visits = records ? visitsIn(records) : [];
  return (
    <section class="card report" aria-label={t.people.sections.visits} aria-busy={result.loading} data-testid="person-visits">
      <header>
        <h2>{t.people.sections.visits}</h2>
        <span class="space" />
        <ExportLinks title={t.people.sections.visits} report="person_events" parameters={parameters} isAnswered={records !== null} />
      </header>
      {records && visits.length > 0 ? (
        visits.map((rows, at) => <Visit key={records.text(rows[0]!, "event_id")} records={records} rows={rows} isOpen={at === 0} />)
      ) : (
        <PanelState result={result} />
      )}
      <Pages offset={offset} size={EVENTS} isLast={(records?.rows.length ?? 0) <= EVENTS} onMove={setOffset} />
    </section>
  );
}

/** The page's events by visit, the newest visit first, in each the oldest event first. Events of no visit are by themselves. */
export function visitsIn(records: Records): readonly Records["rows"][] {
  const visits: (readonly unknown[])[][] = [];
  const places = new Map<string, (readonly unknown[])[]>();
  for (const row of records.rows.slice(0, EVENTS)) {
    const visit = records.text(row, "visit");
    const known = visit ? places.get(visit) : undefined;
    if (known) {
      known.unshift(row);
      continue;
    }
    const rows = [row];
    visits.push(rows);
    if (visit) places.set(visit, rows);
  }
  return visits;
}

function Visit({ records, rows, isOpen }: { records: Records; rows: Records["rows"]; isOpen: boolean }) {
  const first = rows[0]!;
  const [began, ended] = [first, rows.at(-1)!].map((row) => records.text(row, "occurred_at")) as [string, string];
  const all = (column: string): string => [...new Set(rows.map((row) => records.text(row, column)).filter(Boolean))].join(", ");
  const source = rows.map((row) => records.text(row, "source")).find(Boolean);
  return (
    <details class="visit" open={isOpen} data-testid="person-visit" data-value={records.text(first, "visit")}>
      <summary>
        <strong>
          <Moment text={began} />
        </strong>{" "}
        <span class="hint">
          <Filled text={t.people.visitOf(formatNumber(rows.length, "count"))} parts={{ time: formatDuration((Date.parse(ended) - Date.parse(began)) / 1000) }} />
          {source && ` · ${source}`}
          {!records.text(first, "visit") && ` · ${t.people.noVisit}`}
        </span>
      </summary>
      <p class="hint whole">
        {[all("user_id") && `${t.people.kinds.user}: ${all("user_id")}`, all("anonymous_id") && `${t.people.kinds.device}: ${all("anonymous_id")}`].filter(Boolean).join(" · ")}
      </p>
      <EventList records={records} rows={rows} />
    </details>
  );
}
