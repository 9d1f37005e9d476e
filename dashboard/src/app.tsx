// Who looks, at what, in which colours; and the page of the view.
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Api, type Site } from "./api";
import { Screen, type Surroundings, useAsked } from "./asking";
import { AttributionPanel } from "./attribution";
import { FilterDialog } from "./filtering";
import { FunnelPanel } from "./funnel";
import { Header } from "./header";
import { Headline } from "./headline";
import { Help } from "./help";
import { KeyForm } from "./key_form";
import { chosenTheme, forgetKey, keepKey, keepTheme, keptKey } from "./keeping";
import { type Command, commandOf } from "./keys";
import { Panel } from "./panel";
import { PANELS } from "./panels";
import { Unanswered } from "./parts";
import { PathsPanel } from "./paths";
import { REALTIME, goesOn, shifted } from "./periods";
import { ReportPage } from "./report_page";
import { FrequencyPanel, RetentionPanel } from "./retention";
import { type View, addressOf, sharedSite, viewOf } from "./view";

const REFRESH_MS = 60_000;
const REALTIME_REFRESH_MS = 10_000;

export function App() {
  const [key, setKey] = useState(keptKey);
  const [refused, setRefused] = useState(false);
  if (key === null) {
    const enter = (entered: string) => {
      keepKey(entered);
      setRefused(false);
      setKey(entered);
    };
    return <KeyForm refused={refused} onKey={enter} />;
  }
  const leave = (isRefused: boolean) => {
    forgetKey();
    setRefused(isRefused);
    setKey(null);
  };
  return <Opened apiKey={key} onLeave={leave} />;
}

function Opened({ apiKey, onLeave }: { apiKey: string; onLeave(refused: boolean): void }) {
  const api = useMemo(() => new Api(apiKey), [apiKey]);
  const [view, setView] = useState(() => viewOf(location));
  const [round, setRound] = useState(0);
  const [theme, setTheme] = useState(() => chosenTheme(location));
  const [completeUntil, setCompleteUntil] = useState<string | null>();
  const [spoken, setSpoken] = useState("");
  const shown = useRef(view);

  const go = useCallback((changes: Partial<View>) => {
    const next = { ...shown.current, ...changes };
    const address = addressOf(next, location);
    if (address === location.pathname + location.search + location.hash) return;
    history.pushState(null, "", address);
    shown.current = next;
    setView(next);
  }, []);
  const choose = useCallback(
    (name: string, value: string) => go({ choices: { ...shown.current.choices, [name]: value } }),
    [go],
  );
  const refused = useCallback(() => onLeave(true), []);
  useEffect(() => {
    const back = () => {
      shown.current = viewOf(location);
      setView(shown.current);
    };
    window.addEventListener("popstate", back);
    return () => window.removeEventListener("popstate", back);
  }, []);
  useEffect(() => {
    if (!goesOn(view.period)) return;
    const again = () => document.hidden || setRound((count) => count + 1);
    const timer = window.setInterval(again, view.period === REALTIME ? REALTIME_REFRESH_MS : REFRESH_MS);
    // Who comes back to the tab is shown what is now.
    document.addEventListener("visibilitychange", again);
    return () => {
      window.clearInterval(timer);
      document.removeEventListener("visibilitychange", again);
    };
  }, [view.period]);
  const turn = () => {
    const other = theme === "dark" ? "light" : "dark";
    keepTheme(other);
    setTheme(other);
  };
  const base = { api, view, round, theme, go, choose, told: setCompleteUntil, refused, announce: setSpoken };
  return (
    <Screen.Provider value={{ ...base, sites: [], site: NO_SITE }}>
      <Sites
        base={base}
        completeUntil={completeUntil}
        onTheme={turn}
        onLeave={() => onLeave(false)}
      />
      <div class="unseen" role="status" aria-live="polite" data-testid="announced">
        {spoken}
      </div>
    </Screen.Provider>
  );
}

const NO_SITE: Site = { site: "", key_kind: "read", time_zone: "UTC", goals: [], funnels: [], segments: [] };

function Sites(props: {
  base: Omit<Surroundings, "sites" | "site">;
  completeUntil: string | null | undefined;
  onTheme(): void;
  onLeave(): void;
}) {
  const { base } = props;
  const asked = useAsked("sites", (api, signal) => api.sites(signal));
  const sites = asked.answer;
  if (!sites?.length) {
    return (
      <main class="alone">
        <Unanswered asked={asked} empty="This key opens no site" />
      </main>
    );
  }
  const site = sites.find((one) => one.site === base.view.site) ?? sites[0]!;
  // What the address does not say, the key does; and what it does not open is not shown.
  const page = site.key_kind === "read" ? base.view.page : "overview";
  const surroundings = { ...base, sites, site, view: { ...base.view, site: site.site, page } };
  return (
    <Screen.Provider value={surroundings}>
      <Frame {...props} screen={surroundings} />
    </Screen.Provider>
  );
}

function Frame(props: {
  screen: Surroundings;
  completeUntil: string | null | undefined;
  onTheme(): void;
  onLeave(): void;
}) {
  const { view, site, go, api } = props.screen;
  const [opened, setOpened] = useState<"filter" | "help" | null>(null);
  const close = () => setOpened(null);

  const shift = async (steps: -1 | 1) => {
    const body = { site_id: view.site, metrics: ["events"], date_range: view.period.includes(",") ? view.period.split(",") : view.period };
    const { query } = await api.query(body, new AbortController().signal);
    go({ period: shifted(query.date_range, steps) });
  };
  const commands: Record<Command["name"], (value: string) => void> = {
    period: (period) => go({ period }),
    compare: () => go({ comparing: view.comparing === "none" ? "previous_period" : "none" }),
    filter: () => (view.page === "overview" || view.page === "visits") && setOpened("filter"),
    custom: () => document.querySelector<HTMLElement>('[data-testid="period"]')?.click(),
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
    document.title = `${site.site} · Clickstream`;
  }, [site.site]);
  return (
    <>
      <a class="skip" href="#content">
        Skip to the numbers
      </a>
      <Header
        completeUntil={props.completeUntil}
        onFilter={() => setOpened("filter")}
        onHelp={() => setOpened("help")}
        onTheme={props.onTheme}
        onShift={(steps) => void shift(steps)}
      />
      <main id="content" tabIndex={-1}>
        {view.page === "overview" ? <Overview /> : <ReportPage key={view.page} />}
      </main>
      <footer class="end">
        <button type="button" class="quiet" onClick={() => setOpened("help")}>
          Keys
        </button>
        {sharedSite(location.pathname) === null && (
          <button type="button" class="quiet" data-testid="leave" onClick={props.onLeave}>
            Leave and forget the key
          </button>
        )}
      </footer>
      {opened === "filter" && <FilterDialog onClose={close} />}
      {opened === "help" && <Help onClose={close} />}
    </>
  );
}

function Overview() {
  return (
    <>
      <Headline />
      <div class="panels">
        {PANELS.map((panel) => (
          <Panel key={panel.id} panel={panel} />
        ))}
        <FunnelPanel />
        <PathsPanel />
        <AttributionPanel />
        <RetentionPanel />
        <FrequencyPanel />
      </div>
    </>
  );
}
