// A table of values with their numbers. A bar behind each value shows the size of its first number.
import type { ComponentChildren } from "preact";
import { t } from "./texts";

export interface ValueColumn {
  /** What the rows are sorted by. */
  readonly name?: string;
  readonly label: string;
  /** For a narrow column, in place of the label. */
  readonly heading?: string;
}

export interface ValueRow {
  readonly value: string;
  readonly label: string;
  /** Stands before the label, without being read out. */
  readonly mark?: ComponentChildren;
  /** The number that the bar shows. */
  readonly size: number;
  readonly cells: readonly ComponentChildren[];
}

/** How the rows are sorted, and what a click on a column's heading does. */
export interface Sorting {
  readonly by: string;
  readonly descending: boolean;
  /** The name of the first column, unless its values cannot be sorted as they are read. */
  readonly first?: string | undefined;
  onSort(by: string): void;
}

export function ValueTable(props: {
  heading: string;
  columns: readonly ValueColumn[];
  rows: readonly ValueRow[];
  /** What a click on a value does, for screen readers; by default it filters. */
  action?: (label: string) => string;
  /** Makes each value a button. */
  onChoose?: (value: string, event: MouseEvent) => void;
  sorting?: Sorting | undefined;
}) {
  const { heading, columns, rows, onChoose, action, sorting } = props;
  const largest = Math.max(...rows.map(({ size }) => size), 1);
  return (
    <table class="values">
      <thead>
        <tr>
          <Heading name={sorting?.first} sorting={sorting}>
            {heading}
          </Heading>
          {columns.map(({ name, label, heading: short = label }) => (
            <Heading key={label} name={name} number sorting={sorting}>
              {short === label ? label : <abbr title={label}>{short}</abbr>}
            </Heading>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(({ value, label, mark, size, cells }) => (
          <tr key={value} data-testid="row" data-value={value}>
            <th scope="row">
              <span class="bar" style={{ width: `${(size / largest) * 100}%` }} />
              {onChoose ? (
                <button
                  type="button"
                  title={value}
                  aria-label={action ? action(label) : t.panel.filterBy(heading, label)}
                  onClick={(event) => onChoose(value, event)}
                >
                  {mark}
                  {label}
                </button>
              ) : (
                <span class="plain-value">
                  {mark}
                  {label}
                </span>
              )}
            </th>
            {cells.map((cell, index) => (
              <td class="number" key={index}>
                {cell}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The heading of a column; a button, if the rows can be sorted by it. */
function Heading(props: { name?: string | undefined; number?: boolean; sorting?: Sorting | undefined; children: ComponentChildren }) {
  const { name, sorting, children } = props;
  const chosen = name !== undefined && sorting?.by === name;
  return (
    <th
      scope="col"
      class={props.number ? "number" : ""}
      aria-sort={chosen ? (sorting.descending ? "descending" : "ascending") : undefined}
    >
      {sorting && name !== undefined ? (
        <button type="button" class="sort" onClick={() => sorting.onSort(name)}>
          {children}
        </button>
      ) : (
        children
      )}
    </th>
  );
}
