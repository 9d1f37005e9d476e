// Small components that the views share.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Meta, Problem, Query, Sharing } from "./api";
import { type Result, isOutage, isRetried, useConnection, useScreen } from "./use_api";
import { save } from "./csv";
import { NOTHING, formatChange, formatNumber, sentence } from "./format";
import { ICONS, type IconName } from "./icons";
import type { Metric } from "./metrics";
import { t } from "./texts";
import { withFilter } from "./view";

const STEPS_DOWN: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1 };
const STEPS_ACROSS: Readonly<Record<string, number>> = { ArrowRight: 1, ArrowLeft: -1 };

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={ICONS[name]} />
    </svg>
  );
}

/** A number, with its exact value in `<data>` and in its title. */
export function Value({ value, metric, brief }: { value: number | null | undefined; metric: Metric; brief?: boolean }) {
  if (value === null || value === undefined) return <span class="nothing">{NOTHING}</span>;
  return (
    <data value={String(value)} title={formatNumber(value, metric.unit)}>
      {formatNumber(value, metric.unit, brief)}
    </data>
  );
}

/** The change of a number, by arrow and colour: of a rate in percentage points, of other numbers in percent. */
export function Change({ change, metric }: { change: number | null | undefined; metric: Metric }) {
  if (change === null || change === undefined) return <span class="change">{NOTHING}</span>;
  const up = change > 0;
  const news = change === 0 || metric.more === "neither" ? "" : up === (metric.more === "good") ? " good" : " bad";
  return (
    <data class={`change${news}`} value={String(change)}>
      <span aria-hidden="true">{change === 0 ? "" : up ? "↑ " : "↓ "}</span>
      <span class="unseen">{change === 0 ? t.units.unchanged : up ? t.units.up : t.units.down}</span>
      {formatChange(change, metric.unit)}
    </data>
  );
}

/** The state of a panel without rows: loading, failed or empty. */
export function PanelState({ result, empty }: { result: Result<unknown>; empty?: ComponentChildren }) {
  const { problem } = result;
  if (problem && !isOutage(problem)) {
    return (
      <p class="notice problem" role="alert">
        {sentence(problem.message)}
      </p>
    );
  }
  if (problem && !result.answer) return <p class="notice">{t.states.notLoaded}</p>;
  if (!result.current) return <p class="notice loading">{t.states.loading}</p>;
  return <p class="notice">{empty ?? t.states.empty}</p>;
}

/** A note on groups of few visitors, which a share link hides. */
export function SmallGroups({ sharing }: { sharing: Sharing | undefined }) {
  if (!sharing || !(sharing.withheld || sharing.small_groups !== "none")) return null;
  const { smallest_group: least, withheld, small_groups: kind } = sharing;
  const text = withheld
    ? t.states.withheld(least)
    : kind === "folded"
      ? t.states.folded(least)
      : t.states.leftOut;
  return (
    <p class="notice" data-testid="small-groups">
      {text}
    </p>
  );
}

/** The number of events from bots, which are not counted, and a button that shows them. */
export function BotsLeftOut({ count }: { count: number | null | undefined }) {
  const { view, go } = useScreen();
  if (!count) return null;
  const show = () => go({ filters: withFilter(view.filters, ["is", "event:bot", ["true"]]) });
  return (
    <p class="notice" data-testid="bots-left-out">
      {t.states.bots(formatNumber(count, "count"))}{" "}
      <button type="button" class="quiet" onClick={show}>
        {t.states.show}
        <span class="unseen">{t.states.showBots}</span>
      </button>
    </p>
  );
}

/** Why amounts of money are missing or incomplete. */
export function CurrencyNote({ note }: { note: string | undefined }) {
  if (!note) return null;
  return (
    <p class="notice" data-testid="currency-note">
      {note}
    </p>
  );
}

/** A button with a menu. Escape, a click elsewhere and a choice close it. */
export function Menu(props: {
  label: ComponentChildren;
  name: string;
  testid: string;
  children: (close: () => void) => ComponentChildren;
  isOpen: boolean;
  onOpen(isOpen: boolean): void;
}) {
  const { isOpen, onOpen } = props;
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  const close = () => {
    onOpen(false);
    button.current?.focus();
  };
  useEffect(() => {
    if (!isOpen) return;
    root.current?.querySelector<HTMLElement>('[aria-current="true"], .menu button, .menu input')?.focus();
    const elsewhere = (event: Event) => root.current?.contains(event.target as Node) || onOpen(false);
    document.addEventListener("pointerdown", elsewhere);
    return () => document.removeEventListener("pointerdown", elsewhere);
  }, [isOpen]);
  const keys = (event: KeyboardEvent) => {
    if (!isOpen) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      close();
    }
    const step = STEPS_DOWN[event.key];
    if (step && !(event.target instanceof HTMLInputElement)) {
      event.preventDefault();
      const items = [...root.current!.querySelectorAll<HTMLElement>(".menu button, .menu input, .menu a")];
      const next = items.indexOf(document.activeElement as HTMLElement) + step;
      items[(next + items.length) % items.length]?.focus();
    }
  };
  return (
    <div class="menu-root" ref={root} onKeyDown={keys}>
      <button
        type="button"
        ref={button}
        class="control"
        aria-expanded={isOpen}
        aria-controls={id}
        aria-label={props.name}
        data-testid={props.testid}
        onClick={() => onOpen(!isOpen)}
      >
        {props.label}
      </button>
      {isOpen && (
        <div class="menu" id={id}>
          {props.children(close)}
        </div>
      )}
    </div>
  );
}

/** A modal dialog. The browser keeps the focus in it, and Escape closes it. */
export function Dialog(props: { title: string; testid: string; wide?: boolean; onClose(): void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current!.showModal();
    return () => (before instanceof HTMLElement ? before.focus() : undefined);
  }, []);
  const outside = (event: MouseEvent) => {
    if (event.target === dialog.current) props.onClose();
  };
  return (
    <dialog
      ref={dialog}
      class={props.wide ? "wide" : ""}
      aria-labelledby={id}
      data-testid={props.testid}
      onClose={props.onClose}
      onClick={outside}
    >
      <div class="sheet">
        <header>
          <h2 id={id}>{props.title}</h2>
          <button type="button" class="quiet" aria-label={t.frame.close} onClick={props.onClose}>
            <Icon name="close" />
          </button>
        </header>
        {props.children}
      </div>
    </dialog>
  );
}

/** Tabs of a panel. The arrow keys move between them. */
export function Tabs(props: {
  label: string;
  tabs: readonly { id: string; label: string }[];
  chosen: string;
  onChoose(id: string): void;
}) {
  const keys = (event: KeyboardEvent) => {
    const step = STEPS_ACROSS[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const { tabs, chosen } = props;
    const next = (tabs.findIndex((tab) => tab.id === chosen) + step + tabs.length) % tabs.length;
    props.onChoose(tabs[next]!.id);
    ((event.currentTarget as HTMLElement).children[next] as HTMLElement).focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={props.label} onKeyDown={keys}>
      {props.tabs.map(({ id, label }) => (
        <button
          type="button"
          role="tab"
          key={id}
          aria-selected={id === props.chosen}
          tabIndex={id === props.chosen ? 0 : -1}
          onClick={() => props.onChoose(id)}
        >
          {label}
        </button>
      ))}
    </div>
  );
}

/** Buttons for the report as a CSV file and for the SQL of what is shown. */
export function ExportLinks(props: {
  title: string;
  report: string;
  parameters: Record<string, string>;
  /** Creates the file if no report has it. */
  file?: (() => Promise<Blob>) | undefined;
  /** The query that is shown, if it is none of the report. */
  query?: Query;
  /** Whether there is an answer. */
  isAnswered: boolean;
}) {
  const { api } = useConnection();
  const { alert, site } = useScreen();
  const [statement, setStatement] = useState<Meta | null>(null);
  const [busy, setBusy] = useState(false);
  // A disabled button would lose the focus, so a second click is ignored.
  const saveFile = async () => {
    if (busy) return;
    setBusy(true);
    try {
      const file = await (props.file?.() ?? api.csv(props.report, props.parameters));
      save(file, `${props.parameters["site_id"]}-${props.report}.csv`);
    } catch (error) {
      alert(`${t.files.notSaved(props.title)} ${sentence(error instanceof Error ? error.message : String(error))}`);
    } finally {
      setBusy(false);
    }
  };
  const showSql = async () => {
    if (busy) return;
    setBusy(true);
    const { signal } = new AbortController();
    try {
      const answer = props.query ? api.query(props.query, signal, true) : api.report(props.report, props.parameters, signal, true);
      setStatement((await answer).meta);
    } catch (error) {
      alert(`${t.files.sqlNotLoaded(props.title)} ${sentence(error instanceof Error ? error.message : String(error))}`);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <button type="button" class="quiet" aria-label={t.files.csv(props.title)} onClick={saveFile}>
        CSV
      </button>
      {site.key_kind === "read" && (
        <button type="button" class="quiet" aria-label={t.files.sql(props.title)} disabled={!props.isAnswered} onClick={showSql}>
          SQL
        </button>
      )}
      {statement && (
        <Dialog title={t.files.sqlTitle(props.title)} testid="sql" wide onClose={() => setStatement(null)}>
          <p>{t.files.sqlHint}</p>
          <pre tabIndex={0}>{statement.sql ?? t.files.severalStatements}</pre>
          <h3>{t.files.parameters}</h3>
          <pre tabIndex={0}>{JSON.stringify(statement.parameters ?? {}, null, 2)}</pre>
        </Dialog>
      )}
    </>
  );
}

/** A message at the bottom of the window. */
export function Alert({ text, onClose }: { text: string; onClose(): void }) {
  return (
    <div class="alert" role="alert" data-testid="alert">
      <span>{text}</span>
      <button type="button" class="quiet" aria-label={t.frame.closeMessage} onClick={onClose}>
        <Icon name="close" />
      </button>
    </div>
  );
}

/** The one message about an outage, however many requests it affects. The numbers on the screen stay. */
export function Outage({ problem, onRetry }: { problem: Problem; onRetry(): void }) {
  return (
    <div class="alert" role="alert" data-testid="outage">
      <span>
        {sentence(problem.message)}
        {isRetried(problem) && t.frame.tryingAgain(problem.retryAfterSeconds)}
      </span>
      <button type="button" class="control" onClick={onRetry}>
        {t.frame.retry}
      </button>
    </div>
  );
}
