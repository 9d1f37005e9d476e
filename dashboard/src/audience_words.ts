// The condition of an audience in words.
import type { Audience, Condition, Events, Steps } from "./api";
import { filterInWords } from "./filter_words";
import { t } from "./texts";

/** What the members of an audience have in common. */
export function inWords({ of, where, stay, pause, grace }: Audience): string {
  const words = t.audiences.definitions;
  const lasting = [
    stay === undefined ? "" : words.stay(lengthInWords(stay)),
    pause === undefined ? "" : words.pause(lengthInWords(pause)),
    grace === undefined ? "" : words.grace(lengthInWords(grace)),
  ];
  return words.who(of === "everyone" ? words.everyone : words.known, conditionInWords(where, false)) + lasting.join("");
}

function conditionInWords(condition: Condition, isPart: boolean): string {
  const words = t.audiences.definitions;
  const joined = (parts: readonly Condition[], word: string): string => {
    const text = parts.map((part) => conditionInWords(part, parts.length > 1)).join(word);
    return isPart && parts.length > 1 ? `(${text})` : text;
  };
  if ("all" in condition) return joined(condition.all, words.all);
  if ("any" in condition) return joined(condition.any, words.any);
  if ("not" in condition) return words.not(conditionInWords(condition.not, false));
  if ("in" in condition) return words.in(condition.in);
  if ("trait" in condition) {
    const { name, is = [], in_next: ahead } = condition.trait;
    if (ahead !== undefined) return words.inNext(name, lengthInWords(ahead));
    return is.length ? words.is(name, is.join(words.any)) : words.has(name);
  }
  if ("field" in condition) {
    const { name, is = [], at_least: least, at_most: most } = condition.field;
    return is.length ? words.is(name, is.join(words.any)) : words.between(name, least === undefined ? null : String(least), most === undefined ? null : String(most));
  }
  if ("score" in condition) return words.between(condition.score.name, String(condition.score.at_least), null);
  const within = lengthInWords(condition.within);
  if ("did_not" in condition) return words.didNot(eventsInWords(condition.did_not), within);
  if ("sum" in condition) return words.sum(condition.sum.property, eventsInWords(condition.sum), String(condition.at_least), within);
  if ("sequence" in condition) return words.sequence(stepsInWords(condition.sequence), within);
  const { at_least: least = 1, at_most: most } = condition.times ?? {};
  const times = least === 1 && most === undefined ? "" : words.times(String(least), most === undefined ? null : String(most));
  return words.did(eventsInWords(condition.did), times, within);
}

function stepsInWords({ steps, window, order, exclude = [] }: Steps): string {
  const words = t.audiences.definitions;
  const excluded = exclude.map((events) => eventsInWords(events) + (events.after === undefined ? "" : words.after(String(events.after))));
  return [
    steps.map(eventsInWords).join(words.then),
    window === undefined ? "" : words.window(lengthInWords(window)),
    order === "strict" ? words.strict : "",
    excluded.length ? words.without(excluded.join(words.any)) : "",
  ].join("");
}

function eventsInWords({ goal, event, page, filters = [] }: Events): string {
  const words = t.audiences.definitions;
  const named = goal !== undefined ? words.goal(goal) : event !== undefined ? words.event(event) : page !== undefined ? words.page(page) : words.anything;
  const conditions = filters.map(filterInWords);
  return conditions.length ? named + words.where(conditions.join(words.all)) : named;
}

/** A length of time such as `7d`. */
function lengthInWords(length: string): string {
  const units: Readonly<Record<string, string>> = t.audiences.definitions.units;
  const [, number = length, unit = ""] = /^(\d+)([smhd])$/.exec(length) ?? [];
  return [number, units[unit]].filter(Boolean).join(" ");
}
