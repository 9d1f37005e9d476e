// What the address says about the list of people: search, traits, order, columns and place in the list.
import { listOf, listText } from "./filter_address";
import type { Person } from "./texts";

/** The columns of the report by which it can be ordered, the greatest first. */
export const ORDERS = ["last_seen_at", "first_seen_at", "visits", "acts", "orders"] as const;
export type Order = (typeof ORDERS)[number];

/** A column of `profiles`, or the name of a trait after `traits.`. */
export type PeopleColumn = keyof Person | `traits.${string}`;
const TRAIT = "traits.";
const FIRST_COLUMNS: readonly PeopleColumn[] = ["last_seen_at", "first_seen_at", "visits", "orders", "revenue", "first_source", "device_class", "country"];

export interface PeopleChoices {
  readonly search: string;
  /** Names and values that people must have. */
  readonly traits: readonly (readonly [name: string, value: string])[];
  /** Whether devices on which nobody was seen are listed, too. */
  readonly everybody: boolean;
  readonly order: Order;
  readonly columns: readonly PeopleColumn[];
  readonly offset: number;
}

/** The trait that a column shows; null for a column of `profiles`. */
export const traitOf = (column: PeopleColumn): string | null => (column.startsWith(TRAIT) ? column.slice(TRAIT.length) : null);
export const traitColumn = (name: string): PeopleColumn => `${TRAIT}${name}` as PeopleColumn;

/** Parts of the address that cannot be read get their defaults. `fields` are the columns of `profiles`. */
export function choicesIn(choices: Readonly<Record<string, string>>, fields: readonly string[]): PeopleChoices {
  const pairs = listOf(choices["traits"] ?? "");
  const columns = listOf(choices["columns"] ?? "").filter((name) => fields.includes(name) || name.startsWith(TRAIT)) as PeopleColumn[];
  return {
    search: choices["search"] ?? "",
    traits: pairs.flatMap((name, at) => (at % 2 === 0 && at + 1 < pairs.length ? [[name, pairs[at + 1]!] as const] : [])),
    everybody: choices["everybody"] === "yes",
    order: ORDERS.find((name) => name === choices["order"]) ?? ORDERS[0],
    columns: columns.length ? [...new Set(columns)] : FIRST_COLUMNS,
    offset: Math.max(0, Math.floor(Number(choices["offset"]) || 0)),
  };
}

/** The choices as the address has them; defaults are empty. */
export function choicesAsText(choices: PeopleChoices): Record<string, string> {
  const columns = listText(choices.columns);
  return {
    search: choices.search,
    traits: listText(choices.traits.flat()),
    everybody: choices.everybody ? "yes" : "",
    order: choices.order === ORDERS[0] ? "" : choices.order,
    columns: columns === listText(FIRST_COLUMNS) ? "" : columns,
    offset: choices.offset ? String(choices.offset) : "",
  };
}

/** The parameters of the report `people`, without those of the page. */
export function peopleParameters(site: string, { search, traits, everybody, order }: PeopleChoices): Record<string, string> {
  return {
    site_id: site,
    order,
    ...(search ? { search } : {}),
    ...(traits.length ? { traits: JSON.stringify(Object.fromEntries(traits)) } : {}),
    ...(everybody ? { known: "0" } : {}),
  };
}
