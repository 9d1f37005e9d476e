// The active filters, each of which can be changed, inverted or removed.
import { useState } from "preact/hooks";
import { useScreen } from "./use_api";
import { FilterDialog } from "./filter_dialog";
import { describe } from "./filter_words";
import { t } from "./texts";
import { Icon } from "./ui";
import { type Filter, asValueFilter, negated } from "./view";

export function Filters() {
  const { view, go } = useScreen();
  const [edited, setEdited] = useState<number | null>(null);
  if (!view.filters.length) return null;
  const replaced = (at: number, filter: Filter | null) =>
    go({ filters: view.filters.flatMap((other, index) => (index !== at ? [other] : filter ? [filter] : [])) });
  return (
    <>
      <ul class="filters" aria-label={t.filters.label} data-testid="filters">
        {view.filters.map((filter, index) => {
          const { subject, operator, values } = describe(filter);
          const words = `${subject} ${operator} ${values}`;
          return (
            <li class="chip" key={JSON.stringify(filter)}>
              <span>{subject}</span>
              <button
                type="button"
                class="operator"
                title={t.filters.invert}
                aria-label={t.filters.inverts(words)}
                onClick={() => replaced(index, negated(filter))}
              >
                {operator}
              </button>
              {asValueFilter(filter) ? (
                <button type="button" class="edit" aria-label={t.filters.changes(words)} onClick={() => setEdited(index)}>
                  <strong title={values}>{values}</strong>
                </button>
              ) : (
                <strong title={values}>{values}</strong>
              )}
              <button
                type="button"
                class="remove"
                aria-label={t.filters.removes(words)}
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
              {t.filters.clear}
            </button>
          </li>
        )}
      </ul>
      {edited !== null && view.filters[edited] && <FilterDialog edited={edited} onClose={() => setEdited(null)} />}
    </>
  );
}
