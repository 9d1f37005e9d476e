// The page of web vitals: what three quarters of the loads do not exceed, of the whole site, by page, kind of device and day.
import { useEffect, useState } from "preact/hooks";
import type { Report } from "./api";
import { formatNumber, formatVital, longTimeLabel, valueLabel } from "./format";
import { Filled } from "./filled";
import { Pages } from "./pages";
import { RecordTable } from "./record_table";
import { Records } from "./records";
import { t } from "./texts";
import { ExportLinks, PanelState, Tabs } from "./ui";
import { useReport, useScreen } from "./use_api";
import { VITALS, type Vital, ratingOf } from "./vitals";

const REPORT = "web_vitals";
const ROWS = 50;
const NO_PAGE = "(none)";
type By = keyof typeof t.vitals.by;
const TABS = (Object.keys(t.vitals.by) as By[]).map((id) => ({ id, label: t.vitals.by[id] }));

export function VitalsPage() {
  const { view, choose, setCompleteUntil } = useScreen();
  const [offset, setOffset] = useState(0);
  const by = TABS.find(({ id }) => id === view.choices["vitals"])?.id ?? TABS[0]!.id;
  const base = { site_id: view.site, date_range: view.period };
  const total = useReport(REPORT, { ...base, by: "total" });
  // One row more than the page shows, to know whether another page follows.
  const list = useReport(REPORT, { ...base, by, limit: String(ROWS + 1), offset: String(offset) });
  useEffect(() => {
    if (total.answer) setCompleteUntil(total.answer.meta.complete_until);
  }, [total.answer]);
  const change = (id: string) => {
    setOffset(0);
    choose("vitals", id === TABS[0]!.id ? "" : id);
  };
  return (
    <section class="card report" aria-label={t.pages.web_vitals} aria-busy={total.loading || list.loading} data-testid={`report-${REPORT}`}>
      <header>
        <div>
          <h2>{t.pages.web_vitals}</h2>
          <p>{t.explanations.web_vitals}</p>
        </div>
        <span class="space" />
        <ExportLinks title={t.pages.web_vitals} report={REPORT} parameters={{ ...base, by }} isAnswered={list.answer !== null} />
      </header>
      {!measured(total.answer) ? (
        <PanelState result={total} empty={<Filled text={t.vitals.none} parts={{ script: <code>t.vitals.js</code> }} />} />
      ) : (
        <>
          <Totals records={new Records(total.answer)} />
          <Tabs label={t.pages.web_vitals} tabs={TABS} chosen={by} onChoose={change} />
          {list.answer?.rows.length ? <Rows records={new Records(list.answer)} /> : <PanelState result={list} />}
          <Pages offset={offset} size={ROWS} isLast={(list.answer?.rows.length ?? 0) <= ROWS} onMove={setOffset} />
        </>
      )}
    </section>
  );
}

/** Whether anything was measured: the whole site has a row in any case. */
function measured(total: Report | null): total is Report {
  return total !== null && total.rows.some((row) => new Records(total).number(row, "loads"));
}

/** The values of the whole site, each with its limits. */
function Totals({ records }: { records: Records }) {
  const row = records.rows[0]!;
  return (
    <dl class="vitals">
      {VITALS.map((vital) => (
        <div key={vital.column} data-testid={`vital-${vital.column}`}>
          <dt>
            {t.vitals.names[vital.column].short} <span class="hint">{t.vitals.names[vital.column].name}</span>
          </dt>
          <dd>
            <VitalValue vital={vital} value={records.number(row, vital.column)} inWords />
            <p class="hint">{t.vitals.limits(formatVital(vital, vital.good), formatVital(vital, vital.middling))}</p>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Rows({ records }: { records: Records }) {
  const keys = (["page", "device", "date"] as const).filter((name) => records.report.columns.some((column) => column.name === name));
  return (
    <RecordTable label={t.reports.rows}>
      <thead>
        <tr>
          {keys.map((key) => (
            <th scope="col" key={key}>
              {t.vitals.keys[key]}
            </th>
          ))}
          <th scope="col" class="number">
            {t.vitals.loads}
          </th>
          {VITALS.map(({ column }) => (
            <th scope="col" class="number" key={column}>
              <abbr title={t.vitals.names[column].name}>{t.vitals.names[column].short}</abbr>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {records.rows.slice(0, ROWS).map((row) => {
          const value = keys.map((key) => records.text(row, key));
          const loads = records.number(row, "loads");
          return (
            <tr key={value.join(" ")} data-testid="row" data-value={value.join(" ")}>
              {keys.map((key, at) => (
                <td class="person" key={key}>
                  {keyLabel(key, value[at]!)}
                </td>
              ))}
              <td class="number">
                <data value={String(loads)}>{formatNumber(loads, "count")}</data>
              </td>
              {VITALS.map((vital) => (
                <td class="number" key={vital.column}>
                  <VitalValue vital={vital} value={records.number(row, vital.column)} />
                </td>
              ))}
            </tr>
          );
        })}
      </tbody>
    </RecordTable>
  );
}

function keyLabel(key: "page" | "device" | "date", value: string): string {
  if (key === "date") return longTimeLabel("time:day", value);
  if (key === "device") return valueLabel("visit:device", value);
  return value === NO_PAGE ? t.unknown : value;
}

/** A value with its rating: a mark whose shape differs as its colour does, and the word. */
function VitalValue({ vital, value, inWords = false }: { vital: Vital; value: number | null; inWords?: boolean }) {
  const rating = ratingOf(vital, value);
  return (
    <span class={`vital ${rating ?? ""}`} data-rating={rating ?? undefined}>
      <data value={String(value ?? "")}>{formatVital(vital, value)}</data>
      {rating && <span class={inWords ? "word" : "unseen"}> {t.vitals.ratings[rating]}</span>}
    </span>
  );
}
