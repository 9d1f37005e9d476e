// A table of values with their numbers. A bar behind each value shows the size of its first number.
import type { ComponentChildren } from "preact";
import { t } from "./texts";

export interface ValueColumn {
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

export function ValueTable(props: {
  heading: string;
  columns: readonly ValueColumn[];
  rows: readonly ValueRow[];
  /** What a click on a value does, for screen readers; by default it filters. */
  action?: (label: string) => string;
  /** Makes each value a button. */
  onChoose?: (value: string, event: MouseEvent) => void;
}) {
  const { heading, columns, rows, onChoose, action } = props;
  const largest = Math.max(...rows.map(({ size }) => size), 1);
  return (
    <table class="values">
      <thead>
        <tr>
          <th scope="col">{heading}</th>
          {columns.map(({ label, heading: short = label }) => (
            <th scope="col" class="number" key={label}>
              {short === label ? label : <abbr title={label}>{short}</abbr>}
            </th>
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
