// A funnel: how many visits reached each step, how many dropped off, and the visits behind each number.
import { useState } from "preact/hooks";
import { sequenceBase } from "./requests";
import { type Result, useReport, useScreen } from "./use_api";
import type { Report } from "./api";
import { NO_BREAK, formatDuration, formatNumber } from "./format";
import { FunnelMaker, type Step, stepsIn } from "./funnel_maker";
import { Filled } from "./filled";
import { BY, type Behind, Breakdown, BreakdownChoice, Count } from "./funnel_breakdown";
import { t } from "./texts";
import { Dialog, ExportLinks, PanelState } from "./ui";
import { VisitDialog } from "./visit";
import { Records } from "./records";
import { SaveDialog } from "./save_dialog";
import { ReportTable } from "./report_page";
import { Choice } from "./report_panel";

const SHOWN_VISITS = "100";

export function FunnelPanel() {
  const { view, site, go } = useScreen();
  const [behind, setBehind] = useState<Behind | null>(null);
  const [making, setMaking] = useState(false);
  const [saving, setSaving] = useState(false);
  const customSteps = stepsIn(view.choices["steps"]);
  const offered = customSteps.length ? [t.funnel.custom, ...site.funnels] : site.funnels;
  const named = site.funnels.find((one) => one === view.choices["funnel"]) ?? site.funnels[0];
  const name = customSteps.length ? t.funnel.custom : named;
  const parameters: Record<string, string> = sequenceBase(view);
  if (customSteps.length) parameters["definition"] = JSON.stringify({ steps: customSteps });
  else parameters["funnel"] = named ?? "";
  const by = view.choices[BY] || null;
  const result = useReport(name === undefined ? null : "funnel", parameters);
  const select = (funnel: string) => go({ choices: { ...view.choices, steps: "", funnel } });
  const make = (steps: readonly Step[]) => {
    go({ choices: { ...view.choices, steps: JSON.stringify(steps), funnel: "" } });
    setMaking(false);
  };
  return (
    <section class="card panel across" aria-label={t.funnel.title} aria-busy={result.loading} data-testid="panel-funnel">
      <header>
        <h2>{t.funnel.title}</h2>
        <span class="space" />
        {site.funnels.length > 0 && (
          <Choice label={t.funnel.title} chosen={name ?? ""} of={offered.map((one) => [one, one])} onChoose={select} />
        )}
        {name !== undefined && <BreakdownChoice by={by} />}
        {customSteps.length > 0 && site.key_kind === "read" && (
          <button type="button" class="control" onClick={() => setSaving(true)}>
            {t.saving.titles.funnels}
          </button>
        )}
        <button type="button" class="control" onClick={() => setMaking(true)}>
          {t.funnel.make}
        </button>
      </header>
      <div class="rows">
        {name === undefined ? (
          <p class="notice">
            <Filled text={t.funnel.none} parts={{ funnels: <code>funnels</code> }} />
          </p>
        ) : (
          <>
            <Steps result={result} onBehind={site.key_kind === "read" ? setBehind : null} />
            {by && <Breakdown by={by} parameters={parameters} onBehind={setBehind} />}
          </>
        )}
      </div>
      <footer>
        <span class="space" />
        {name !== undefined && (
          <ExportLinks title={t.funnel.title} report="funnel" parameters={by ? { ...parameters, by } : parameters} isAnswered={result.answer !== null} />
        )}
      </footer>
      {saving && <SaveDialog kind="funnels" definition={{ steps: customSteps }} onClose={() => setSaving(false)} />}
      {making && <FunnelMaker steps={customSteps} onMade={make} onClose={() => setMaking(false)} />}
      {behind && (
        <Visitors title={behind.title} parameters={{ ...parameters, ...behind.parameters }} onClose={() => setBehind(null)} />
      )}
    </section>
  );
}

function Steps({ result, onBehind }: { result: Result<Report>; onBehind: ((behind: Behind) => void) | null }) {
  if (!result.answer?.rows.length) return <PanelState result={result} />;
  const records = new Records(result.answer);
  return (
    <ol class="funnel">
      {records.rows.map((row, index) => {
        const name = records.text(row, "name");
        const reached = records.number(row, "reached");
        const dropped = records.number(row, "dropped");
        const share = records.number(row, "percent_of_first");
        const seconds = records.number(row, "median_seconds");
        const step = String(index + 1);
        const rate = reached ? ` (${formatNumber(((dropped ?? 0) / reached) * 100, "percent")})` : "";
        const number = (value: number | null, title: string, more: Record<string, string>) => (
          <Count value={value} title={title} parameters={{ step, ...more }} onBehind={onBehind} />
        );
        return (
          <li key={index} data-testid="funnel-step" data-value={name}>
            <p class="step">
              <strong>{name}</strong>
              <span>{index > 0 && seconds !== null ? t.funnel.median(formatDuration(seconds)) : NO_BREAK}</span>
            </p>
            <div class="column" aria-hidden="true">
              <span class="bar" style={{ "--share": `${share ?? 0}%` }} />
            </div>
            <p class="reached">
              {number(reached, t.funnel.reached(name), {})}
              <data value={String(share ?? "")}>{formatNumber(share, "percent")}</data>
            </p>
            {index < records.rows.length - 1 && (
              <p class="dropped">
                <Filled text={t.funnel.dropped} parts={{ number: number(dropped, t.funnel.droppedAfter(name), { dropped: "1" }), rate }} />
              </p>
            )}
          </li>
        );
      })}
    </ol>
  );
}

function Visitors(props: { title: string; parameters: Record<string, string>; onClose(): void }) {
  const result = useReport("funnel_visits", { ...props.parameters, limit: SHOWN_VISITS });
  const [visit, setVisit] = useState<string | null>(null);
  return (
    <Dialog title={t.funnel.visitsThat(props.title)} testid="funnel-visits" wide onClose={props.onClose}>
      {result.answer?.rows.length ? (
        <ReportTable report={result.answer} onVisit={setVisit} />
      ) : (
        <PanelState result={result} />
      )}
      <footer>
        <ExportLinks title={t.funnel.theseVisits} report="funnel_visits" parameters={props.parameters} isAnswered={result.answer !== null} />
      </footer>
      {visit !== null && <VisitDialog visit={visit} onClose={() => setVisit(null)} />}
    </Dialog>
  );
}
