// Attribution: which channels or campaigns get the credit for the conversions of a goal.
import { sequenceBase } from "./requests";
import { useReport, useScreen } from "./use_api";
import { formatNumber, valueLabel } from "./format";
import { dimensionLabel } from "./metrics";
import { t } from "./texts";
import { CurrencyNote } from "./ui";
import { useFilterBy } from "./dimension_rows";
import { Choice, ReportPanel } from "./report_panel";
import { ValueTable } from "./value_table";

const BY = Object.keys(t.attribution.byDimension) as readonly (keyof typeof t.attribution.byDimension)[];
const ROWS = 9;

export function AttributionPanel() {
  const { view, site, choose } = useScreen();
  const filterBy = useFilterBy();
  const goal = site.goals.find(({ name }) => name === view.choices["goal"]) ?? site.goals.at(-1);
  const model = view.choices["model"] || "last";
  const by = view.choices["by"] || BY[0]!;
  const parameters = { ...sequenceBase(view), goal: goal?.name ?? "", model, by };
  const result = useReport(goal ? "attribution" : null, parameters);
  if (!goal) return null;
  const column = by.slice(by.indexOf(":") + 1);
  return (
    <ReportPanel
      title={t.attribution.title}
      report="attribution"
      parameters={parameters}
      result={result}
      width="across"
      hidesOld
      controls={
        <>
          <Choice
            label={t.attribution.goal}
            chosen={goal.name}
            of={site.goals.map(({ name }) => [name, name])}
            onChoose={(name) => choose("goal", name)}
          />
          <Choice
            label={t.attribution.by}
            chosen={by}
            of={BY.map((dimension) => [dimension, t.attribution.byDimension[dimension]])}
            onChoose={(dimension) => choose("by", dimension)}
          />
          <Choice label={t.attribution.model} chosen={model} of={Object.entries(t.attribution.models)} onChoose={(id) => choose("model", id)} />
        </>
      }
    >
      {(records) => {
        const { currency, currency_note: note } = records.report.meta;
        const unit = currency ? (`money ${currency}` as const) : "money";
        const columns = [
          { label: t.attribution.conversionsHint, heading: t.attribution.conversions },
          ...(goal.revenue ? [{ label: t.attribution.revenue }] : []),
        ];
        const rows = records.rows.slice(0, ROWS).map((row) => {
          const value = records.text(row, column);
          const conversions = records.number(row, "conversions") ?? 0;
          const revenue = records.number(row, "revenue");
          const cells = [
            <data value={String(conversions)}>{formatNumber(Math.round(conversions * 10) / 10, "parts")}</data>,
            ...(goal.revenue ? [<data value={String(revenue ?? "")}>{formatNumber(revenue, unit, true)}</data>] : []),
          ];
          return { value, label: valueLabel(by, value), size: conversions, cells };
        });
        return (
          <>
            {goal.revenue && <CurrencyNote note={note} />}
            <ValueTable
              heading={dimensionLabel(by)}
              columns={columns}
              rows={rows}
              onChoose={(value, event) => filterBy(by, value, event)}
            />
          </>
        );
      }}
    </ReportPanel>
  );
}
