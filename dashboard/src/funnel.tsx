// A funnel: how many came to each step, how many went no further, and who they were.
import { useState } from "preact/hooks";
import { type Asked, sequenceBase, useReport, useScreen } from "./asking";
import type { Report } from "./api";
import { duration, shown } from "./format";
import { FunnelMaker, type Step, stepsIn } from "./funnel_maker";
import { Dialog, Sources, Unanswered } from "./parts";
import { Records } from "./records";
import { ReportTable, VisitDialog } from "./report_page";
import { Choice } from "./report_panel";

const NO_BREAK = "\u00a0";
const MADE = "(made here)";
const SHOWN_VISITS = "100";

interface Behind {
  readonly title: string;
  readonly parameters: Record<string, string>;
}

export function FunnelPanel() {
  const { view, site, go } = useScreen();
  const [behind, setBehind] = useState<Behind | null>(null);
  const [making, setMaking] = useState(false);
  const made = stepsIn(view.choices["steps"]);
  const offered = made.length ? [MADE, ...site.funnels] : site.funnels;
  const named = site.funnels.find((one) => one === view.choices["funnel"]) ?? site.funnels[0];
  const name = made.length ? MADE : named;
  const parameters: Record<string, string> = sequenceBase(view);
  if (made.length) parameters["definition"] = JSON.stringify({ steps: made });
  else parameters["funnel"] = named ?? "";
  const asked = useReport(name === undefined ? null : "funnel", parameters);
  const select = (funnel: string) => go({ choices: { ...view.choices, steps: "", funnel } });
  const make = (steps: readonly Step[]) => {
    go({ choices: { ...view.choices, steps: JSON.stringify(steps), funnel: "" } });
    setMaking(false);
  };
  return (
    <section class="card panel across" aria-label="Funnel" aria-busy={asked.loading} data-testid="panel-funnel">
      <header>
        <h2>Funnel</h2>
        <span class="space" />
        {site.funnels.length > 0 && (
          <Choice label="Funnel" chosen={name ?? ""} of={offered.map((one) => [one, one])} onChoose={select} />
        )}
        <button type="button" class="control" onClick={() => setMaking(true)}>
          Make one
        </button>
      </header>
      <div class="rows">
        {name === undefined ? (
          <p class="notice">
            No funnels yet. Make one, or name their steps under <code>funnels</code> in the site’s document
          </p>
        ) : (
          <Steps asked={asked} onBehind={site.key_kind === "read" ? setBehind : null} />
        )}
      </div>
      <footer>
        <span class="space" />
        {name !== undefined && (
          <Sources title="Funnel" report="funnel" parameters={parameters} meta={asked.answer?.meta} />
        )}
      </footer>
      {making && <FunnelMaker steps={made} onMade={make} onClose={() => setMaking(false)} />}
      {behind && (
        <Visitors title={behind.title} parameters={{ ...parameters, ...behind.parameters }} onClose={() => setBehind(null)} />
      )}
    </section>
  );
}

function Steps({ asked, onBehind }: { asked: Asked<Report>; onBehind: ((behind: Behind) => void) | null }) {
  if (!asked.answer?.rows.length || asked.problem) return <Unanswered asked={asked} />;
  const records = new Records(asked.answer);
  return (
    <ol class="funnel">
      {records.rows.map((row, index) => {
        const name = records.text(row, "name");
        const reached = records.number(row, "reached");
        const dropped = records.number(row, "dropped");
        const share = records.number(row, "percent_of_first");
        const seconds = records.number(row, "median_seconds");
        const step = String(index + 1);
        const number = (value: number | null, title: string, more: Record<string, string>) => {
          const text = <data value={String(value)}>{shown(value, "count")}</data>;
          if (!onBehind || !value) return text;
          return (
            <button
              type="button"
              class="behind"
              title="Who they are"
              aria-label={`${shown(value, "count")} ${title}: who they are`}
              onClick={() => onBehind({ title, parameters: { step, ...more } })}
            >
              {text}
            </button>
          );
        };
        return (
          <li key={index} data-testid="funnel-step" data-value={name}>
            <p class="step">
              <strong>{name}</strong>
              <span>{index > 0 && seconds !== null ? `after ${duration(seconds)}, half of them` : NO_BREAK}</span>
            </p>
            <div class="column" aria-hidden="true">
              <span class="bar" style={{ blockSize: `${share ?? 0}%` }} />
            </div>
            <p class="reached">
              {number(reached, `came to ${name}`, {})}
              <data value={String(share ?? "")}>{shown(share, "percent")}</data>
            </p>
            {index < records.rows.length - 1 && (
              <p class="dropped">{number(dropped, `went no further than ${name}`, { dropped: "1" })} left here</p>
            )}
          </li>
        );
      })}
    </ol>
  );
}

function Visitors(props: { title: string; parameters: Record<string, string>; onClose(): void }) {
  const asked = useReport("funnel_visits", { ...props.parameters, limit: SHOWN_VISITS });
  const [visit, setVisit] = useState<string | null>(null);
  return (
    <Dialog title={`Who ${props.title}`} testid="funnel-visits" wide onClose={props.onClose}>
      {asked.answer?.rows.length && !asked.problem ? (
        <ReportTable report={asked.answer} onVisit={setVisit} />
      ) : (
        <Unanswered asked={asked} />
      )}
      <footer>
        <Sources title="These visits" report="funnel_visits" parameters={props.parameters} meta={asked.answer?.meta} />
      </footer>
      {visit !== null && <VisitDialog visit={visit} onClose={() => setVisit(null)} />}
    </Dialog>
  );
}
