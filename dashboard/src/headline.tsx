// The numbers of the whole period, each the switch of the chart below.
import { useEffect } from "preact/hooks";
import type { Answer } from "./api";
import { type Asked, comparisonOf, queryBase, reportBase, useAsked, useScreen } from "./asking";
import { Chart } from "./chart";
import { localText, shown } from "./format";
import { CONVERSION_RATE, HEADLINES, type Metric, REVENUE } from "./metrics";
import { STEPS, periodOfLabel, stepsOf } from "./periods";
import { Change, Sources, Unanswered, Value } from "./parts";
import { asValueFilter } from "./view";

/** The metrics of the view: those of a goal, too, where one is looked at. */
function useMetrics(): readonly Metric[] {
  const { view, site } = useScreen();
  const goals = view.filters.flatMap((filter) => {
    const known = asValueFilter(filter);
    return known?.[0] === "is" && known[1] === "event:goal" ? known[2] : [];
  });
  if (!goals.length) return HEADLINES;
  const pays = site.goals.some((goal) => goal.revenue && goals.includes(goal.name));
  return [...HEADLINES, CONVERSION_RATE, ...(pays ? [REVENUE] : [])];
}

export function Headline() {
  const { view, site, told, announce, choose, theme, go } = useScreen();
  const metrics = useMetrics();
  const names = metrics.map(({ name }) => name);
  const compared = comparisonOf(view);
  const base = { ...queryBase(view), metrics: names };

  const totals = useQuery({ ...base, include: compared });
  const range = totals.answer?.query.date_range ?? null;
  const steps = stepsOf(view.period, range);
  const step = steps.find((name) => name === view.choices["interval"]) ?? steps[0]!;
  const ready = range !== null || !["all", "year", "month"].includes(view.period) && !view.period.includes(",");
  const overTime = { ...base, dimensions: [step], include: { time_labels: true } };
  const series = useQuery(ready ? overTime : null);
  // Asked for by itself: beside the rows of this period are only the times at which this period has events.
  const before = totals.current ? totals.answer?.meta.comparison_date_range : undefined;
  const earlier = useQuery(before ? { ...overTime, date_range: before } : null);

  const chosen = metrics.find(({ name }) => name === view.choices["metric"]) ?? metrics[0]!;
  const row = totals.answer?.results[0];
  useEffect(() => {
    if (!totals.answer) return;
    told(totals.answer.meta.complete_until);
    if (!totals.loading) announce(`${chosen.label}: ${shown(row?.metrics[metrics.indexOf(chosen)], chosen.unit)}`);
  }, [totals.answer]);

  const lines = new Lines(series.answer, metrics, site.time_zone);
  const linesBefore = series.current && earlier.current && earlier.answer ? new Lines(earlier.answer, metrics, site.time_zone) : null;
  const at = metrics.indexOf(chosen);
  // Of what is shown, which may be the answer before while the next is on its way.
  const drawn = series.answer?.query;
  const drawnStep = drawn?.dimensions[0] ?? step;
  const pick = (first: string, last: string) => {
    const [from, to] = [first, last].map((label) => drawn && periodOfLabel(drawnStep, label, drawn.date_range));
    if (from && to) go({ period: `${from.split(",")[0]},${to.split(",")[1]}` });
  };
  return (
    <section class="card headline" aria-label="Numbers of the period" aria-busy={totals.loading || series.loading}>
      <div class="figures">
        {metrics.map((metric, index) => (
          <button
            type="button"
            key={metric.name}
            class="figure"
            aria-pressed={metric === chosen}
            data-testid={`headline-${metric.name}`}
            onClick={() => choose("metric", metric === metrics[0] ? "" : metric.name)}
          >
            <span class="label">{metric.label}</span>
            <strong>
              <Value value={row?.metrics[index]} metric={metric} brief />
            </strong>
            <span class="below">
              {row?.comparison && <Change percent={row.comparison.change[index]} metric={metric} />}
              <Sparkline values={lines.of(index)} />
            </span>
          </button>
        ))}
      </div>
      {steps.length > 1 && (
        <label class="steps">
          <span class="unseen">Steps of the chart</span>
          <select value={step} data-testid="interval" onChange={(event) => choose("interval", event.currentTarget.value)}>
            {steps.map((name) => (
              <option key={name} value={name}>
                {STEPS[name]}
              </option>
            ))}
          </select>
        </label>
      )}
      {series.answer && !(totals.problem ?? series.problem) ? (
        <Chart
          metric={chosen}
          step={drawnStep}
          theme={theme}
          labels={lines.labels}
          values={lines.of(at)}
          earlierLabels={linesBefore?.labels ?? []}
          earlier={linesBefore && lines.labels.map((_, index) => linesBefore.of(at)[index] ?? null)}
          sources={
            <Sources
              title="The course"
              report="overview"
              parameters={{ ...reportBase(view), interval: drawnStep.slice("time:".length) }}
              meta={series.answer.meta}
            />
          }
          onPick={pick}
        />
      ) : (
        <div class="chart waiting">
          <Unanswered asked={totals.problem ? totals : series} />
        </div>
      )}
    </section>
  );
}

/** A query, asked when it changes. */
export function useQuery(body: object | null): Asked<Answer> {
  const text = body && JSON.stringify(body);
  return useAsked(text, (api, signal) => api.query(body!, signal));
}

/**
 * The values of each metric at every label of the axis. Where nothing happened, what is counted is 0; where it is not
 * known yet whether anything did, it is nothing.
 */
class Lines {
  readonly labels: readonly string[];
  readonly #metrics: readonly Metric[];
  readonly #rows: ReadonlyMap<string, readonly (number | null)[]>;
  readonly #until: string;

  constructor(answer: Answer | null, metrics: readonly Metric[], zone: string) {
    this.labels = answer?.meta.time_labels ?? [];
    this.#metrics = metrics;
    this.#until = localText(answer?.meta.complete_until ?? new Date().toISOString(), zone);
    this.#rows = new Map(answer?.results.map((row) => [row.dimensions[0]!, row.metrics]));
  }

  of(metric: number): readonly (number | null)[] {
    const nothing = this.#metrics[metric]?.unit === "count" ? 0 : null;
    return this.labels.map(
      (label) => this.#rows.get(label)?.[metric] ?? (label.slice(0, 19) <= this.#until ? nothing : null),
    );
  }
}

function Sparkline({ values }: { values: readonly (number | null)[] }) {
  const known = values.map((value) => value ?? 0);
  const most = Math.max(...known, 0);
  if (known.length < 2 || most === 0) return <svg class="sparkline" aria-hidden="true" />;
  const points = known.map((value, index) => `${((index / (known.length - 1)) * 100).toFixed(1)},${(21 - (value / most) * 20).toFixed(1)}`);
  return (
    <svg class="sparkline" viewBox="0 0 100 22" preserveAspectRatio="none" aria-hidden="true">
      <polyline points={points.join(" ")} />
    </svg>
  );
}

