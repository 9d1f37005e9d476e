// Numbers by weekday and hour, added up from numbers by hour.
import type { Answer } from "./api";

export const DAYS = 7;
export const HOURS = 24;

/** For each weekday, Monday first, and each hour the sum of the first metric. Labels are moments by the site's clock. */
export function weekHours(answer: Answer): readonly (readonly number[])[] {
  const sums = Array.from({ length: DAYS }, () => Array<number>(HOURS).fill(0));
  for (const { dimensions: [label = ""], metrics: [value] } of answer.results) {
    const weekday = (new Date(`${label.slice(0, 10)}T00:00:00Z`).getUTCDay() + DAYS - 1) % DAYS;
    const hour = Number(label.slice(11, 13));
    if (sums[weekday]?.[hour] !== undefined) sums[weekday][hour]! += value ?? 0;
  }
  return sums;
}
