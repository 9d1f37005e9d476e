// The active filters, each of which can be changed, inverted, removed, or joined with the next one by "or".
import { useState } from "preact/hooks";
import { FilterDialog } from "./filter_dialog";
import { type Place, divided, joined, partsOf, withPart } from "./filter_groups";
import { describe, filterInWords } from "./filter_words";
import { SaveDialog } from "./save_dialog";
import { t } from "./texts";
import { Icon } from "./ui";
import { useScreen } from "./use_api";
import { type Filter, asValueFilter, negated } from "./view";

export function Filters() {
  const { view, site, go } = useScreen();
  const { filters } = view;
  const [edited, setEdited] = useState<Place | null>(null);
  const [saved, setSaved] = useState<"segments" | "goals" | null>(null);
  const goal = goalOf(filters);
  if (!filters.length) return null;
  const change = (place: Place, filter: Filter | null) => go({ filters: withPart(filters, place, filter) });
  const changed = edited && partsOf(filters[edited.at] ?? [])[edited.part];
  return (
    <>
      <ul class="filters" aria-label={t.filters.label} data-testid="filters">
        {filters.flatMap((filter, at) =>
          partsOf(filter).flatMap((one, part, parts) => {
            const place = { at, part };
            const isLast = part === parts.length - 1;
            const chip = (
              <Chip
                key={JSON.stringify([at, part, one])}
                filter={one}
                onChange={(next) => change(place, next)}
                onEdit={() => setEdited(place)}
              />
            );
            if (isLast && at === filters.length - 1) return [chip];
            const next = isLast ? joined(filters, at) : divided(filters, place);
            return [chip, <Joint key={`${at} ${part}`} isAnd={isLast} onChange={() => go({ filters: next })} />];
          }),
        )}
        {filters.length > 1 && (
          <li>
            <button type="button" class="quiet" onClick={() => go({ filters: [] })}>
              {t.filters.clear}
            </button>
          </li>
        )}
        {site.key_kind === "read" && (
          <li>
            <button type="button" class="quiet" onClick={() => setSaved("segments")}>
              {t.saving.titles.segments}
            </button>
            {goal && (
              <button type="button" class="quiet" onClick={() => setSaved("goals")}>
                {t.saving.titles.goals}
              </button>
            )}
          </li>
        )}
      </ul>
      {saved && <SaveDialog kind={saved} definition={saved === "goals" ? goal! : { filters }} onClose={() => setSaved(null)} />}
      {edited && changed?.length && (
        <FilterDialog
          before={changed}
          others={filters.filter((_, at) => at !== edited.at)}
          onFilter={(filter) => change(edited, filter)}
          onClose={() => setEdited(null)}
        />
      )}
    </>
  );
}

const KINDS_OF_GOAL: Readonly<Record<string, string>> = { "event:name": "event", "event:page": "page" };

/** The goal that one event or one page with its further filters is; null if there is no such filter, or several. */
export function goalOf(filters: readonly Filter[]): Readonly<Record<string, unknown>> | null {
  const kindOf = (filter: Filter): string | undefined => {
    const known = asValueFilter(filter);
    return known?.[0] === "is" && known[2].length === 1 ? KINDS_OF_GOAL[known[1]] : undefined;
  };
  const [one, ...more] = filters.filter(kindOf);
  if (!one || more.length) return null;
  const others = filters.filter((filter) => filter !== one);
  return { [kindOf(one)!]: asValueFilter(one)![2][0], ...(others.length ? { filters: others } : {}) };
}

function Chip({ filter, onChange, onEdit }: { filter: Filter; onChange(filter: Filter | null): void; onEdit(): void }) {
  const { subject, operator, values } = describe(filter);
  const words = filterInWords(filter);
  return (
    <li class="chip">
      <span>{subject}</span>
      <button type="button" class="operator" title={t.filters.invert} aria-label={t.filters.inverts(words)} onClick={() => onChange(negated(filter))}>
        {operator}
      </button>
      {asValueFilter(filter) ? (
        <button type="button" class="edit" aria-label={t.filters.changes(words)} onClick={onEdit}>
          <strong title={values}>{values}</strong>
        </button>
      ) : (
        <strong title={values}>{values}</strong>
      )}
      <button type="button" class="remove" aria-label={t.filters.removes(words)} onClick={() => onChange(null)}>
        <Icon name="close" />
      </button>
    </li>
  );
}

/** Whether both neighbours must hold, or any; a click changes it. */
function Joint({ isAnd, onChange }: { isAnd: boolean; onChange(): void }) {
  return (
    <li class="joint">
      <button type="button" class="quiet" title={isAnd ? t.filters.join : t.filters.divide} data-joint={isAnd ? "and" : "or"} onClick={onChange}>
        {isAnd ? t.filters.and : t.filters.or}
      </button>
    </li>
  );
}
