// A panel: the first values of a dimension with their numbers. A click on a value filters by it.
import { useState } from "preact/hooks";
import type { Answer } from "./api";
import { opensProperties, queryBase, reportBase } from "./requests";
import { type Result, useConnection, useQuery, useScreen } from "./use_api";
import { csvOf } from "./csv";
import { formatNumber, valueLabel } from "./format";
import { Mark } from "./marks";
import { PROPERTY, dimensionLabel, inCurrency, metricOf } from "./metrics";
import type { PanelOf, Tab } from "./panels";
import { Dialog, SmallGroups, ExportLinks, Tabs, PanelState, Value } from "./ui";
import { ValueTable } from "./value_table";
import { usePropertyNames } from "./property_names";
import { t } from "./texts";
import { withFilter, withMoreValues } from "./view";
import { WorldMap } from "./world_map";

const ROWS = 9;
const GOAL = "event:goal";
const MAP = "map";
/** Beside the map. */
const FEW_ROWS = 4;
const MOST_COUNTRIES = 300;
const MORE_ROWS = 100;

export function Panel({ panel }: { panel: PanelOf }) {
  const { api } = useConnection();
  const { view, site, choose } = useScreen();
  const [opened, setOpened] = useState(false);
  const tabs = panel.tabs.filter(({ dimension }) => dimension !== PROPERTY || opensProperties(site));
  const named = tabs.find(({ id }) => id === view.choices[panel.id]) ?? tabs[0]!;
  const property = view.choices["property"] ?? "";
  const tab = { ...named, dimension: named.dimension === PROPERTY ? PROPERTY + property : named.dimension };
  const asks = tab.dimension !== PROPERTY;
  const query = { ...queryBase(view), metrics: tab.metrics, dimensions: [tab.dimension], pagination: { limit: named.id === MAP ? MOST_COUNTRIES : ROWS } };
  const result = useQuery(asks ? query : null);
  const file = async () => {
    const body = { ...queryBase(view), metrics: tab.metrics, dimensions: [tab.dimension] };
    const { results } = await api.query(body, new AbortController().signal);
    return csvOf([property, ...tab.metrics], results.map((row) => [...row.dimensions, ...row.metrics]));
  };
  return (
    <section class="card panel" aria-label={panel.title} aria-busy={result.loading} data-testid={`panel-${panel.id}`}>
      <header>
        <h2>{panel.title}</h2>
        {tabs.length > 1 && (
          <Tabs
            label={panel.title}
            tabs={tabs}
            chosen={named.id}
            onChoose={(id) => choose(panel.id, id === tabs[0]!.id ? "" : id)}
          />
        )}
      </header>
      {named.dimension === PROPERTY && <PropertyName />}
      <div class="rows">
        {named.id === MAP && result.answer && <WorldMap answer={result.answer} />}
        {asks && <Rows result={result} most={named.id === MAP ? FEW_ROWS : undefined} empty={tab.dimension === GOAL && !site.goals.length ? t.panel.noGoals : undefined} />}
        {asks && !result.problem && <SmallGroups sharing={result.answer?.meta.sharing} />}
        {!asks && <PropertyNames />}
      </div>
      <footer>
        <button type="button" class="quiet" disabled={!result.answer?.results.length} onClick={() => setOpened(true)}>
          {t.panel.details}
          <span class="unseen">{t.panel.detailsOf(tab.label)}</span>
        </button>
        <span class="space" />
        <ExportLinks
          title={tab.label}
          report={tab.report ?? tab.id}
          parameters={reportBase(view)}
          file={tab.report === null ? file : undefined}
          query={query}
          isAnswered={asks && result.answer !== null}
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
      <span>{t.filters.property}</span>
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

/** The names of properties, to choose one. */
function PropertyNames() {
  const { choose } = useScreen();
  const names = usePropertyNames();
  if (!names.length) return <p class="notice">{t.panel.enterProperty}</p>;
  const events = metricOf("events");
  return (
    <ValueTable
      heading={t.filters.property}
      action={t.panel.showValues}
      columns={[events]}
      rows={names.slice(0, ROWS).map(({ name, events: count }) => ({
        value: name,
        label: name,
        size: count ?? 0,
        cells: [<Value value={count} metric={events} brief />],
      }))}
      onChoose={(name) => choose("property", name)}
    />
  );
}

/** Adds a filter by a value: with Alt or Shift one that excludes it, with Ctrl or ⌘ beside the values before. */
export function useFilterBy(): (dimension: string, value: string, event?: MouseEvent) => void {
  const { view, go } = useScreen();
  return (dimension, value, event) => {
    const operator = event?.altKey || event?.shiftKey ? "is_not" : "is";
    const add = event?.ctrlKey || event?.metaKey ? withMoreValues : withFilter;
    go({ filters: add(view.filters, [operator, dimension, [value]]) });
  };
}

function Rows(props: { result: Result<Answer>; most?: number | undefined; empty?: string | undefined; onChosen?(): void }) {
  const { result, empty, onChosen } = props;
  const filterBy = useFilterBy();
  const { answer } = result;
  if (answer?.meta.sharing?.withheld) return null;
  if (!answer?.results.length) return <PanelState result={result} empty={empty} />;
  // The columns are those of the answer, which may belong to the request before.
  const { dimensions, metrics: names } = answer.query;
  const dimension = dimensions[0]!;
  const metrics = names.map((name) => inCurrency(metricOf(name), answer.meta.currency));
  return (
    <ValueTable
      heading={dimensionLabel(dimension)}
      columns={metrics}
      rows={answer.results.slice(0, props.most).map(({ dimensions: [value = ""], metrics: numbers }) => ({
        value,
        label: valueLabel(dimension, value),
        mark: <Mark dimension={dimension} value={value} />,
        size: numbers[0] ?? 0,
        cells: metrics.map((metric, index) => <Value value={numbers[index]} metric={metric} brief />),
      }))}
      onChoose={(value, event) => {
        filterBy(dimension, value, event);
        onChosen?.();
      }}
    />
  );
}

function Details({ tab, onClose }: { tab: Tab; onClose(): void }) {
  const { view } = useScreen();
  const [text, setText] = useState("");
  const [offset, setOffset] = useState(0);
  const base = queryBase(view);
  const filters = text ? [...view.filters, ["contains", tab.dimension, [text]]] : view.filters;
  const names = [...tab.metrics, ...tab.more];
  const result = useQuery({
    ...base,
    filters,
    metrics: names,
    dimensions: [tab.dimension],
    pagination: { limit: MORE_ROWS, offset },
    include: { total_rows: true },
  });
  const total = result.answer?.meta.total_rows ?? 0;
  const search = (event: Event) => {
    setText((event.currentTarget as HTMLInputElement).value);
    setOffset(0);
  };
  return (
    <Dialog title={tab.label} testid="details" wide onClose={onClose}>
      <label class="field">
        <span class="unseen">{t.panel.search}</span>
        <input type="search" placeholder={t.panel.search} value={text} onChange={search} />
      </label>
      <div class="scroll" tabIndex={0} role="region" aria-label={tab.label} aria-busy={result.loading}>
        <Rows result={result} empty={t.panel.nothingFound} onChosen={onClose} />
      </div>
      <Pages offset={offset} size={MORE_ROWS} isLast={offset + MORE_ROWS >= total} total={total} onMove={setOffset} />
    </Dialog>
  );
}

/** Previous and next page of a long list. */
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
    <nav class="pages" aria-label={t.panel.pagesOfList}>
      <button type="button" class="control" disabled={!offset} onClick={() => props.onMove(Math.max(0, offset - size))}>
        {t.panel.previous}
      </button>
      <span>
        {t.panel.range(
          formatNumber(offset + 1, "count"),
          formatNumber(Math.min(offset + size, total ?? Infinity), "count"),
          total === undefined ? null : formatNumber(total, "count"),
        )}
      </span>
      <button type="button" class="control" disabled={isLast} onClick={() => props.onMove(offset + size)}>
        {t.panel.next}
      </button>
    </nav>
  );
}
