// Access to the cells of a report by column name.
import type { Report } from "./api";

export class Records {
  readonly #columns: ReadonlyMap<string, number>;

  constructor(readonly report: Report) {
    this.#columns = new Map(report.columns.map(({ name }, index) => [name, index]));
  }

  get rows(): readonly (readonly unknown[])[] {
    return this.report.rows;
  }

  /** The cell as a number; null if it is empty. */
  number(row: readonly unknown[], column: string): number | null {
    const value = row[this.#columns.get(column) ?? -1];
    return value === null || value === undefined ? null : Number(value);
  }

  value(row: readonly unknown[], column: string): unknown {
    return row[this.#columns.get(column) ?? -1];
  }

  /** Whether the cell is true. */
  is(row: readonly unknown[], column: string): boolean {
    return this.value(row, column) === true;
  }

  text(row: readonly unknown[], column: string): string {
    const value = row[this.#columns.get(column) ?? -1];
    return value === null || value === undefined ? "" : String(value);
  }

  /** A cell that is a list of texts. */
  texts(row: readonly unknown[], column: string): readonly string[] {
    const value = row[this.#columns.get(column) ?? -1];
    return Array.isArray(value) ? value.map(String) : [];
  }
}
