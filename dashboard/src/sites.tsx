// The sites that the key opens, each with its numbers of the period and their course, and above them all sites together.
import { useEffect } from "preact/hooks";
import { Problem, type Query, type Site } from "./api";
import { changeOf } from "./changes";
import { csvOf, save } from "./csv";
import { formatNumber, sentence, today } from "./format";
import { Lines } from "./lines";
import { HEADLINES } from "./metrics";
import { daysOf, stepsOf } from "./periods";
import { comparisonOf, queryBase } from "./requests";
import { type RollUp, type SiteNumbers, rollUp } from "./roll_up";
import { Sparkline } from "./sparkline";
import { t } from "./texts";
import { Change, PanelState, Value } from "./ui";
import { isOutage, useRequest, useScreen } from "./use_api";

/** Visitors, visits and page views: rates cannot be added up. */
const METRICS = HEADLINES.slice(0, 3);
const NAMES = METRICS.map(({ name }) => name);

/** A site with its numbers, or with the reason why there are none. */
interface Listed {
  readonly site: Site;
  readonly numbers: SiteNumbers | null;
  readonly problem: string | null;
}

/** All sites, the one with the most visitors first. A site that cannot be asked does not keep the others from being shown. */
function useSites() {
  const { sites, view } = useScreen();
  const shared = { ...view, filters: [] };
  const step = stepsOf(view.period, view.period === "all" ? null : daysOf(view.period, today(sites[0]!.time_zone)))[0]!;
  const key = JSON.stringify([sites.map(({ site }) => site), view.period, view.comparing, view.choices]);
  return useRequest(key, async (api, signal): Promise<readonly Listed[]> => {
    const listed = sites.map(async (site): Promise<Listed & { failure?: unknown }> => {
      const base: Query = { ...queryBase({ ...shared, site: site.site }), metrics: NAMES };
      try {
        const [totals, series] = await Promise.all([
          api.query({ ...base, include: comparisonOf(shared) }, signal),
          api.query({ ...base, metrics: [NAMES[0]!], dimensions: [step], include: { time_labels: true } }, signal),
        ]);
        const lines = new Lines(series, METRICS, site.time_zone);
        const visitors = lines.finished(0);
        return { site, numbers: { totals, labels: lines.labels.slice(0, visitors.length), visitors }, problem: null };
      } catch (failure) {
        return { site, numbers: null, problem: failure instanceof Error ? failure.message : String(failure), failure };
      }
    });
    const all = await Promise.all(listed);
    signal.throwIfAborted();
    const failures = all.flatMap(({ failure }) => failure ?? []);
    // The server as a whole is away, or the key opens nothing any more.
    const [first] = failures;
    if (failures.length === all.length && first instanceof Problem && (isOutage(first) || first.status === 401)) throw first;
    const visitors = ({ numbers }: Listed): number => numbers?.totals.results[0]?.metrics[0] ?? -1;
    return all.sort((one, other) => visitors(other) - visitors(one));
  });
}

export function SitesPage() {
  const { setCompleteUntil } = useScreen();
  const result = useSites();
  const listed = result.answer ?? [];
  const answered = listed.flatMap(({ numbers }) => numbers ?? []);
  useEffect(() => {
    // What all of them are complete until.
    const moments = answered.map(({ totals }) => totals.meta.complete_until);
    if (moments.length) setCompleteUntil(moments.includes(null) ? null : (moments.sort()[0] ?? null));
  }, [result.answer]);
  const file = () => {
    const rows = listed.map(({ site, numbers }) => [site.site, ...(numbers?.totals.results[0]?.metrics ?? NAMES.map(() => null))]);
    save(csvOf(["site", ...NAMES], rows), "sites.csv");
  };
  return (
    <>
      {answered.length > 0 && <Together sums={rollUp(answered, METRICS.length)} all={listed.length} />}
      <section class="card report" aria-label={t.pages.sites} aria-busy={result.loading} data-testid="report-sites">
        <header>
          <div>
            <h2>{t.pages.sites}</h2>
            <p>{t.explanations.sites}</p>
          </div>
          <span class="space" />
          <button type="button" class="quiet" aria-label={t.files.csv(t.pages.sites)} disabled={!answered.length} onClick={file}>
            CSV
          </button>
        </header>
        {listed.length ? <SiteTable listed={listed} /> : <PanelState result={result} />}
      </section>
    </>
  );
}

function Together({ sums, all }: { sums: RollUp; all: number }) {
  return (
    <section class="card headline together-with" aria-label={t.sites.together} data-testid="together">
      <div class="figures">
        {METRICS.map((metric, at) => (
          <div class="figure" key={metric.name} data-testid={`headline-${metric.name}`}>
            <span class="label">{metric.label}</span>
            <strong>
              <Value value={sums.sites ? sums.metrics[at] : null} metric={metric} brief />
            </strong>
            <span class="below">
              {sums.change[at] !== null && <Change change={sums.change[at]} metric={metric} />}
              {at === 0 && <Sparkline values={sums.visitors} />}
            </span>
          </div>
        ))}
      </div>
      <p class="notice">
        {t.sites.twice} {sums.sites < all && t.sites.some(formatNumber(sums.sites, "count"), formatNumber(all, "count"))}
      </p>
    </section>
  );
}

function SiteTable({ listed }: { listed: readonly Listed[] }) {
  const { go } = useScreen();
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t.reports.rows}>
      <table class="plain sites">
        <thead>
          <tr>
            <th scope="col">{t.frame.site}</th>
            <th scope="col">{t.sites.overTime}</th>
            {METRICS.map(({ name, label }, at) => (
              <th scope="col" key={name} class={at ? "number not-on-phones" : "number"}>
                {label}
              </th>
            ))}
            <th scope="col" class="number">
              {t.sites.change}
            </th>
          </tr>
        </thead>
        <tbody>
          {listed.map(({ site, numbers, problem }) => {
            const row = numbers?.totals.results[0];
            return (
              <tr key={site.site} data-testid="row" data-value={site.site}>
                <th scope="row">
                  <button type="button" class="name" aria-label={t.sites.open(site.site)} onClick={() => go({ site: site.site, page: "overview" })}>
                    {site.site}
                  </button>
                  {problem && <span class="problem"> {sentence(problem)}</span>}
                </th>
                <td>
                  <Sparkline values={numbers?.visitors ?? []} />
                </td>
                {METRICS.map((metric, at) => (
                  <td key={metric.name} class={at ? "number not-on-phones" : "number"}>
                    <Value value={row?.metrics[at]} metric={metric} />
                  </td>
                ))}
                <td class="number">{row?.comparison && <Change change={changeOf(row, 0, METRICS[0]!)} metric={METRICS[0]!} />}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
