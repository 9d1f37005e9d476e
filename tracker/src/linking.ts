// Links to the site's other domains carry the visitor, for two minutes and only with full consent.
import { mayKnow } from "./consent";
import { now } from "./guard";
import { isLinked, referrerHost } from "./source";
import { save, visitor } from "./visitor";

const FRESH_MS = 120_000;

export function decorate(link: HTMLAnchorElement): void {
  if (mayKnow() && isLinked(link.host)) link.search += `&_cs=${[now(), ...visitor().slice(0, 3)].join("*")}`;
}

/** Take over the visitor that a link of another domain carried here, and clean the address. */
export function arrive(): void {
  const [parameter, carried] = location.search.match(/&_cs=([\w.*-]+)/) || [];
  if (!parameter) return;
  history.replaceState(history.state, "", location.href.replace(parameter, ""));
  const [at, ...who] = carried.split("*");
  // Anybody can write such a link; only those of the site's own pages count.
  if (mayKnow() && isLinked(referrerHost()) && now() - +at < FRESH_MS) {
    Object.assign(visitor(), who);
    save();
  }
}
