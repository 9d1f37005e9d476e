// The page that events are of, and the one that led to it.
import { settings } from "./settings";

export let url: string;
export let referrer: string;

export function place(next: string, from: string): void {
  url = next;
  referrer = from;
}

/** The page's address; where routes stand in the fragment, as though the fragment were a path. */
export function address(): string {
  const [plain] = location.href.split("#");
  return settings.hash ? plain.replace(/\/?(\?|$)/, location.hash.replace(/^#?[!/]*/, "/") + "$1") : plain;
}
