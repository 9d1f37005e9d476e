// The header: site, period, comparison, filters, and the moment up to which the numbers are complete.
import { useState } from "preact/hooks";
import { WEEKDAYS, matchesWeekdays, queryBase } from "./requests";
import { useQuery, useScreen } from "./use_api";
import { NO_BREAK, formatMoment, rangeLabel, today } from "./format";
import { Filled } from "./filled";
import { Filters } from "./filtering";
import { NAMED, REALTIME, isPresent, periodsOf } from "./periods";
import { t } from "./texts";
import { Dialog, Icon, Menu } from "./ui";
import { COMPARISONS, PERSON, type Page, type View, isComparison } from "./view";

/** The pages of one site. */
const PAGES = (Object.entries(t.pages) as [Page, string][]).filter(([page]) => page !== "sites");
/** Whether the page is about now. A person's page has their visits in the period. */
const isTimeless = ({ page, choices }: View): boolean => ["setup", "audiences", "jobs"].includes(page) || (page === "people" && !choices[PERSON]);

export interface HeaderProps {
  readonly completeUntil: string | null | undefined;
  readonly periodIsOpen: boolean;
  onPeriod(isOpen: boolean): void;
  onFilter(): void;
  onHelp(): void;
  onTheme(): void;
  onShift(steps: -1 | 1): void;
}

export function Header(props: HeaderProps) {
  const { view, sites, site, theme, go } = useScreen();
  const isOfAll = view.page === "sites";
  const open = (name: string) => go({ site: name, filters: [], choices: {}, ...(name && !isOfAll ? {} : { page: "overview" }) });
  return (
    <header class="top">
      <div class="bar-of-controls">
        <h1>
          {sites.length > 1 ? (
            <select
              aria-label={t.frame.site}
              data-testid="site"
              value={isOfAll ? "" : site.site}
              onChange={(event) => open(event.currentTarget.value)}
            >
              <option value="">{t.sites.all}</option>
              {sites.map((one) => (
                <option key={one.site} value={one.site}>
                  {one.site}
                </option>
              ))}
            </select>
          ) : (
            <span data-testid="site">{site.site}</span>
          )}
        </h1>
        {site.key_kind === "read" && !isOfAll && <Now />}
        <span class="space" />
        {(view.page === "overview" || view.page === "visits") && (
          <button type="button" class="control" data-testid="add-filter" onClick={props.onFilter}>
            <Icon name="filter" />
            <span class="wide-only">{t.filters.filter}</span>
            <span class="unseen narrow-only">{t.filters.filter}</span>
          </button>
        )}
        {!isTimeless(view) && <Period isOpen={props.periodIsOpen} onOpen={props.onPeriod} onShift={props.onShift} />}
        <span class="not-on-phones">
          <Comparison testid="compare" />
        </span>
        <button
          type="button"
          class="control icon-only"
          data-testid="theme"
          aria-label={theme === "dark" ? t.frame.theme.light : t.frame.theme.dark}
          onClick={props.onTheme}
        >
          <Icon name={theme === "dark" ? "sun" : "moon"} />
        </button>
        <button type="button" class="control icon-only not-on-phones" aria-label={t.frame.help} data-testid="help" onClick={props.onHelp}>
          <Icon name="help" />
        </button>
      </div>
      <div class="second-bar">
        {site.key_kind === "read" && !isOfAll && (
          <nav aria-label={t.frame.views}>
            {PAGES.map(([page, label]) => (
              <button
                type="button"
                key={page}
                aria-current={page === view.page ? "page" : undefined}
                onClick={() => go({ page })}
              >
                {label}
              </button>
            ))}
          </nav>
        )}
        <CompleteUntil moment={props.completeUntil} />
      </div>
      <Filters />
    </header>
  );
}

function CompleteUntil({ moment: until }: { moment: string | null | undefined }) {
  const { site } = useScreen();
  return (
    <p class="complete" data-testid="complete-until">
      {until ? (
        <Filled text={t.frame.completeUntil} parts={{ moment: <time dateTime={until}>{formatMoment(until, site.time_zone)}</time> }} />
      ) : until === null ? (
        t.frame.nothingComplete
      ) : (
        NO_BREAK
      )}
    </p>
  );
}

/** The visitors of the last 30 minutes. */
function Now() {
  const { view, go } = useScreen();
  const result = useQuery({ ...queryBase({ ...view, period: REALTIME, filters: [] }), metrics: ["visitors"] });
  const visitors = result.answer?.results[0]?.metrics[0];
  if (visitors === undefined || visitors === null) return null;
  return (
    <button type="button" class="now" data-testid="now" onClick={() => go({ page: "overview", period: REALTIME })}>
      <span class="dot" aria-hidden="true" />
      <data value={String(visitors)}>{visitors}</data>
      <span class="wide-only">{t.frame.lastMinutes}</span>
    </button>
  );
}

function Period(props: { isOpen: boolean; onOpen(isOpen: boolean): void; onShift(steps: -1 | 1): void }) {
  const { view, site, go } = useScreen();
  const custom = view.period.includes(",");
  const [from = "", to = ""] = custom ? view.period.split(",").map((text) => text.slice(0, 10)) : [];
  const label = custom ? rangeLabel(from, to) : (NAMED.get(view.period)?.label ?? view.period);
  return (
    <div class="together">
      <button type="button" class="control icon-only wide-only" aria-label={t.period.earlier} onClick={() => props.onShift(-1)}>
        <Icon name="left" />
      </button>
      <Menu
        name={t.period.label(label)}
        testid="period"
        isOpen={props.isOpen}
        onOpen={props.onOpen}
        label={
          <>
            <Icon name="calendar" />
            <span>{label}</span>
          </>
        }
      >
        {(close) => (
          <>
            {periodsOf(site.key_kind).map((group) => (
              <div class="group" key={group[0]!.name}>
                {group.map(({ name, label: text, key }) => (
                  <button
                    type="button"
                    key={name}
                    aria-current={name === view.period}
                    onClick={() => {
                      go({ period: name });
                      close();
                    }}
                  >
                    {text}
                    <kbd aria-hidden="true">{key}</kbd>
                  </button>
                ))}
              </div>
            ))}
            <div class="group phone-only">
              <Comparison testid="compare-in-menu" />
            </div>
            <Dates
              from={from}
              to={to}
              onChosen={(period) => {
                go({ period });
                close();
              }}
            />
          </>
        )}
      </Menu>
      <button
        type="button"
        class="control icon-only wide-only"
        aria-label={t.period.later}
        disabled={isPresent(view.period, today(site.time_zone))}
        onClick={() => props.onShift(1)}
      >
        <Icon name="right" />
      </button>
    </div>
  );
}

/** A form for two dates. `onChosen` gets them with a comma between them. */
function Dates(props: { from: string; to: string; onChosen(dates: string): void }) {
  const [from, setFrom] = useState(props.from);
  const [to, setTo] = useState(props.to);
  const submit = (event: Event) => {
    event.preventDefault();
    props.onChosen([from, to].sort().join(","));
  };
  return (
    <form class="custom" onSubmit={submit}>
      <label>
        <span>{t.period.from}</span>
        <input type="date" required value={from} onInput={(event) => setFrom(event.currentTarget.value)} />
      </label>
      <label>
        <span>{t.period.to}</span>
        <input type="date" required value={to} onInput={(event) => setTo(event.currentTarget.value)} />
      </label>
      <button type="submit" class="primary">
        {t.period.apply}
      </button>
    </form>
  );
}

const OTHER_DATES = "other";

function Comparison({ testid }: { testid: string }) {
  const { view, go, choose: remember } = useScreen();
  const [asks, setAsks] = useState(false);
  // Nothing precedes all time.
  if (!["overview", "sites"].includes(view.page) || view.period === "all") return null;
  const [from = "", to = ""] = isComparison(view.comparing) ? [] : view.comparing.split(",");
  const choose = (event: { currentTarget: HTMLSelectElement }) => {
    const chosen = event.currentTarget.value;
    if (chosen !== OTHER_DATES) return go({ comparing: chosen });
    // The comparison changes once the dates are entered.
    event.currentTarget.value = view.comparing;
    setAsks(true);
  };
  return (
    <>
      <label class="compare">
        <span class="unseen">{t.comparison.label}</span>
        <select class="control" data-testid={testid} value={view.comparing} onChange={choose}>
          {COMPARISONS.map((id) => (
            <option key={id} value={id}>
              {id === "none" ? t.comparison.none : t.comparison.versus[id]}
            </option>
          ))}
          {from && <option value={view.comparing}>{t.comparison.versus.dates(rangeLabel(from, to))}</option>}
          <option value={OTHER_DATES}>{t.comparison.versus.custom}</option>
        </select>
      </label>
      {isComparison(view.comparing) && view.comparing !== "none" && (
        <label class="weekdays" title={t.comparison.weekdaysHint}>
          <input
            type="checkbox"
            data-testid={`${testid}-weekdays`}
            checked={matchesWeekdays(view)}
            onChange={(event) => remember(WEEKDAYS, event.currentTarget.checked ? "on" : "off")}
          />
          {t.comparison.weekdays}
        </label>
      )}
      {asks && (
        <Dialog title={t.comparison.label} testid="compare-dates" onClose={() => setAsks(false)}>
          <Dates
            from={from}
            to={to}
            onChosen={(comparing) => {
              go({ comparing });
              setAsks(false);
            }}
          />
        </Dialog>
      )}
    </>
  );
}
