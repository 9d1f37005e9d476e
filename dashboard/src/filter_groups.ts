// Filters joined by "or", as the screen shows and changes them.
import type { Filter } from "./view";

/** A filter of the view, or a part of one whose parts are joined by "or". */
export interface Place {
  readonly at: number;
  readonly part: number;
}

/** The parts of a filter that are joined by "or"; the filter alone if it is no such group. */
export function partsOf(filter: Filter): readonly Filter[] {
  const [operator, parts] = filter;
  const isGroup = operator === "or" && filter.length === 2 && Array.isArray(parts) && parts.length > 0 && parts.every(Array.isArray);
  return isGroup ? (parts as readonly Filter[]) : [filter];
}

function anyOf(parts: readonly Filter[]): readonly Filter[] {
  return parts.length > 1 ? [["or", parts]] : parts;
}

/** The filters with the part changed, or removed for null. */
export function withPart(filters: readonly Filter[], { at, part }: Place, changed: Filter | null): readonly Filter[] {
  return filters.flatMap((filter, index) => {
    if (index !== at) return [filter];
    return anyOf(partsOf(filter).flatMap((other, place) => (place !== part ? [other] : changed ? [changed] : [])));
  });
}

/** The filters with the one at this place and the next one joined by "or". */
export function joined(filters: readonly Filter[], at: number): readonly Filter[] {
  const both = filters.slice(at, at + 2).flatMap(partsOf);
  return [...filters.slice(0, at), ...anyOf(both), ...filters.slice(at + 2)];
}

/** The filters with a group divided into two, of which both must hold, after the part. */
export function divided(filters: readonly Filter[], { at, part }: Place): readonly Filter[] {
  const parts = partsOf(filters[at]!);
  const two = [parts.slice(0, part + 1), parts.slice(part + 1)].flatMap(anyOf);
  return [...filters.slice(0, at), ...two, ...filters.slice(at + 1)];
}
