// A filter in words.
import { valueLabel } from "./format";
import { dimensionLabel } from "./metrics";
import { t } from "./texts";
import { type Filter, asValueFilter } from "./view";

export function describe(filter: Filter): { subject: string; operator: string; values: string } {
  const { operators } = t.filters;
  const known = asValueFilter(filter);
  if (known) {
    const [operator, dimension, values] = known;
    const shown = values.map((value) => valueLabel(dimension, value)).join(t.filters.or);
    return { subject: dimensionLabel(dimension), operator: operators[operator], values: shown };
  }
  if (filter[0] === "segment") return { subject: t.filters.segment, operator: operators.is, values: String(filter[1]) };
  if (filter[0] === "not" && Array.isArray(filter[1])) {
    const inner = describe(filter[1]);
    return { ...inner, operator: t.filters.not(inner.operator) };
  }
  return { subject: t.filters.filter, operator: operators.is, values: JSON.stringify(filter) };
}
