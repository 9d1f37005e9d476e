// Keyboard shortcuts. They work everywhere except in fields and dialogs, and where a part handles the key itself.
import { NAMED } from "./periods";
import { t } from "./texts";

export interface Command {
  readonly name: "period" | "compare" | "filter" | "custom" | "help" | "earlier" | "later" | "clear" | "theme";
  readonly value: string;
}

const OTHERS: readonly (readonly [string, Command["name"], string])[] = [
  ["C", "custom", t.help.custom],
  ["←", "earlier", t.help.earlier],
  ["→", "later", t.help.later],
  ["X", "compare", t.help.compare],
  ["/", "filter", t.help.filter],
  ["Backspace", "clear", t.help.clear],
  ["S", "theme", t.help.theme],
  ["?", "help", t.help.list],
];
const KEY_OF: Readonly<Record<string, string>> = { ArrowLeft: "←", ArrowRight: "→" };

/** Each shortcut with its description. */
export const SHORTCUTS: readonly (readonly [string, string])[] = [
  ...[...NAMED.values()].map(({ key, label }) => [key, label] as const),
  ...OTHERS.map(([key, , label]) => [key, label] as const),
];

/** The command of a key; null if there is none, or if the focused element handles the key. */
export function commandOf(event: KeyboardEvent): Command | null {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return null;
  const target = event.target as HTMLElement;
  if (target.closest("input, select, textarea, dialog")) return null;
  const key = KEY_OF[event.key] ?? (event.key.length === 1 ? event.key.toUpperCase() : event.key);
  for (const period of NAMED.values()) if (period.key === key) return { name: "period", value: period.name };
  const other = OTHERS.find(([one]) => one === key);
  return other ? { name: other[1], value: "" } : null;
}
