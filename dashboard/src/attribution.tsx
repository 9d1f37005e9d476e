// To which visits' channels and campaigns the conversions of a goal are due.
import { sequenceBase, useReport, useScreen } from "./asking";
import { shown } from "./format";
import { dimensionLabel } from "./metrics";
import { useNarrowing } from "./panel";
import { Sources, Unanswered } from "./parts";
import { Records } from "./records";

const MODELS: Record<string, string> = {
  last: "Last visit",
  first: "First visit",
  linear: "All alike",
  position: "First and last most",
};
const BY = ["visit:channel", "visit:source_name", "visit:utm_campaign", "visit:entry_page"];
const ROWS = 9;

export function AttributionPanel() {
  const { view, site, choose } = useScreen();
  const narrow = useNarrowing();
  const goal = site.goals.find(({ name }) => name === view.choices["goal"]) ?? site.goals.at(-1);
  const model = view.choices["model"] || "last";
  const by = view.choices["by"] || BY[0]!;
  const parameters = { ...sequenceBase(view), goal: goal?.name ?? "", model, by };
  const asked = useReport(goal ? "attribution" : null, parameters);
  if (!goal) return null;
  const records = asked.answer && new Records(asked.answer);
  const rows = records?.rows.slice(0, ROWS) ?? [];
  const most = Math.max(...rows.map((row) => records!.number(row, "conversions") ?? 0), 1);
  const column = by.slice(by.indexOf(":") + 1);
  const options = (name: string, label: string, chosen: string, of: readonly (readonly [string, string])[]) => (
    <label>
      <span class="unseen">{label}</span>
      <select class="control" value={chosen} onChange={(event) => choose(name, event.currentTarget.value)}>
        {of.map(([id, text]) => (
          <option key={id} value={id}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <section class="card panel across" aria-label="Attribution" aria-busy={asked.loading} data-testid="panel-attribution">
      <header>
        <h2>Attribution</h2>
        <span class="space" />
        {options("goal", "Goal", goal.name, site.goals.map(({ name }) => [name, name]))}
        {options("by", "By", by, BY.map((dimension) => [dimension, `by ${dimensionLabel(dimension).toLowerCase()}`]))}
        {options("model", "Due to", model, Object.entries(MODELS))}
      </header>
      <div class="rows">
        {records && rows.length && asked.current && !asked.problem ? (
          <table class="values">
            <thead>
              <tr>
                <th scope="col">{dimensionLabel(by)}</th>
                <th scope="col" class="number">
                  <abbr title="Conversions, each in the part that is due to such visits">Conversions</abbr>
                </th>
                {goal.revenue && (
                  <th scope="col" class="number">
                    Revenue
                  </th>
                )}
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => {
                const value = records.text(row, column);
                const conversions = records.number(row, "conversions") ?? 0;
                const revenue = records.number(row, "revenue");
                return (
                  <tr key={value} data-testid="row" data-value={value}>
                    <th scope="row">
                      <span class="bar" style={{ width: `${(conversions / most) * 100}%` }} />
                      <button
                        type="button"
                        aria-label={`Filter: ${dimensionLabel(by)} is ${value}`}
                        onClick={(event) => narrow(by, value, event)}
                      >
                        {value}
                      </button>
                    </th>
                    <td class="number">
                      <data value={String(conversions)}>{shown(Math.round(conversions * 10) / 10, "parts")}</data>
                    </td>
                    {goal.revenue && (
                      <td class="number">
                        <data value={String(revenue)}>{shown(revenue, "money", true)}</data>
                      </td>
                    )}
                  </tr>
                );
              })}
            </tbody>
          </table>
        ) : (
          <Unanswered asked={asked} />
        )}
      </div>
      <footer>
        <span class="space" />
        <Sources title="Attribution" report="attribution" parameters={parameters} meta={asked.answer?.meta} />
      </footer>
    </section>
  );
}
