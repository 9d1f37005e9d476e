// The numbers of the whole period, each the switch of the chart below.
import { useEffect } from "preact/hooks";
import type { Answer } from "./api";
import { type Asked, comparisonOf, queryBase, useAsked, useScreen } from "./asking";
import { Chart } from "./chart";
import { shown } from "./format";
import { CONVERSION_RATE, HEADLINES, type Metric, REVENUE } from "./metrics";
import { STEPS, periodOfLabel, stepsOf } from "./periods";
import { Change, Unanswered, Value } from "./parts";
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
  const { view, told, announce, choose, theme, go } = useScreen();
  const metrics = useMetrics();
  const names = metrics.map(({ name }) => name);
  const compared = comparisonOf(view);
  const base = { ...queryBase(view), metrics: names };

  const totals = useQuery({ ...base, include: compared });
  const range = totals.answer?.query.date_range ?? null;
  const steps = stepsOf(view.period, range);
  const step = steps.find((name) => name === view.choices["interval"]) ?? steps[0]!;
  const ready = range !== null || !["all", "year", "month"].includes(view.period) && !view.period.includes(",");
  const series = useQuery(
    ready ? { ...base, dimensions: [step], include: { ...compared, time_labels: true } } : null,
  );

  const chosen = metrics.find(({ name }) => name === view.choices["metric"]) ?? metrics[0]!;
  const row = totals.answer?.results[0];
  useEffect(() => {
    if (!totals.answer) return;
    told(totals.answer.meta.complete_until);
    if (!totals.loading) announce(`${chosen.label}: ${shown(row?.metrics[metrics.indexOf(chosen)], chosen.unit)}`);
  }, [totals.answer]);

  const lines = new Lines(series.answer, step);
  const at = metrics.indexOf(chosen);
  const pick = (first: string, last: string) => {
    const [from, to] = [first, last].map((label) => periodOfLabel(step, label, range!));
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
          step={step}
          theme={theme}
          labels={lines.labels}
          values={lines.of(at)}
          earlierLabels={lines.earlierLabels}
          earlier={lines.earlier(at)}
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

/** The values of each metric at every label of the axis; what no event told is nothing, which is 0 for what is counted. */
class Lines {
  readonly labels: readonly string[];
  readonly earlierLabels: readonly string[];
  readonly #rows: ReadonlyMap<string, readonly (number | null)[]>;
  readonly #earlier: ReadonlyMap<string, readonly (number | null)[]>;

  constructor(
    answer: Answer | null,
    readonly step: string,
  ) {
    const results = answer?.results ?? [];
    this.labels = answer?.meta.time_labels ?? [];
    this.earlierLabels = answer?.meta.comparison_time_labels ?? [];
    this.#rows = new Map(results.map((row) => [row.dimensions[0]!, row.metrics]));
    this.#earlier = new Map(
      results.flatMap(({ comparison }) => (comparison ? [[comparison.dimensions[0]!, comparison.metrics] as const] : [])),
    );
  }

  of(metric: number): readonly (number | null)[] {
    return this.labels.map((label) => this.#rows.get(label)?.[metric] ?? (this.#counts(metric) ? 0 : null));
  }

  earlier(metric: number): readonly (number | null)[] | null {
    if (!this.earlierLabels.length) return null;
    return this.labels.map((_, index) => {
      const label = this.earlierLabels[index];
      return label === undefined ? null : (this.#earlier.get(label)?.[metric] ?? (this.#counts(metric) ? 0 : null));
    });
  }

  #counts(metric: number): boolean {
    return HEADLINES[metric]?.unit === "count";
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

