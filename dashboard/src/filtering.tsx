// The filters in force, each to be turned round or removed, and the dialog that makes one by hand.
import { useState } from "preact/hooks";
import { queryBase, useScreen } from "./asking";
import { valueLabel } from "./format";
import { useQuery } from "./headline";
import { DIMENSIONS, PROPERTY, dimensionLabel } from "./metrics";
import { Dialog, Icon } from "./parts";
import { type Comparator, type Filter, asValueFilter, negated, withFilter } from "./view";

const OPERATORS: Record<Comparator, string> = {
  is: "is",
  is_not: "is not",
  contains: "contains",
  contains_not: "does not contain",
  matches: "matches",
  matches_not: "does not match",
};
const SUGGESTIONS = 50;

/** The filter in words. */
export function described(filter: Filter): { subject: string; operator: string; values: string } {
  const known = asValueFilter(filter);
  if (known) {
    const [operator, dimension, values] = known;
    const shown = values.map((value) => valueLabel(dimension, value)).join(" or ");
    return { subject: dimensionLabel(dimension), operator: OPERATORS[operator], values: shown };
  }
  if (filter[0] === "segment") return { subject: "Segment", operator: "is", values: String(filter[1]) };
  if (filter[0] === "not" && Array.isArray(filter[1])) {
    const inner = described(filter[1]);
    return { ...inner, operator: `not: ${inner.operator}` };
  }
  return { subject: "Filter", operator: "is", values: JSON.stringify(filter) };
}

export function Filters() {
  const { view, go } = useScreen();
  if (!view.filters.length) return null;
  const replaced = (at: number, filter: Filter | null) =>
    go({ filters: view.filters.flatMap((other, index) => (index !== at ? [other] : filter ? [filter] : [])) });
  return (
    <ul class="filters" aria-label="Filters" data-testid="filters">
      {view.filters.map((filter, index) => {
        const { subject, operator, values } = described(filter);
        return (
          <li class="chip" key={JSON.stringify(filter)}>
            <span>{subject}</span>
            <button
              type="button"
              class="operator"
              title="Turn round"
              aria-label={`${subject} ${operator} ${values}: turn round`}
              onClick={() => replaced(index, negated(filter))}
            >
              {operator}
            </button>
            <strong title={values}>{values}</strong>
            <button
              type="button"
              class="remove"
              aria-label={`Remove filter ${subject} ${operator} ${values}`}
              onClick={() => replaced(index, null)}
            >
              <Icon name="close" />
            </button>
          </li>
        );
      })}
      {view.filters.length > 1 && (
        <li>
          <button type="button" class="quiet" onClick={() => go({ filters: [] })}>
            Clear all
          </button>
        </li>
      )}
    </ul>
  );
}

export function FilterDialog({ onClose }: { onClose(): void }) {
  const { view, site, go } = useScreen();
  const [dimension, setDimension] = useState("event:page");
  const [property, setProperty] = useState("");
  const [operator, setOperator] = useState<Comparator>("is");
  const [value, setValue] = useState("");
  const name = dimension === PROPERTY ? PROPERTY + property : dimension;
  const suggested = useQuery(
    name === PROPERTY
      ? null
      : { ...queryBase(view), metrics: ["visitors"], dimensions: [name], pagination: { limit: SUGGESTIONS } },
  );
  const submit = (event: Event) => {
    event.preventDefault();
    go({ filters: withFilter(view.filters, [operator, name, [value]]) });
    onClose();
  };
  const segment = (chosen: string) => {
    go({ filters: [...view.filters, ["segment", chosen]] });
    onClose();
  };
  return (
    <Dialog title="Add a filter" testid="filter-dialog" onClose={onClose}>
      <form class="form" onSubmit={submit}>
        <label class="field">
          <span>What</span>
          <select autofocus value={dimension} onChange={(event) => setDimension(event.currentTarget.value)}>
            {Object.entries(DIMENSIONS).map(([id, label]) => (
              <option key={id} value={id}>
                {label}
              </option>
            ))}
            <option value={PROPERTY}>Property</option>
          </select>
        </label>
        {dimension === PROPERTY && (
          <label class="field">
            <span>Property's name</span>
            <input required value={property} onChange={(event) => setProperty(event.currentTarget.value.trim())} />
          </label>
        )}
        <label class="field">
          <span>How</span>
          <select value={operator} onChange={(event) => setOperator(event.currentTarget.value as Comparator)}>
            {Object.entries(OPERATORS).map(([id, label]) => (
              <option key={id} value={id}>
                {label}
              </option>
            ))}
          </select>
        </label>
        <label class="field">
          <span>Value</span>
          <input required list="suggested" value={value} onInput={(event) => setValue(event.currentTarget.value)} />
        </label>
        <datalist id="suggested">
          {suggested.answer?.results.map((row) => (
            <option key={row.dimensions[0]} value={row.dimensions[0]} />
          ))}
        </datalist>
        <button type="submit" class="primary">
          Add filter
        </button>
      </form>
      {site.segments.length > 0 && (
        <section class="segments">
          <h3>Segments</h3>
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
