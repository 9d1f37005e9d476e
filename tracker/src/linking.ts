// Links to the site's other domains carry the visitor, for two minutes and only with full consent.
import { mayKnow } from "./consent";
import { isLinked } from "./source";
import { save, visitor } from "./visitor";

const FRESH_MS = 120_000;

export function decorate(link: HTMLAnchorElement): void {
  if (mayKnow() && isLinked(link.host))
    link.search += `&_cs=${[...visitor().slice(0, 3), Date.now()].join(".")}`;
}

/** Take over the visitor that a link carried here, and clean the address. */
export function arrive(): void {
  const [parameter, id, session, index, at] =
    location.search.match(/&_cs=([\w-]+)\.([\w-]+)\.(\d+)\.(\d+)/) || [];
  if (!parameter) return;
  history.replaceState(history.state, "", location.href.replace(parameter, ""));
  if (mayKnow() && Date.now() - +at < FRESH_MS) {
    const known = visitor();
    known[0] = id;
    known[1] = session;
    known[2] = +index;
    save(known);
  }
}
