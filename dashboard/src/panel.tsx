// A panel: the first values of a dimension with their numbers. A click on a value filters by it.
import { useState } from "preact/hooks";
import { opensTab, queryBase, reportBase } from "./requests";
import { useConnection, useQuery, useScreen } from "./use_api";
import { csvOf } from "./csv";
import { Details } from "./details";
import { Rows } from "./dimension_rows";
import { PROPERTY, metricOf, nameOf } from "./metrics";
import { type PanelOf, type Tab, WITH_READING, leavesReadingOut, ofTab } from "./panels";
import { SmallGroups, ExportLinks, Tabs, Value } from "./ui";
import { ValueTable } from "./value_table";
import { usePropertyNames } from "./property_names";
import { t } from "./texts";
import { WorldMap } from "./world_map";

const ROWS = 9;
const GOAL = "event:goal";
const MAP = "map";
/** Beside the map. */
const FEW_ROWS = 4;
const MOST_COUNTRIES = 300;

export function Panel({ panel }: { panel: PanelOf }) {
  const { api } = useConnection();
  const { view, site, choose } = useScreen();
  const [opened, setOpened] = useState(false);
  const tabs = panel.tabs.filter(({ dimension }) => opensTab(site, dimension));
  const named = tabs.find(({ id }) => id === view.choices[panel.id]) ?? tabs[0]!;
  const property = view.choices["property"] ?? "";
  const tab = { ...named, dimension: named.dimension === PROPERTY ? PROPERTY + property : named.dimension };
  const asks = tab.dimension !== PROPERTY;
  const all = { ...queryBase(ofTab(view, tab)), metrics: tab.metrics, dimensions: [tab.dimension] };
  const query = { ...all, pagination: { limit: named.id === MAP ? MOST_COUNTRIES : ROWS } };
  const result = useQuery(asks ? query : null);
  const file = async () => {
    const { results } = await api.query(all, new AbortController().signal);
    return csvOf([nameOf(tab.dimension), ...tab.metrics], results.map((row) => [...row.dimensions, ...row.metrics]));
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
        {named.withoutReading && <Reading tab={named} />}
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
          parameters={reportBase(ofTab(view, tab))}
          file={tab.report === null ? file : undefined}
          query={query}
          isAnswered={asks && result.answer !== null}
        />
      </footer>
      {opened && <Details tab={tab} onClose={() => setOpened(false)} />}
    </section>
  );
}

/** Says that events which report reading are left out, and shows them. */
function Reading({ tab }: { tab: Tab }) {
  const { view, choose } = useScreen();
  const areLeftOut = leavesReadingOut(view, tab);
  if (!areLeftOut && !view.choices[WITH_READING]) return null;
  return (
    <p class="notice beside" data-testid="reading">
      {areLeftOut ? t.panel.withoutReading : t.panel.withReading}{" "}
      <button type="button" class="quiet" onClick={() => choose(WITH_READING, areLeftOut ? "on" : "")}>
        {areLeftOut ? t.states.show : t.states.hide}
        <span class="unseen">{t.panel.readingEvents}</span>
      </button>
    </p>
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
