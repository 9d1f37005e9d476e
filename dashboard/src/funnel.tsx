// A funnel of the site: how many came to each step, and how many went no further.
import { reportBase, useReport, useScreen } from "./asking";
import { duration, shown } from "./format";
import { Sources, Unanswered } from "./parts";
import { Records } from "./records";

export function FunnelPanel() {
  const { view, site, choose } = useScreen();
  const name = site.funnels.find((one) => one === view.choices["funnel"]) ?? site.funnels[0];
  const parameters = { ...reportBase(view), funnel: name ?? "" };
  const asked = useReport(name === undefined ? null : "funnel", parameters);
  return (
    <section class="card panel across" aria-label="Funnel" aria-busy={asked.loading} data-testid="panel-funnel">
      <header>
        <h2>Funnel</h2>
        {site.funnels.length > 1 && (
          <label>
            <span class="unseen">Funnel</span>
            <select class="control" value={name} onChange={(event) => choose("funnel", event.currentTarget.value)}>
              {site.funnels.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          </label>
        )}
        {site.funnels.length === 1 && <span class="hint">{name}</span>}
      </header>
      <div class="rows">
        {name === undefined ? (
          <p class="notice">
            No funnels yet: name their steps under <code>funnels</code> in the site’s document
          </p>
        ) : asked.answer?.rows.length && !asked.problem ? (
          <Steps records={new Records(asked.answer)} />
        ) : (
          <Unanswered asked={asked} />
        )}
      </div>
      <footer>
        <span class="space" />
        {name !== undefined && (
          <Sources title="Funnel" report="funnel" parameters={parameters} meta={asked.answer?.meta} />
        )}
      </footer>
    </section>
  );
}

function Steps({ records }: { records: Records }) {
  const { rows } = records;
  return (
    <ol class="funnel">
      {rows.map((row, index) => {
        const reached = records.number(row, "reached") ?? 0;
        const dropped = records.number(row, "dropped") ?? 0;
        const share = records.number(row, "percent_of_first");
        const seconds = records.number(row, "median_seconds");
        return (
          <li key={index} data-testid="funnel-step">
            <p class="step">
              <strong>{records.text(row, "name")}</strong>
              {index > 0 && seconds !== null && <span>after {duration(seconds)}, median</span>}
            </p>
            <div class="column" aria-hidden="true">
              <span class="bar" style={{ blockSize: `${share ?? 0}%` }} />
            </div>
            <p class="reached">
              <data value={String(reached)}>{shown(reached, "count")}</data>
              <data value={String(share ?? "")}>{shown(share, "percent")}</data>
            </p>
            {index < rows.length - 1 && (
              <p class="dropped">
                <data value={String(dropped)}>{shown(dropped, "count")}</data> left here
              </p>
            )}
          </li>
        );
      })}
    </ol>
  );
}
