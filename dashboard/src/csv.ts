// CSV files of tables for which the API has no report. The API's own follow the same rule and the same test cases.

/** Characters that start a formula in spreadsheets, with the full-width forms that some of them normalise. */
const FORMULA_STARTS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20";
const NEGATIVE = /^-[0-9]+(\.[0-9]+)?$/;

/** CSV by RFC 4180. A text that would start a formula gets a leading apostrophe. */
export function csvOf(header: readonly string[], rows: readonly (readonly (string | number | null)[])[]): Blob {
  const lines = [header, ...rows].map((row) => row.map(cell).join(","));
  return new Blob([`${lines.join("\r\n")}\r\n`], { type: "text/csv;charset=utf-8" });
}

function cell(value: string | number | null): string {
  if (value === null) return "";
  const text = typeof value === "string" && isFormula(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const isFormula = (text: string) => text !== "" && FORMULA_STARTS.includes(text[0] ?? "") && !NEGATIVE.test(text);

/** Download the file. */
export function save(file: Blob, name: string): void {
  const address = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
