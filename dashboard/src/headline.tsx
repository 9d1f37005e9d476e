// The totals of the period. A click on one shows it in the chart below.
import { useEffect, useState } from "preact/hooks";
import { annotationsAt } from "./annotations";
import type { Answer } from "./api";
import { comparisonOf, queryBase, reportBase } from "./requests";
import { useQuery, useScreen } from "./use_api";
import { changeOf } from "./changes";
import { Chart } from "./chart";
import { formatNumber, today } from "./format";
import { Lines } from "./lines";
import { AVERAGE_REVENUE, HEADLINES, type Metric, OF_A_GOAL, REVENUE, inCurrency } from "./metrics";
import { STEPS, daysOf, periodOfLabel, stepsOf } from "./periods";
import { SaveDialog } from "./save_dialog";
import { Sparkline } from "./sparkline";
import { t } from "./texts";
import { BotsLeftOut, Change, CurrencyNote, SmallGroups, ExportLinks, PanelState, Value } from "./ui";
import { asValueFilter } from "./view";

/** The metrics of the view. A goal's events have no page views and no bounces, so a goal has metrics of its own. */
function useMetrics(): readonly Metric[] {
  const { view, site } = useScreen();
  const goals = view.filters.flatMap((filter) => {
    const known = asValueFilter(filter);
    return known?.[0] === "is" && known[1] === "event:goal" ? known[2] : [];
  });
  if (!goals.length) return HEADLINES;
  const pays = site.goals.some((goal) => goal.revenue && goals.includes(goal.name));
  return [...OF_A_GOAL, ...(pays ? [REVENUE, AVERAGE_REVENUE] : [])];
}

export function Headline() {
  const { view, site, setCompleteUntil, announce, choose, theme, go } = useScreen();
  const [annotating, setAnnotating] = useState(false);
  const plain = useMetrics();
  const names = plain.map(({ name }) => name);
  const compared = comparisonOf(view);
  const base = { ...queryBase(view), metrics: names };

  const totals = useQuery({ ...base, include: compared });
  const meta = totals.answer?.meta;
  const metrics = plain.map((metric) => inCurrency(metric, meta?.currency));
  // Amounts in several currencies have no sum. Then each currency is queried.
  const isMixed = meta?.currency === null && meta.currency_note !== undefined;
  const each = useQuery(isMixed ? { ...base, dimensions: ["event:currency"] } : null);
  // All time is as long as the site's history.
  const range = view.period === "all" ? (totals.current ? totals.answer!.query.date_range : null) : daysOf(view.period, today(site.time_zone));
  const steps = stepsOf(view.period, range);
  const step = steps.find((name) => name === view.choices["interval"]) ?? steps[0]!;
  const overTime = { ...base, dimensions: [step] };
  const others = "comparisons" in compared ? { ...compared, comparison_time_labels: true, comparison_results: true } : {};
  const series = useQuery(view.period === "all" && !range ? null : { ...overTime, include: { time_labels: true, ...others } });

  const chosen = metrics.find(({ name }) => name === view.choices["metric"]) ?? metrics[0]!;
  const row = totals.answer?.results[0];
  useEffect(() => {
    if (!totals.answer) return;
    setCompleteUntil(totals.answer.meta.complete_until);
    if (!totals.loading) announce(`${chosen.label}: ${formatNumber(row?.metrics[metrics.indexOf(chosen)], chosen.unit)}`);
  }, [totals.answer]);

  const lines = new Lines(series.answer, metrics, site.time_zone);
  const linesBefore = series.answer?.comparison_results ? new Lines(series.answer, metrics, site.time_zone, "other") : null;
  const at = metrics.indexOf(chosen);
  // The query of what is drawn, which may be the one before.
  const drawn = series.answer?.query;
  const drawnStep = drawn?.dimensions[0] ?? step;
  const pick = (first: string, last: string) => {
    const [from, to] = [first, last].map((label) => drawn && periodOfLabel(drawnStep, label, drawn.date_range));
    if (from && to) go({ period: `${from.split(",")[0]},${to.split(",")[1]}` });
  };
  return (
    <section class="card headline" aria-label={t.headline.label} aria-busy={totals.loading || series.loading}>
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
              {isMixed && metric.unit === "money" && each.answer ? (
                <EachCurrency answer={each.answer} metric={metric} />
              ) : (
                <Value value={row?.metrics[index]} metric={metric} brief />
              )}
            </strong>
            <span class="below">
              {row?.comparison && <Change change={changeOf(row, index, metric)} metric={metric} />}
              <Sparkline values={lines.finished(index)} />
            </span>
          </button>
        ))}
      </div>
      {site.key_kind === "read" && totals.current && row?.metrics[0] === 0 && !view.filters.length && (
        <p class="notice" data-testid="no-events">
          {t.headline.noVisitors}{" "}
          <button type="button" class="quiet" onClick={() => go({ page: "setup" })}>
            {t.headline.checkSetup}
          </button>
        </p>
      )}
      <BotsLeftOut count={meta?.bots_left_out} />
      <CurrencyNote note={meta?.currency_note} />
      <SmallGroups sharing={(totals.answer?.meta.sharing?.withheld ? totals : series).answer?.meta.sharing} />
      {steps.length > 1 && (
        <label class="steps">
          <span class="unseen">{t.period.stepsOfChart}</span>
          <select value={step} data-testid="interval" onChange={(event) => choose("interval", event.currentTarget.value)}>
            {steps.map((name) => (
              <option key={name} value={name}>
                {STEPS[name]}
              </option>
            ))}
          </select>
        </label>
      )}
      {series.answer ? (
        <Chart
          metric={chosen}
          step={drawnStep}
          theme={theme}
          labels={lines.labels}
          values={lines.of(at)}
          partial={lines.partial}
          until={lines.until}
          earlierLabels={linesBefore?.labels ?? []}
          earlier={linesBefore && lines.labels.map((_, index) => linesBefore.of(at)[index] ?? null)}
          sources={
            <>
            {site.key_kind === "read" && (
              <button type="button" class="quiet" data-testid="annotate" onClick={() => setAnnotating(true)}>
                {t.chart.annotate}
              </button>
            )}
            <ExportLinks
              title={t.headline.overTime(chosen.label)}
              report="overview"
              parameters={{ ...reportBase(view), interval: drawnStep.slice("time:".length) }}
              query={overTime}
              isAnswered
            />
            </>
          }
          annotations={annotationsAt(site.annotations ?? [], lines.labels, drawn!.date_range)}
          onPick={pick}
        />
      ) : (
        <div class="chart waiting">
          <PanelState result={totals.problem ? totals : series} />
        </div>
      )}
      {annotating && <SaveDialog kind="annotations" definition={{}} onClose={() => setAnnotating(false)} />}
    </section>
  );
}

/** An amount in each of its currencies, one below the other. */
function EachCurrency({ answer, metric }: { answer: Answer; metric: Metric }) {
  const at = answer.query.metrics.indexOf(metric.name);
  const rows = answer.results.filter((row) => row.dimensions[0] !== "(none)" && row.metrics[at] !== null);
  return (
    <span class="currencies">
      {rows.map(({ dimensions: [code], metrics }) => (
        <span key={code} data-currency={code} title={code!.startsWith("(") ? t.headline.noCurrency : code}>
          <Value value={metrics[at]} metric={code!.startsWith("(") ? metric : inCurrency(metric, code)} brief />
        </span>
      ))}
    </span>
  );
}
