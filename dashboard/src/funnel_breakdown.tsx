// The steps of a funnel for each value of a dimension: how many reached a step, in percent of those at the step before.
import { formatNumber, valueLabel } from "./format";
import { Mark } from "./marks";
import { dimensionLabel } from "./metrics";
import { RecordTable } from "./record_table";
import { Records } from "./records";
import { openDimensions } from "./requests";
import { t } from "./texts";
import { PanelState } from "./ui";
import { useReport, useScreen } from "./use_api";

/** The choice of the dimension in the address. */
export const BY = "funnel_by";
/** Events of goals overlap, so they are no groups. */
const GOAL = "event:goal";

/** A number of the funnel, as the report of the visits behind it has it. */
export interface Behind {
  readonly title: string;
  readonly parameters: Record<string, string>;
}

export function BreakdownChoice({ by }: { by: string | null }) {
  const { site, choose } = useScreen();
  return (
    <label>
      <span class="unseen">{t.funnel.by}</span>
      <select class="control" data-testid="funnel-by" value={by ?? ""} onChange={(event) => choose(BY, event.currentTarget.value)}>
        <option value="">{t.funnel.notBroken}</option>
        {openDimensions(site).map(([group, names]) => (
          <optgroup key={group} label={t.filters.groups[group]}>
            {names
              .filter((name) => name !== GOAL)
              .map((name) => (
                <option key={name} value={name}>
                  {t.funnel.byDimension(dimensionLabel(name))}
                </option>
              ))}
          </optgroup>
        ))}
      </select>
    </label>
  );
}

export function Breakdown(props: { by: string; parameters: Record<string, string>; onBehind(behind: Behind): void }) {
  const { by } = props;
  const result = useReport("funnel", { ...props.parameters, by });
  if (!result.current || !result.answer?.rows.length) return <PanelState result={result} />;
  const records = new Records(result.answer);
  const column = by.slice(by.indexOf(":") + 1);
  const groups = [...Map.groupBy(records.rows, (row) => records.text(row, column))];
  const names = groups[0]![1].map((row) => records.text(row, "name"));
  return (
    <RecordTable label={t.funnel.byDimension(dimensionLabel(by))}>
      <thead>
        <tr>
          <th scope="col">{dimensionLabel(by)}</th>
          {names.map((name, at) => (
            <th scope="col" class="number" key={at}>
              {name}
            </th>
          ))}
          <th scope="col" class="number">
            {t.funnel.allSteps}
          </th>
        </tr>
      </thead>
      <tbody>
        {groups.map(([value, rows]) => {
          const label = valueLabel(by, value);
          return (
            <tr key={value} data-testid="funnel-group" data-value={value}>
              <th scope="row">
                <Mark dimension={by} value={value} />
                {label}
              </th>
              {rows.map((row, at) => (
                <td class="number" key={at}>
                  <Count
                    value={records.number(row, "reached")}
                    title={`${t.funnel.reached(names[at]!)} (${label})`}
                    parameters={{ by, value, step: String(at + 1) }}
                    onBehind={props.onBehind}
                  />
                  {at > 0 && <Rate value={records.number(row, "percent_of_previous")} />}
                </td>
              ))}
              <td class="number">
                <Rate value={records.number(rows.at(-1)!, "percent_of_first")} />
              </td>
            </tr>
          );
        })}
      </tbody>
    </RecordTable>
  );
}

const Rate = ({ value }: { value: number | null }) => (
  <data class="rate" value={String(value ?? "")}>
    {formatNumber(value, "percent")}
  </data>
);

/** A number of the funnel; a button, if the visits behind it can be shown. */
export function Count(props: {
  value: number | null;
  title: string;
  parameters: Record<string, string>;
  onBehind: ((behind: Behind) => void) | null;
}) {
  const { value, title, parameters, onBehind } = props;
  const text = <data value={String(value)}>{formatNumber(value, "count")}</data>;
  if (!onBehind || !value) return text;
  return (
    <button
      type="button"
      class="behind"
      title={t.funnel.showVisits}
      aria-label={t.funnel.visitsBehind(formatNumber(value, "count"), title)}
      onClick={() => onBehind({ title, parameters })}
    >
      {text}
    </button>
  );
}
