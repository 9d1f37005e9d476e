// The key, the view, the theme, and the page of the view.
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Api, type Problem, type Site } from "./api";
import { ConnectionContext, Screen, useConnection, useRequest, useScreen } from "./use_api";
import { AttributionPanel } from "./attribution";
import { AudiencesPage } from "./audiences";
import { FilterDialog } from "./filter_dialog";
import { FunnelPanel } from "./funnel";
import { Header } from "./header";
import { Headline } from "./headline";
import { HeatMapPanel } from "./heat_map";
import { Help } from "./help";
import { JobsPage } from "./jobs";
import { KeyForm } from "./key_form";
import { chosenTheme, removeKey, storeKey, storeLanguage, storeTheme, storedKey } from "./browser_storage";
import { type Command, commandOf } from "./shortcuts";
import { Panel } from "./panel";
import { PANELS } from "./panels";
import { Alert, Outage, PanelState } from "./ui";
import { PathsPanel } from "./paths";
import { PeoplePage } from "./people";
import { LANGUAGE, LANGUAGES, LANGUAGE_PARAMETER, t } from "./texts";
import { today } from "./format";
import { WhenNear } from "./when_near";
import { REALTIME, dateRange, isRunning, periodsOf, shifted } from "./periods";
import { ReportPage } from "./report_page";
import { SitesPage } from "./sites";
import { SetupPage } from "./setup";
import { VitalsPage } from "./vitals_page";
import { FrequencyPanel, RetentionPanel } from "./retention";
import { type Page, type View, addressOf, ofOwnPeriod, sharedSite, viewOf, withOwnPeriod } from "./view";

const REFRESH_MS = 60_000;
const REALTIME_REFRESH_MS = 10_000;
const SETUP_REFRESH_MS = 5_000;
const JOBS_REFRESH_MS = 10_000;

export function App() {
  const [key, setKey] = useState(storedKey);
  const [refused, setRefused] = useState(false);
  useEffect(() => {
    // Another share link, or another key, entered into the address of the same tab.
    const changed = () => setKey(storedKey());
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  }, []);
  if (key === null) {
    const enter = (entered: string) => {
      storeKey(entered);
      setRefused(false);
      setKey(entered);
    };
    return <KeyForm refused={refused} onKey={enter} />;
  }
  const leave = (isRefused: boolean) => {
    removeKey();
    setRefused(isRefused);
    setKey(null);
  };
  return <Opened key={key} apiKey={key} onLeave={leave} />;
}

function Opened({ apiKey, onLeave }: { apiKey: string; onLeave(refused: boolean): void }) {
  const api = useMemo(() => new Api(apiKey), [apiKey]);
  const [round, setRound] = useState(0);
  const refresh = useCallback(() => setRound((count) => count + 1), []);
  const [outages, setOutages] = useState<ReadonlyMap<string, Problem>>(new Map());
  const onOutage = useCallback((request: string, outage: Problem | null) => {
    setOutages((before) => {
      if ((before.get(request) ?? null) === outage) return before;
      const others = [...before].filter(([name]) => name !== request);
      return new Map(outage ? [...others, [request, outage]] : others);
    });
  }, []);
  const [adminKey, setAdminKey] = useState<string | null>(null);
  const connection = useMemo(
    () => ({ api, round, adminKey, setAdminKey, refresh, onUnauthorized: () => onLeave(true), onOutage }),
    [api, round, adminKey],
  );
  const [outage] = outages.values();
  return (
    <ConnectionContext.Provider value={connection}>
      <Sites onRefresh={refresh} onLeave={() => onLeave(false)} />
      {outage && <Outage problem={outage} onRetry={refresh} />}
    </ConnectionContext.Provider>
  );
}

function Sites(props: { onRefresh(): void; onLeave(): void }) {
  const { answer: sites, ...result } = useRequest("sites", (api, signal) => api.sites(signal));
  const [announcement, announce] = useState("");
  const [alertText, alert] = useState<string | null>(null);
  return (
    <>
      {sites?.length ? (
        <Dashboard {...props} sites={sites} announce={announce} alert={alert} />
      ) : (
        <main class="alone">
          <PanelState result={{ answer: sites, ...result }} empty={t.frame.noSite} />
        </main>
      )}
      {alertText !== null && <Alert text={alertText} onClose={() => alert(null)} />}
      <div class="unseen" role="status" aria-live="polite" data-testid="announced">
        {announcement}
      </div>
    </>
  );
}

/** The view of the address, and the ways to change both. */
function useView() {
  const [view, setView] = useState(() => viewOf(location));
  const latest = useRef(view);
  const go = useCallback((changes: Partial<View>) => {
    const next = { ...latest.current, ...changes };
    const address = addressOf(next, location);
    if (address === location.pathname + location.search + location.hash) return;
    history.pushState(null, "", address);
    latest.current = next;
    setView(next);
  }, []);
  const choose = useCallback(
    (name: string, value: string) => go({ choices: { ...latest.current.choices, [name]: value } }),
    [go],
  );
  useEffect(() => {
    const back = () => {
      latest.current = viewOf(location);
      setView(latest.current);
    };
    window.addEventListener("popstate", back);
    return () => window.removeEventListener("popstate", back);
  }, []);
  return { view, go, choose };
}

/** Refresh what includes the present regularly, and whenever the tab is shown again. */
function useRefresh({ page, period }: View, onRefresh: () => void): void {
  const ofPage = { setup: SETUP_REFRESH_MS, jobs: JOBS_REFRESH_MS, audiences: REFRESH_MS }[page as string];
  const interval = ofPage ?? (period === REALTIME ? REALTIME_REFRESH_MS : REFRESH_MS);
  const isLive = ofPage !== undefined || isRunning(period);
  useEffect(() => {
    if (!isLive) return;
    const refresh = () => document.hidden || onRefresh();
    const timer = window.setInterval(refresh, interval);
    document.addEventListener("visibilitychange", refresh);
    return () => {
      window.clearInterval(timer);
      document.removeEventListener("visibilitychange", refresh);
    };
  }, [isLive, interval]);
}

function Dashboard(props: {
  sites: readonly Site[];
  announce(text: string): void;
  alert(text: string): void;
  onRefresh(): void;
  onLeave(): void;
}) {
  const { sites, announce, alert } = props;
  const { view: address, go, choose } = useView();
  const [theme, setTheme] = useState(() => chosenTheme(location));
  const [completeUntil, setCompleteUntil] = useState<string | null>();
  const toggleTheme = () => {
    const other = theme === "dark" ? "light" : "dark";
    storeTheme(other);
    setTheme(other);
  };
  const screen = useMemo(() => {
    const site = sites.find((one) => one.site === address.site) ?? sites[0]!;
    // Without a site, several have a page together. A share key opens one page only, whatever the address says.
    const isOfAll = sites.length > 1 && (address.page === "sites" || (address.site === "" && address.page === "overview"));
    const page: Page = isOfAll ? "sites" : site.key_kind === "read" && address.page !== "sites" ? address.page : "overview";
    const view = { ...address, site: site.site, page };
    const goTo = (changes: Partial<View>) => go(ofOwnPeriod(view, changes));
    return { sites, site, view: withOwnPeriod(view), theme, go: goTo, choose, setCompleteUntil, announce, alert };
  }, [sites, address, theme]);
  useRefresh(screen.view, props.onRefresh);
  return (
    <Screen.Provider value={screen}>
      <Frame completeUntil={completeUntil} onTheme={toggleTheme} onLeave={props.onLeave} />
    </Screen.Provider>
  );
}

function Frame(props: {
  completeUntil: string | null | undefined;
  onTheme(): void;
  onLeave(): void;
}) {
  const { api } = useConnection();
  const { view, site, go } = useScreen();
  const [opened, setOpened] = useState<"filter" | "help" | "period" | null>(null);
  const close = () => setOpened(null);

  const shift = async (steps: -1 | 1) => {
    const body = { site_id: view.site, metrics: ["events"], date_range: dateRange(view.period) };
    const { query } = await api.query(body, new AbortController().signal);
    const period = shifted(query.date_range, steps, today(site.time_zone));
    if (period) go({ period });
  };
  const commands: Record<Command["name"], (value: string) => void> = {
    period: (period) => periodsOf(site.key_kind).flat().some(({ name }) => name === period) && go({ period }),
    compare: () => go({ comparing: view.comparing === "none" ? "previous_period" : "none" }),
    filter: () => (view.page === "overview" || view.page === "visits") && setOpened("filter"),
    custom: () => setOpened(opened === "period" ? null : "period"),
    help: () => setOpened(opened === "help" ? null : "help"),
    earlier: () => void shift(-1),
    later: () => void shift(1),
    clear: () => go({ filters: [] }),
    theme: props.onTheme,
  };
  const latest = useRef(commands);
  latest.current = commands;
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const command = commandOf(event);
      if (!command) return;
      event.preventDefault();
      latest.current[command.name](command.value);
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, []);
  useEffect(() => {
    document.title = `${view.page === "sites" ? t.sites.all : site.site} · Clickstream`;
  }, [view.page, site.site]);
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById("content")!.focus()}>
        {t.frame.skip}
      </button>
      <Header
        completeUntil={props.completeUntil}
        periodIsOpen={opened === "period"}
        onPeriod={(isOpen) => setOpened(isOpen ? "period" : null)}
        onFilter={() => setOpened("filter")}
        onHelp={() => setOpened("help")}
        onTheme={props.onTheme}
        onShift={(steps) => void shift(steps)}
      />
      <main id="content" tabIndex={-1}>
        <CurrentPage />
      </main>
      <footer class="end">
        <button type="button" class="quiet" onClick={() => setOpened("help")}>
          {t.frame.shortcuts}
        </button>
        {sharedSite(location.pathname) === null && (
          <button type="button" class="quiet" data-testid="leave" onClick={props.onLeave}>
            {t.frame.logOut}
          </button>
        )}
        <LanguageChoice />
      </footer>
      {opened === "filter" && <FilterDialog onClose={close} />}
      {opened === "help" && <Help onClose={close} />}
    </>
  );
}

/** Texts are chosen while the page loads, so another language loads it again. */
function LanguageChoice() {
  const change = (language: string) => {
    storeLanguage(language);
    const address = new URL(location.href);
    address.searchParams.delete(LANGUAGE_PARAMETER);
    history.replaceState(history.state, "", address);
    location.reload();
  };
  return (
    <label>
      <span class="unseen">{t.frame.language}</span>
      <select class="language" value={LANGUAGE} data-testid="language" onChange={(event) => change(event.currentTarget.value)}>
        {LANGUAGES.map(([language, name]) => (
          <option key={language} value={language} lang={language}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function CurrentPage() {
  const { view, site } = useScreen();
  switch (view.page) {
    case "overview":
      return <Overview />;
    case "sites":
      return <SitesPage />;
    case "people":
      return <PeoplePage key={site.site} />;
    case "audiences":
      return <AudiencesPage key={site.site} />;
    case "jobs":
      return <JobsPage key={site.site} />;
    case "web_vitals":
      return <VitalsPage key={site.site} />;
    case "setup":
      return <SetupPage key={site.site} />;
    default:
      return <ReportPage key={view.page} />;
  }
}

function Overview() {
  const { site } = useScreen();
  return (
    <>
      <Headline />
      <div class="panels">
        {PANELS.map((panel) => (
          <WhenNear key={panel.id}>
            <Panel panel={panel} />
          </WhenNear>
        ))}
        {site.key_kind === "read" && (
          <>
            <WhenNear width="across">
              <FunnelPanel />
            </WhenNear>
            <WhenNear width="across">
              <PathsPanel />
            </WhenNear>
            {site.goals.length > 0 && (
              <WhenNear width="across">
                <AttributionPanel />
              </WhenNear>
            )}
            <WhenNear width="wider">
              <RetentionPanel />
            </WhenNear>
            <WhenNear width="narrower">
              <FrequencyPanel />
            </WhenNear>
            <WhenNear width="across">
              <HeatMapPanel />
            </WhenNear>
          </>
        )}
      </div>
    </>
  );
}
