// A panel: the first values of a dimension with their numbers. A click on one looks at it alone.
import { useState } from "preact/hooks";
import type { Answer, Row } from "./api";
import { type Asked, queryBase, reportBase, useScreen } from "./asking";
import { csvOf } from "./csv";
import { valueLabel } from "./format";
import { useQuery } from "./headline";
import { type Metric, PROPERTY, dimensionLabel, metricOf } from "./metrics";
import type { PanelOf, Tab } from "./panels";
import { Dialog, Sources, Tabs, Unanswered, Value } from "./parts";
import { withFilter } from "./view";

const ROWS = 9;
const MORE_ROWS = 100;

export function Panel({ panel }: { panel: PanelOf }) {
  const { api, view, choose } = useScreen();
  const [opened, setOpened] = useState(false);
  const named = panel.tabs.find(({ id }) => id === view.choices[panel.id]) ?? panel.tabs[0]!;
  const property = view.choices["property"] ?? "";
  const tab = { ...named, dimension: named.dimension === PROPERTY ? PROPERTY + property : named.dimension };
  const asks = tab.dimension !== PROPERTY;
  const asked = useQuery(
    asks
      ? { ...queryBase(view), metrics: tab.metrics, dimensions: [tab.dimension], pagination: { limit: ROWS } }
      : null,
  );
  const file = async () => {
    const body = { ...queryBase(view), metrics: tab.metrics, dimensions: [tab.dimension] };
    const { results } = await api.query(body, new AbortController().signal);
    return csvOf([property, ...tab.metrics], results.map((row) => [...row.dimensions, ...row.metrics]));
  };
  return (
    <section class="card panel" aria-label={panel.title} aria-busy={asked.loading} data-testid={`panel-${panel.id}`}>
      <header>
        <h2>{panel.title}</h2>
        {panel.tabs.length > 1 && (
          <Tabs
            label={panel.title}
            tabs={panel.tabs}
            chosen={named.id}
            onChoose={(id) => choose(panel.id, id === panel.tabs[0]!.id ? "" : id)}
          />
        )}
      </header>
      {named.dimension === PROPERTY && <PropertyName />}
      <div class="rows">
        {asks && <Rows asked={asked} />}
        {!asks && <p class="notice">Name a property of your events to see its values</p>}
      </div>
      <footer>
        <button type="button" class="quiet" disabled={!asked.answer?.results.length} onClick={() => setOpened(true)}>
          Details<span class="unseen"> of {tab.label}</span>
        </button>
        <span class="space" />
        <Sources
          title={tab.label}
          report={tab.report ?? tab.id}
          parameters={reportBase(view)}
          file={tab.report === null ? file : undefined}
          meta={asked.answer?.meta}
        />
      </footer>
      {opened && <Details tab={tab} onClose={() => setOpened(false)} />}
    </section>
  );
}

function PropertyName() {
  const { view, choose } = useScreen();
  return (
    <label class="field">
      <span>Property</span>
      <input
        type="text"
        value={view.choices["property"] ?? ""}
        placeholder="plan"
        autocomplete="off"
        onChange={(event) => choose("property", event.currentTarget.value.trim())}
      />
    </label>
  );
}

/** A filter for a value of the dimension, set by one click; with Alt or Shift held, for all others. */
export function useNarrowing(): (dimension: string, value: string, event?: MouseEvent) => void {
  const { view, go } = useScreen();
  return (dimension, value, event) =>
    go({
      filters: withFilter(view.filters, [event?.altKey || event?.shiftKey ? "is_not" : "is", dimension, [value]]),
    });
}

function Rows({ asked, empty, onChosen }: { asked: Asked<Answer>; empty?: string; onChosen?(): void }) {
  const { answer } = asked;
  if (asked.problem || !answer?.results.length) return <Unanswered asked={asked} empty={empty} />;
  // Under the names of its own question, which may be the one before.
  const { dimensions, metrics } = answer.query;
  return <Values rows={answer.results} dimension={dimensions[0]!} metrics={metrics.map(metricOf)} onChosen={onChosen} />;
}

function Values(props: {
  rows: readonly Row[];
  dimension: string;
  metrics: readonly Metric[];
  onChosen?: (() => void) | undefined;
}) {
  const narrow = useNarrowing();
  const { rows, dimension, metrics } = props;
  const most = Math.max(...rows.map((row) => row.metrics[0] ?? 0), 1);
  return (
    <table class="values">
      <thead>
        <tr>
          <th scope="col">{dimensionLabel(dimension)}</th>
          {metrics.map((metric) => (
            <th scope="col" class="number" key={metric.name}>
              {metric.heading === metric.label ? metric.label : <abbr title={metric.label}>{metric.heading}</abbr>}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => {
          const value = row.dimensions[0]!;
          return (
            <tr key={value} data-testid="row" data-value={value}>
              <th scope="row">
                <span class="bar" style={{ width: `${((row.metrics[0] ?? 0) / most) * 100}%` }} />
                <button
                  type="button"
                  title={value}
                  aria-label={`Filter: ${dimensionLabel(dimension)} is ${valueLabel(dimension, value)}`}
                  onClick={(event) => {
                    narrow(dimension, value, event);
                    props.onChosen?.();
                  }}
                >
                  {valueLabel(dimension, value)}
                </button>
              </th>
              {metrics.map((metric, index) => (
                <td class="number" key={metric.name}>
                  <Value value={row.metrics[index]} metric={metric} brief />
                </td>
              ))}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function Details({ tab, onClose }: { tab: Tab; onClose(): void }) {
  const { view } = useScreen();
  const [text, setText] = useState("");
  const [offset, setOffset] = useState(0);
  const base = queryBase(view);
  const filters = text ? [...view.filters, ["contains", tab.dimension, [text]]] : view.filters;
  const names = [...tab.metrics, ...tab.more];
  const asked = useQuery({
    ...base,
    filters,
    metrics: names,
    dimensions: [tab.dimension],
    pagination: { limit: MORE_ROWS, offset },
    include: { total_rows: true },
  });
  const total = asked.answer?.meta.total_rows ?? 0;
  const search = (event: Event) => {
    setText((event.currentTarget as HTMLInputElement).value);
    setOffset(0);
  };
  return (
    <Dialog title={tab.label} testid="details" wide onClose={onClose}>
      <label class="field">
        <span class="unseen">Search</span>
        <input type="search" placeholder="Search" value={text} onChange={search} />
      </label>
      <div class="scroll" tabIndex={0} role="region" aria-label={tab.label} aria-busy={asked.loading}>
        <Rows asked={asked} empty="Nothing found" onChosen={onClose} />
      </div>
      <Pages offset={offset} size={MORE_ROWS} isLast={offset + MORE_ROWS >= total} total={total} onMove={setOffset} />
    </Dialog>
  );
}

/** The way through a long list. */
export function Pages(props: {
  offset: number;
  size: number;
  isLast: boolean;
  total?: number;
  onMove(offset: number): void;
}) {
  const { offset, size, isLast, total } = props;
  if (offset === 0 && isLast) return null;
  return (
    <nav class="pages" aria-label="Pages of the list">
      <button type="button" class="control" disabled={!offset} onClick={() => props.onMove(Math.max(0, offset - size))}>
        Previous
      </button>
      <span>
        {offset + 1} to {Math.min(offset + size, total ?? Infinity)}
        {total !== undefined && ` of ${total}`}
      </span>
      <button type="button" class="control" disabled={isLast} onClick={() => props.onMove(offset + size)}>
        Next
      </button>
    </nav>
  );
}
