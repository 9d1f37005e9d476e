// The view of the set-up: the snippet for the site's pages, checks of what arrives, and the newest events.
import { useEffect, useState } from "preact/hooks";
import type { Report } from "./api";
import { formatMoment, localText } from "./format";
import { worded } from "./metrics";
import { RecordTable } from "./record_table";
import { Records } from "./records";
import { type Arrived, type Check, type SnippetKind, IN_THE_BROWSER, SNIPPETS, checksOf, snippetOf } from "./setup_checks";
import { Filled } from "./filled";
import { t } from "./texts";
import { PanelState, Tabs } from "./ui";
import { useReport, useScreen } from "./use_api";

const RANGE = "24h";
const EVENTS = 50;
const NO_SETUP = { public_keys: [], origins: [], unknown_consent: "full" };

export function SetupPage() {
  const { site, setCompleteUntil } = useScreen();
  const setup = site.setup ?? NO_SETUP;
  const [page, setPage] = useState("");
  const [collector, setCollector] = useCollector();
  const base = { site_id: site.site, date_range: RANGE };
  const limit = String(EVENTS);
  const newest = useReport("newest_events", { ...base, limit });
  const failed = useReport("failed_event_samples", { ...base, limit });
  const hours = useReport("reconciliation", base);
  useEffect(() => {
    if (newest.answer) setCompleteUntil(newest.answer.meta.complete_until);
  }, [newest.answer]);
  const arrived = arrivedOf(newest.answer, failed.answer);
  const counts = countsOf(hours.answer);
  const isLoaded = newest.answer && failed.answer && hours.answer;
  return (
    <div class="setup">
      <Snippet keys={setup.public_keys} collector={collector} onCollector={setCollector} />
      <section class="card report" aria-label={t.setup.check} data-testid="setup-check">
        <header>
          <div>
            <h2>{t.setup.check}</h2>
            <p>{t.setup.repeated}</p>
          </div>
        </header>
        <label class="field">
          <span>{t.setup.page}</span>
          <input
            type="url"
            inputmode="url"
            placeholder="https://www.example.com/"
            autocomplete="off"
            value={page}
            onInput={(event) => setPage(event.currentTarget.value)}
          />
        </label>
        {isLoaded ? (
          <>
            <Checks checks={checksOf({ setup, page, collector, arrived, ...counts })} />
            {!arrived.some(({ verdict }) => verdict === "accepted") && (
              <details>
                <summary>{t.setup.ifNothing}</summary>
                <p>
                  <Filled text={t.setup.inBrowser} parts={{ debug: <code>t.debug.js</code>, script: <code>t.js</code> }} />
                </p>
                <Checks checks={IN_THE_BROWSER} />
              </details>
            )}
          </>
        ) : (
          <PanelState result={newest.answer ? (failed.answer ? hours : failed) : newest} />
        )}
      </section>
      <section class="card report inspector" aria-label={t.setup.newest} aria-busy={newest.loading} data-testid="setup-events">
        <header>
          <div>
            <h2>{t.setup.newest}</h2>
            <p>{t.setup.newestHint}</p>
          </div>
        </header>
        {arrived.length ? <Events arrived={arrived.slice(0, EVENTS)} /> : <PanelState result={newest} empty={t.setup.noEvents} />}
      </section>
    </div>
  );
}

/** The address of the collector: this one if it serves the script, else what is entered. */
function useCollector(): [string, (address: string) => void] {
  const [collector, setCollector] = useState("");
  useEffect(() => {
    const leaving = new AbortController();
    fetch("/t.js", { credentials: "omit", signal: leaving.signal }).then(
      ({ ok }) => ok && setCollector((entered) => entered || location.origin),
      () => undefined,
    );
    return () => leaving.abort();
  }, []);
  return [collector, setCollector];
}

function Snippet(props: { keys: readonly string[]; collector: string; onCollector(address: string): void }) {
  const { keys, collector } = props;
  const { announce } = useScreen();
  const [kind, setKind] = useState<SnippetKind>("html");
  const [chosen, setChosen] = useState("");
  const key = keys.includes(chosen) ? chosen : (keys[0] ?? "KEY");
  const code = snippetOf(kind, collector || "https://APP", key);
  const copy = () => navigator.clipboard.writeText(code).then(() => announce(t.setup.copied));
  return (
    <section class="card report" aria-label={t.setup.snippet} data-testid="setup-snippet">
      <header>
        <div>
          <h2>{t.setup.measure}</h2>
          <p>{SNIPPETS.find(({ id }) => id === kind)!.hint}</p>
        </div>
        <Tabs label={t.setup.kindOfPage} tabs={SNIPPETS} chosen={kind} onChoose={(id) => setKind(id as SnippetKind)} />
      </header>
      <div class="fields">
        <label class="field">
          <span>{t.setup.collector}</span>
          <input
            type="url"
            placeholder="https://APP"
            autocomplete="off"
            value={collector}
            onInput={(event) => props.onCollector(event.currentTarget.value.trim())}
          />
        </label>
        {keys.length > 1 && (
          <label class="field">
            <span>{t.setup.publicKey}</span>
            <select value={key} onChange={(event) => setChosen(event.currentTarget.value)}>
              {keys.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          </label>
        )}
      </div>
      <pre tabIndex={0} data-testid="snippet">{code}</pre>
      <p class="actions">
        <button type="button" class="control" onClick={copy}>
          {t.setup.copy}
        </button>
        {!collector && <span class="hint">{t.setup.noCollector}</span>}
      </p>
    </section>
  );
}

function Checks({ checks }: { checks: readonly Check[] }) {
  return (
    <ul class="checks">
      {checks.map(({ state, title, text }) => (
        <li key={title} class={state} data-testid="check" data-state={state}>
          <span class="state">{t.setup.states[state]}</span>
          <span>
            <strong>{title}</strong> {text}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Events({ arrived }: { arrived: readonly Arrived[] }) {
  const { site } = useScreen();
  return (
    <RecordTable label={t.reports.rows}>
      <thead>
        <tr>
          {Object.values(t.setup.columns).map((label) => (
            <th scope="col" key={label}>
              {label}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {arrived.map(({ id, receivedAt, verdict, name, host, path, consent, sender, detail }) => (
          <tr key={`${verdict} ${id}`} data-testid="row" data-verdict={verdict}>
            <td>
              <time dateTime={receivedAt} title={formatMoment(receivedAt, site.time_zone)}>
                {localText(receivedAt, site.time_zone).slice("yyyy-mm-ddT".length)}
              </time>
            </td>
            <td class={`verdict ${verdict}`}>{t.setup.verdicts[verdict]}</td>
            <td>{verdict === "failed" ? (t.reports.codes[name] ?? worded(name)) : name}</td>
            <td>{host + path}</td>
            <td>{consent}</td>
            <td>{sender}</td>
            <td class="detail">{detail}</td>
          </tr>
        ))}
      </tbody>
    </RecordTable>
  );
}

/** Events and failed events as one list, the newest first. */
function arrivedOf(newest: Report | null, failed: Report | null): readonly Arrived[] {
  const list: Arrived[] = [];
  if (newest) {
    const records = new Records(newest);
    for (const row of newest.rows) {
      const text = (column: string) => records.text(row, column);
      list.push({
        id: text("event_id"),
        receivedAt: text("received_at"),
        verdict: text("verdict") === "bot" ? "bot" : "accepted",
        name: text("event_name") || text("event_type"),
        host: text("page_host"),
        path: text("page_path"),
        consent: text("consent"),
        sender: text("browser") || text("tracker") || text("dialect"),
        detail: text("properties") === "{}" ? "" : text("properties"),
      });
    }
  }
  if (failed) {
    const records = new Records(failed);
    for (const row of failed.rows) {
      const text = (column: string) => records.text(row, column);
      list.push({
        id: text("failed_event_id"),
        receivedAt: text("received_at"),
        verdict: "failed",
        name: text("failure_class"),
        host: "",
        path: "",
        consent: "",
        sender: text("dialect"),
        detail: [text("pointer"), text("message")].filter(Boolean).join(": "),
      });
    }
  }
  return list.sort((one, other) => Date.parse(other.receivedAt) - Date.parse(one.receivedAt));
}

/** How many events were answered and how many are stored, by the reconciliation. */
function countsOf(hours: Report | null): { answered: number; stored: number } {
  const counts = { answered: 0, stored: 0 };
  if (!hours) return counts;
  const records = new Records(hours);
  for (const row of hours.rows) {
    const number = (column: string) => records.number(row, column) ?? 0;
    counts.answered += number("answered");
    counts.stored += number("compacted") + number("failed") + number("duplicates") + number("erased");
  }
  return counts;
}
