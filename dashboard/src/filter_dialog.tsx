// The dialog that adds or changes a filter: a dimension, a condition, and one value or several.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { formatNumber, valueLabel } from "./format";
import { PROPERTY, dimensionLabel } from "./metrics";
import { openDimensions, opensProperties, queryBase } from "./requests";
import { t } from "./texts";
import { Dialog, Icon } from "./ui";
import { useQuery, useScreen } from "./use_api";
import { usePropertyNames } from "./property_names";
import { type Comparator, type Filter, asValueFilter, withFilter } from "./view";

const SUGGESTIONS = 20;
const PAUSE_MS = 200;
const START = ["is", "event:page", []] as const;

/** `before` is the filter to change, beside `others`, and `onFilter` gets its successor; without it a filter is added. */
export function FilterDialog(props: { before?: Filter; others?: readonly Filter[]; onFilter?(filter: Filter): void; onClose(): void }) {
  const { before, onClose } = props;
  const { view, site, go } = useScreen();
  const [startOperator, startName, startValues] = (before && asValueFilter(before)) ?? START;
  const isProperty = startName.startsWith(PROPERTY);
  const [dimension, setDimension] = useState<string>(isProperty ? PROPERTY : startName);
  const [property, setProperty] = useState(isProperty ? startName.slice(PROPERTY.length) : "");
  const [operator, setOperator] = useState<Comparator>(startOperator);
  const [values, setValues] = useState<readonly string[]>(startValues);
  const [typed, setTyped] = useState("");
  const name = dimension === PROPERTY ? PROPERTY + property : dimension;
  const others = props.others ?? view.filters;
  // What is typed counts, too, so that a value needs no extra key.
  const all = typed.trim() ? [...new Set([...values, typed.trim()])] : values;
  const isReady = all.length > 0 && name !== PROPERTY;
  const submit = (event: Event) => {
    event.preventDefault();
    if (!isReady) return;
    if (props.onFilter) props.onFilter([operator, name, all]);
    else go({ filters: withFilter(view.filters, [operator, name, all]) });
    onClose();
  };
  const choose = (chosen: string) => {
    setDimension(chosen);
    setValues([]);
    setTyped("");
  };
  const segment = (chosen: string) => {
    go({ filters: [...view.filters, ["segment", chosen]] });
    onClose();
  };
  return (
    <Dialog title={before ? t.filters.change : t.filters.add} testid="filter-dialog" onClose={onClose}>
      <form class="form" onSubmit={submit}>
        <div class="fields">
          <label class="field">
            <span>{t.filters.dimension}</span>
            <select value={dimension} onChange={(event) => choose(event.currentTarget.value)}>
              {openDimensions(site).map(([group, names]) => (
                <optgroup key={group} label={t.filters.groups[group]}>
                  {names.map((id) => (
                    <option key={id} value={id}>
                      {dimensionLabel(id)}
                    </option>
                  ))}
                  {group === "events" && opensProperties(site) && <option value={PROPERTY}>{t.filters.property}</option>}
                </optgroup>
              ))}
            </select>
          </label>
          <label class="field">
            <span>{t.filters.condition}</span>
            <select value={operator} onChange={(event) => setOperator(event.currentTarget.value as Comparator)}>
              {Object.entries(t.filters.operators).map(([id, label]) => (
                <option key={id} value={id}>
                  {label}
                </option>
              ))}
            </select>
          </label>
        </div>
        {dimension === PROPERTY && <PropertyField value={property} onChange={setProperty} />}
        <Values name={name} others={others} values={values} typed={typed} onTyped={setTyped} onValues={setValues} />
        <button type="submit" class="primary" disabled={!isReady}>
          {before ? t.filters.changeButton : t.filters.addButton}
        </button>
      </form>
      {!before && site.segments.length > 0 && (
        <section class="segments">
          <h3>{t.filters.segments}</h3>
          {site.segments.map((chosen) => (
            <button type="button" class="control" key={chosen} onClick={() => segment(chosen)}>
              {chosen}
            </button>
          ))}
        </section>
      )}
    </Dialog>
  );
}

function PropertyField({ value, onChange }: { value: string; onChange(name: string): void }) {
  const names = usePropertyNames();
  const id = useId();
  return (
    <label class="field">
      <span>{t.filters.property}</span>
      <input required list={id} autocomplete="off" value={value} onChange={(event) => onChange(event.currentTarget.value.trim())} />
      <datalist id={id}>
        {names.map(({ name }) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </label>
  );
}

/** A combobox over the values that occur. Enter adds what is typed, or the value that the arrow keys have reached. */
function Values(props: {
  name: string;
  others: readonly Filter[];
  values: readonly string[];
  typed: string;
  onTyped(text: string): void;
  onValues(values: readonly string[]): void;
}) {
  const { name, others, values, typed, onTyped, onValues } = props;
  const { view } = useScreen();
  const input = useRef<HTMLInputElement>(null);
  const [active, setActive] = useState(-1);
  const searched = usePause(typed.trim());
  const id = useId();
  useEffect(() => setActive(-1), [name, searched]);
  const filters = searched ? [...others, ["contains", name, [searched]]] : others;
  const query = { ...queryBase(view), filters, metrics: ["visitors"], dimensions: [name], pagination: { limit: SUGGESTIONS } };
  const result = useQuery(name === PROPERTY ? null : query);
  const options = (result.current ? (result.answer?.results ?? []) : []).map((row) => ({ value: row.dimensions[0] ?? "", visitors: row.metrics[0] }));
  const toggle = (value: string) => {
    onValues(values.includes(value) ? values.filter((other) => other !== value) : [...values, value]);
    onTyped("");
    input.current?.focus();
  };
  const keys = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && options.length) {
      event.preventDefault();
      const next = (active + step + options.length) % options.length;
      setActive(active < 0 && step < 0 ? options.length - 1 : next);
      document.getElementById(`${id}-${next}`)?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && (active >= 0 || typed.trim())) {
      // With neither, Enter submits the form.
      event.preventDefault();
      toggle(active >= 0 ? options[active]!.value : typed.trim());
    } else if (event.key === "Backspace" && !typed && values.length) {
      onValues(values.slice(0, -1));
    }
  };
  return (
    <div class="field">
      <label class="field">
        <span>{t.filters.values}</span>
        <input
          ref={input}
          autofocus
          role="combobox"
          aria-expanded={options.length > 0}
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={active >= 0 ? `${id}-${active}` : undefined}
          autocomplete="off"
          placeholder={t.filters.placeholder}
          value={typed}
          onInput={(event) => onTyped(event.currentTarget.value)}
          onKeyDown={keys}
        />
      </label>
      {values.length > 0 && (
        <ul class="chosen" aria-label={t.filters.chosen}>
          {values.map((value) => (
            <li key={value}>
              <button type="button" class="control" aria-label={t.filters.remove(valueLabel(name, value))} onClick={() => toggle(value)}>
                <span>{valueLabel(name, value)}</span>
                <Icon name="close" />
              </button>
            </li>
          ))}
        </ul>
      )}
      <div class="options" role="listbox" aria-multiselectable="true" aria-label={t.filters.occurring} aria-busy={result.loading} id={`${id}-list`}>
        {options.map(({ value, visitors }, index) => (
          <div
            role="option"
            key={value}
            id={`${id}-${index}`}
            aria-selected={values.includes(value)}
            class={index === active ? "active" : ""}
            title={value}
            onClick={() => toggle(value)}
          >
            <span>{valueLabel(name, value)}</span>
            <data value={String(visitors)}>{formatNumber(visitors, "count", true)}</data>
          </div>
        ))}
      </div>
      {name !== PROPERTY && result.current && !options.length && <p class="hint">{t.filters.unseen}</p>}
    </div>
  );
}

/** The text once it has not changed for a moment. */
function usePause(text: string): string {
  const [paused, setPaused] = useState(text);
  useEffect(() => {
    const timer = window.setTimeout(() => setPaused(text), PAUSE_MS);
    return () => window.clearTimeout(timer);
  }, [text]);
  return paused;
}
