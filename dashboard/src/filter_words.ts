// A filter in words.
import { valueLabel } from "./format";
import { dimensionLabel } from "./metrics";
import { t } from "./texts";
import { type Filter, asValueFilter } from "./view";

/** The words of a filter's chip. */
export function describe(filter: Filter): { subject: string; operator: string; values: string } {
  const { operators } = t.filters;
  const known = asValueFilter(filter);
  if (known) {
    const [operator, dimension, values] = known;
    const shown = values.map((value) => valueLabel(dimension, value)).join(` ${t.filters.or} `);
    return { subject: dimensionLabel(dimension), operator: operators[operator], values: shown };
  }
  if (filter[0] === "segment") return { subject: t.filters.segment, operator: operators.is, values: String(filter[1]) };
  if (filter[0] === "not" && Array.isArray(filter[1])) {
    const inner = describe(filter[1]);
    return { ...inner, operator: t.filters.not(inner.operator) };
  }
  const parts = groupOf(filter);
  return { subject: t.filters.filter, operator: operators.is, values: parts ? joinedWords(filter, parts) : JSON.stringify(filter) };
}

/** The filter as one phrase. */
export function filterInWords(filter: Filter): string {
  const parts = groupOf(filter);
  return parts ? joinedWords(filter, parts) : Object.values(describe(filter)).join(" ");
}

/** The parts of filters that are joined by "and" or "or"; null for any other. */
function groupOf([operator, parts]: Filter): readonly Filter[] | null {
  return (operator === "and" || operator === "or") && Array.isArray(parts) && parts.length > 0 && parts.every(Array.isArray) ? parts : null;
}

function joinedWords([operator]: Filter, parts: readonly Filter[]): string {
  const words = parts.map((part) => (groupOf(part) ? `(${filterInWords(part)})` : filterInWords(part)));
  return words.join(` ${operator === "or" ? t.filters.or : t.filters.and} `);
}
