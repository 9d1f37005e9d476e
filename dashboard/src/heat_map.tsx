// Page views by weekday and hour.
import { formatNumber, hourLabel, today, weekdayLabel } from "./format";
import { metricOf } from "./metrics";
import { daysIn, daysOf } from "./periods";
import { queryBase, reportBase } from "./requests";
import { t } from "./texts";
import { ExportLinks, PanelState } from "./ui";
import { useQuery, useScreen } from "./use_api";
import { HOURS, weekHours } from "./week_hours";

// Page views of different hours have no part in common, so they can be added up. Visitors could not.
const METRIC = metricOf("pageviews");
/** Of a longer period there would be too many hours. */
const MOST_DAYS = 100;
const LONG = ["12mo", "all"];

export function HeatMapPanel() {
  const { view, site } = useScreen();
  const days = daysOf(view.period, today(site.time_zone));
  const isShort = !LONG.includes(view.period) && (!days || daysIn(days) <= MOST_DAYS);
  const query = { ...queryBase(view), metrics: [METRIC.name], dimensions: ["time:hour"] };
  const result = useQuery(isShort ? query : null);
  const { answer } = result;
  return (
    <section class="card panel across" aria-label={t.heat.title} aria-busy={result.loading} data-testid="panel-hours">
      <header>
        <h2>{t.heat.title}</h2>
      </header>
      <div class="rows">
        {!isShort ? (
          <p class="notice">{t.heat.tooLong(MOST_DAYS)}</p>
        ) : answer?.results.length ? (
          <Grid sums={weekHours(answer)} />
        ) : (
          <PanelState result={result} />
        )}
      </div>
      <footer>
        <span class="space" />
        <ExportLinks
          title={t.heat.title}
          report="overview"
          parameters={{ ...reportBase(view), interval: "hour" }}
          query={query}
          isAnswered={answer !== null}
        />
      </footer>
    </section>
  );
}

function Grid({ sums }: { sums: readonly (readonly number[])[] }) {
  const most = Math.max(...sums.flat(), 1);
  const hours = Array.from({ length: HOURS }, (_, hour) => hour);
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t.reports.rows}>
      <table class="heat">
        <thead>
          <tr>
            <th scope="col">
              <span class="unseen">{t.heat.weekday}</span>
            </th>
            {hours.map((hour) => (
              <th scope="col" key={hour}>
                <span class={hour % 3 ? "unseen" : ""}>{hourLabel(hour)}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sums.map((row, weekday) => (
            <tr key={weekday} data-testid="row" data-value={weekday}>
              <th scope="row">{weekdayLabel(weekday)}</th>
              {row.map((sum, hour) => (
                <td key={hour} title={t.heat.cell(weekdayLabel(weekday), hourLabel(hour), formatNumber(sum, "count"), METRIC.label)}>
                  <span class="shade" style={{ opacity: sum && 0.15 + (0.85 * sum) / most }} />
                  <data class="unseen" value={String(sum)}>
                    {formatNumber(sum, "count")}
                  </data>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
