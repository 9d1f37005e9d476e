// Values of people: fields of `profiles` by their kind, and traits as the site sent them.
import { NOTHING, formatNumber, valueLabel } from "./format";
import { Mark } from "./marks";
import { Moment } from "./moment";
import { type Person, t } from "./texts";

const LABELLED: Readonly<Record<string, string>> = { country: "visit:country", device_class: "visit:device" };

/** The label of a column of `profiles`; any other name as it is. */
export const fieldLabel = (name: string): string => (Object.hasOwn(t.people.fields, name) ? t.people.fields[name as keyof Person] : name);

export function FieldValue({ name, value }: { name: string; value: unknown }) {
  if (value === null || value === undefined || value === "") return <span class="nothing">{NOTHING}</span>;
  if (name.endsWith("_at")) return <Moment text={String(value)} />;
  if (name === "revenue") return <>{amountsIn(value) || <span class="nothing">{NOTHING}</span>}</>;
  if (typeof value === "boolean") return <>{value ? t.units.yes : t.units.no}</>;
  if (typeof value === "number") return <data value={String(value)}>{formatNumber(value, "count")}</data>;
  const dimension = LABELLED[name];
  if (!dimension) return <>{String(value)}</>;
  return (
    <>
      <Mark dimension={dimension} value={String(value)} />
      {valueLabel(dimension, String(value))}
    </>
  );
}

/** Amounts by currency, such as `{"EUR": "12.5000"}`. */
export function amountsIn(value: unknown): string {
  if (typeof value !== "object" || value === null) return "";
  return Object.entries(value)
    .map(([currency, amount]) => {
      const isCode = /^[A-Z]{3}$/.test(currency);
      return formatNumber(Number(amount), isCode ? `money ${currency}` : "money") + (isCode ? "" : ` ${currency}`);
    })
    .join(", ");
}

/** A trait, or a property, as a text. */
export const plainText = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/** What a JSON text says; null if it is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The members of a JSON object in a text; none if it is no object. */
export function membersIn(text: string): Readonly<Record<string, unknown>> {
  const value = parsed(text || "{}");
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
