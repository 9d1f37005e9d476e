// Small parts that the views share.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { type Asked, isTriedAgain, useScreen } from "./asking";
import { save } from "./csv";
import { NOTHING, change, sentence, shown } from "./format";
import { ICONS, type IconName } from "./icons";
import type { Metric } from "./metrics";

const STEPS_DOWN: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1 };
const STEPS_ACROSS: Readonly<Record<string, number>> = { ArrowRight: 1, ArrowLeft: -1 };

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={ICONS[name]} />
    </svg>
  );
}

/** A number with its exact value for programs and pointers. */
export function Value({ value, metric, brief }: { value: number | null | undefined; metric: Metric; brief?: boolean }) {
  if (value === null || value === undefined) return <span class="nothing">{NOTHING}</span>;
  return (
    <data value={String(value)} title={shown(value, metric.unit)}>
      {shown(value, metric.unit, brief)}
    </data>
  );
}

/** How a number changed, said by sign and colour. */
export function Change({ percent, metric }: { percent: number | null | undefined; metric: Metric }) {
  if (percent === null || percent === undefined) return <span class="change">{NOTHING}</span>;
  const up = percent > 0;
  const news = percent === 0 || metric.more === "neither" ? "" : up === (metric.more === "good") ? " good" : " bad";
  return (
    <data class={`change${news}`} value={String(percent)}>
      <span aria-hidden="true">{percent === 0 ? "" : up ? "↑ " : "↓ "}</span>
      <span class="unseen">{percent === 0 ? "unchanged " : up ? "up " : "down "}</span>
      {change(percent)}
    </data>
  );
}

/** A panel's state in place of its rows: on its way, refused, or nothing there. */
export function Unanswered({ asked, empty }: { asked: Asked<unknown>; empty?: string | undefined }) {
  const { problem } = asked;
  if (problem) {
    return (
      <p class="notice problem" role="alert">
        {sentence(problem.message)}
        {isTriedAgain(problem) && ` Trying again in ${problem.retryAfterSeconds} s.`}
      </p>
    );
  }
  if (!asked.current) return <p class="notice loading">Loading</p>;
  return <p class="notice">{empty ?? "Nothing in this period"}</p>;
}

/** A button with a list below it, closed by Escape, by a click elsewhere and by a choice. */
export function Menu(props: {
  label: ComponentChildren;
  name: string;
  testid: string;
  children: (close: () => void) => ComponentChildren;
  class?: string;
}) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  useEffect(() => {
    if (!open) return;
    root.current?.querySelector<HTMLElement>('[aria-current="true"], .menu button, .menu input')?.focus();
    const elsewhere = (event: Event) => root.current?.contains(event.target as Node) || setOpen(false);
    document.addEventListener("pointerdown", elsewhere);
    return () => document.removeEventListener("pointerdown", elsewhere);
  }, [open]);
  const keys = (event: KeyboardEvent) => {
    if (!open) return;
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
    <div class={`menu-root ${props.class ?? ""}`} ref={root} onKeyDown={keys}>
      <button
        type="button"
        ref={button}
        class="control"
        aria-expanded={open}
        aria-controls={id}
        aria-label={props.name}
        data-testid={props.testid}
        onClick={() => setOpen(!open)}
      >
        {props.label}
      </button>
      {open && (
        <div class="menu" id={id}>
          {props.children(close)}
        </div>
      )}
    </div>
  );
}

/** A modal dialog of the browser's own: it holds the focus, and Escape closes it. */
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
          <button type="button" class="quiet" aria-label="Close" onClick={props.onClose}>
            <Icon name="close" />
          </button>
        </header>
        {props.children}
      </div>
    </dialog>
  );
}

/** Tabs of a panel: the arrow keys go from one to the next. */
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

/** The report as a CSV file, and the SQL behind what is shown. */
export function Sources(props: {
  title: string;
  report: string;
  parameters: Record<string, string>;
  /** The file, where no report has it. */
  file?: (() => Promise<Blob>) | undefined;
  meta: { sql?: string; parameters?: unknown } | null | undefined;
}) {
  const { api, announce } = useScreen();
  const [showsSql, setShowsSql] = useState(false);
  const [busy, setBusy] = useState(false);
  const saveFile = async () => {
    setBusy(true);
    try {
      const file = await (props.file?.() ?? api.csv(props.report, props.parameters));
      save(file, `${props.parameters["site_id"]}-${props.report}.csv`);
    } catch (error) {
      announce(`${props.title} could not be saved: ${error instanceof Error ? error.message : error}`);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <button type="button" class="quiet" aria-label={`${props.title} as CSV`} disabled={busy} onClick={saveFile}>
        CSV
      </button>
      <button
        type="button"
        class="quiet"
        aria-label={`SQL of ${props.title}`}
        disabled={!props.meta?.sql}
        onClick={() => setShowsSql(true)}
      >
        SQL
      </button>
      {showsSql && (
        <Dialog title={`SQL of ${props.title}`} testid="sql" wide onClose={() => setShowsSql(false)}>
          <p>Sent to POST /api/sql with a read key, this gives the same rows.</p>
          <pre tabIndex={0}>{props.meta?.sql}</pre>
          <h3>Parameters</h3>
          <pre tabIndex={0}>{JSON.stringify(props.meta?.parameters ?? {}, null, 2)}</pre>
        </Dialog>
      )}
    </>
  );
}
