// To which visits' channels and campaigns the conversions of a goal are due.
import { sequenceBase, useReport, useScreen } from "./asking";
import { shown } from "./format";
import { dimensionLabel } from "./metrics";
import { useNarrowing } from "./panel";
import { Choice, ReportPanel } from "./report_panel";

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
  const column = by.slice(by.indexOf(":") + 1);
  return (
    <ReportPanel
      title="Attribution"
      report="attribution"
      parameters={parameters}
      asked={asked}
      width="across"
      hidesOld
      controls={
        <>
          <Choice
            label="Goal"
            chosen={goal.name}
            of={site.goals.map(({ name }) => [name, name])}
            onChoose={(name) => choose("goal", name)}
          />
          <Choice
            label="By"
            chosen={by}
            of={BY.map((dimension) => [dimension, `by ${dimensionLabel(dimension).toLowerCase()}`])}
            onChoose={(dimension) => choose("by", dimension)}
          />
          <Choice label="Due to" chosen={model} of={Object.entries(MODELS)} onChoose={(id) => choose("model", id)} />
        </>
      }
    >
      {(records) => {
        const rows = records.rows.slice(0, ROWS);
        const most = Math.max(...rows.map((row) => records.number(row, "conversions") ?? 0), 1);
        return (
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
        );
      }}
    </ReportPanel>
  );
}
