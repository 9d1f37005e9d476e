// The rows of an answer by one dimension. A click on a value filters by it.
import type { Answer, Row } from "./api";
import { changeOf } from "./changes";
import { NOTHING, formatNumber, hasOwnNames, valueLabel } from "./format";
import { Mark } from "./marks";
import { type Metric, dimensionLabel, inCurrency, metricOf } from "./metrics";
import { t } from "./texts";
import { Change, PanelState, Value } from "./ui";
import { type Result, useScreen } from "./use_api";
import { type Sorting, ValueTable } from "./value_table";
import { withFilter, withMoreValues } from "./view";

/** Adds a filter by a value: with Alt or Shift one that excludes it, with Ctrl or ⌘ beside the values before. */
export function useFilterBy(): (dimension: string, value: string, event?: MouseEvent) => void {
  const { view, go } = useScreen();
  return (dimension, value, event) => {
    const operator = event?.altKey || event?.shiftKey ? "is_not" : "is";
    const add = event?.ctrlKey || event?.metaKey ? withMoreValues : withFilter;
    go({ filters: add(view.filters, [operator, dimension, [value]]) });
  };
}

/** The rows of an answer. Beside a number of another period stands its change. */
export function Rows(props: {
  result: Result<Answer>;
  most?: number | undefined;
  empty?: string | undefined;
  sorting?: Sorting;
  onChosen?(): void;
}) {
  const { result, empty, sorting, onChosen } = props;
  const filterBy = useFilterBy();
  const { answer } = result;
  if (answer?.meta.sharing?.withheld) return null;
  if (!answer?.results.length) return <PanelState result={result} empty={empty} />;
  // The columns are those of the answer, which may belong to the request before.
  const { dimensions, metrics: names } = answer.query;
  const dimension = dimensions[0]!;
  const metrics = names.map((name) => inCurrency(metricOf(name), answer.meta.currency));
  return (
    <ValueTable
      heading={dimensionLabel(dimension)}
      columns={metrics}
      rows={answer.results.slice(0, props.most).map((row) => {
        const { dimensions: [value = ""], metrics: numbers } = row;
        return {
          value,
          label: valueLabel(dimension, value),
          mark: <Mark dimension={dimension} value={value} />,
          size: numbers[0] ?? 0,
          cells: metrics.map((metric, index) => (
            <>
              <Value value={numbers[index]} metric={metric} brief />
              {row.comparison && <Since row={row} at={index} metric={metric} />}
            </>
          )),
        };
      })}
      sorting={sorting && { ...sorting, first: hasOwnNames(dimension) ? undefined : dimension }}
      onChoose={(value, event) => {
        filterBy(dimension, value, event);
        onChosen?.();
      }}
    />
  );
}

/** The change of a number since the other period, whose own number is in the title. */
function Since({ row, at, metric }: { row: Row; at: number; metric: Metric }) {
  const change = changeOf(row, at, metric);
  const title = t.panel.before(formatNumber(row.comparison!.metrics[at], metric.unit));
  return (
    <span class="since" title={title}>
      {change === null ? NOTHING : <Change change={change} metric={metric} />}
    </span>
  );
}
