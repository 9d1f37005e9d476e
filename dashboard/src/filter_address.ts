// Filters as parts of an address: `is,page,/cart,/bags`. A filter of another form than values of a dimension is JSON.
import { DIMENSIONS, PROPERTY } from "./metrics";
import type { Filter } from "./view";

const OPERATOR = /^(is|contains|matches)(_not)?$/;
const SCOPES = ["event:", "visit:"];

/** The filter as a text. */
export function filterText(filter: Filter): string {
  const [operator, name, values] = filter;
  const strings = (list: unknown): list is string[] => Array.isArray(list) && list.every((one) => typeof one === "string");
  if (typeof operator === "string" && OPERATOR.test(operator) && typeof name === "string" && filter.length === 3 && strings(values) && values.length) {
    return listText([operator, shortName(name), ...values]);
  }
  return JSON.stringify(filter);
}

/** The filter of a text; null if it is none. */
export function filterOf(text: string): Filter | null {
  if (text.startsWith("[")) {
    try {
      return JSON.parse(text) as Filter;
    } catch {
      return null;
    }
  }
  const [operator = "", name = "", ...values] = listOf(text);
  if (!OPERATOR.test(operator) || !name || !values.length) return null;
  return [operator, fullName(name), values];
}

/** A query's parameter, with the characters as they are that addresses may contain. */
export function parameter(name: string, value: string): string {
  return new URLSearchParams({ [name]: value }).toString().replace(/%(2F|3A|2C|40)/g, (code) => decodeURIComponent(code));
}

/** Texts with commas between them. */
export const listText = (texts: readonly string[]): string => texts.map(escaped).join(",");
/** The texts of such a list. */
export const listOf = (text: string): readonly string[] => (text ? text.split(",").map(unescaped) : []);

const escaped = (text: string): string => text.replaceAll("%", "%25").replaceAll(",", "%2C");
const unescaped = (text: string): string => text.replaceAll("%2C", ",").replaceAll("%25", "%");

function shortName(name: string): string {
  if (name.startsWith(PROPERTY)) return name.slice("event:".length);
  const short = name.replace(/^(event|visit):/, "");
  return fullName(short) === name ? short : name;
}

function fullName(short: string): string {
  if (short.startsWith("props:")) return `event:${short}`;
  const scope = SCOPES.find((prefix) => `${prefix}${short}` in DIMENSIONS);
  return scope ? `${scope}${short}` : short;
}
