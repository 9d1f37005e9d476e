// The header: site, period, comparison, filters, and the moment up to which the numbers are complete.
import { useState } from "preact/hooks";
import { WEEKDAYS, matchesWeekdays, queryBase } from "./requests";
import { useQuery, useScreen } from "./use_api";
import { NO_BREAK, formatMoment, rangeLabel, today } from "./format";
import { Filters } from "./filtering";
import { NAMED, REALTIME, isPresent, periodsOf } from "./periods";
import { t } from "./texts";
import { Dialog, Icon, Menu } from "./ui";
import { COMPARISONS, type Page } from "./view";

/** Pages about now. */
const TIMELESS: readonly Page[] = ["setup", "audiences", "jobs"];

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
  return (
    <header class="top">
      <div class="bar-of-controls">
        <h1>
          {sites.length > 1 ? (
            <select
              aria-label="Site"
              data-testid="site"
              value={site.site}
              onChange={(event) => go({ site: event.currentTarget.value, filters: [], choices: {} })}
            >
              {sites.map((one) => (
                <option key={one.site}>{one.site}</option>
              ))}
            </select>
          ) : (
            <span data-testid="site">{site.site}</span>
          )}
        </h1>
        {site.key_kind === "read" && <Now />}
        <span class="space" />
        {(view.page === "overview" || view.page === "visits") && (
          <button type="button" class="control" data-testid="add-filter" onClick={props.onFilter}>
            <Icon name="filter" />
            <span class="wide-only">Filter</span>
            <span class="unseen narrow-only">Filter</span>
          </button>
        )}
        {!TIMELESS.includes(view.page) && <Period isOpen={props.periodIsOpen} onOpen={props.onPeriod} onShift={props.onShift} />}
        <span class="not-on-phones">
          <Comparison testid="compare" />
        </span>
        <button
          type="button"
          class="control icon-only"
          data-testid="theme"
          aria-label={theme === "dark" ? "Light theme" : "Dark theme"}
          onClick={props.onTheme}
        >
          <Icon name={theme === "dark" ? "sun" : "moon"} />
        </button>
        <button type="button" class="control icon-only not-on-phones" aria-label="Help and keyboard shortcuts" data-testid="help" onClick={props.onHelp}>
          <Icon name="help" />
        </button>
      </div>
      <div class="second-bar">
        {site.key_kind === "read" && (
          <nav aria-label="Views">
            {(Object.entries(t.pages) as [Page, string][]).map(([page, label]) => (
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
        <>
          Complete until <time dateTime={until}>{formatMoment(until, site.time_zone)}</time>
        </>
      ) : until === null ? (
        "Nothing is complete yet"
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
      <span class="wide-only"> in the last 30 minutes</span>
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
      <button type="button" class="control icon-only wide-only" aria-label="Earlier" onClick={() => props.onShift(-1)}>
        <Icon name="left" />
      </button>
      <Menu
        name={`Period: ${label}`}
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
        aria-label="Later"
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
        <span>From</span>
        <input type="date" required value={from} onInput={(event) => setFrom(event.currentTarget.value)} />
      </label>
      <label>
        <span>To</span>
        <input type="date" required value={to} onInput={(event) => setTo(event.currentTarget.value)} />
      </label>
      <button type="submit" class="primary">
        Apply
      </button>
    </form>
  );
}

const OTHER_DATES = "other";

function Comparison({ testid }: { testid: string }) {
  const { view, go, choose: remember } = useScreen();
  const [asks, setAsks] = useState(false);
  // Nothing precedes all time.
  if (view.page !== "overview" || view.period === "all") return null;
  const [from = "", to = ""] = view.comparing in COMPARISONS ? [] : view.comparing.split(",");
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
        <span class="unseen">Compare with</span>
        <select class="control" data-testid={testid} value={view.comparing} onChange={choose}>
          {Object.entries(COMPARISONS).map(([id, label]) => (
            <option key={id} value={id}>
              {id === "none" ? label : `vs ${label.toLowerCase()}`}
            </option>
          ))}
          {from && <option value={view.comparing}>vs {rangeLabel(from, to)}</option>}
          <option value={OTHER_DATES}>vs custom dates…</option>
        </select>
      </label>
      {view.comparing in COMPARISONS && view.comparing !== "none" && (
        <label class="weekdays" title="Begin the other period with the same day of the week">
          <input
            type="checkbox"
            data-testid={`${testid}-weekdays`}
            checked={matchesWeekdays(view)}
            onChange={(event) => remember(WEEKDAYS, event.currentTarget.checked ? "on" : "off")}
          />
          Weekdays
        </label>
      )}
      {asks && (
        <Dialog title="Compare with" testid="compare-dates" onClose={() => setAsks(false)}>
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
