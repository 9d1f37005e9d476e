// Links to the site's other domains carry the visitor, for two minutes and only with full consent.
import { mayKnow } from "./consent";
import { now } from "./guard";
import { isLinked, referrerHost } from "./source";
import { At, save, visitor } from "./visitor";

const FRESH_MS = 120_000;

export const decorate = (link: HTMLAnchorElement): void => {
  if (mayKnow() && isLinked(link.host)) link.search += `&_cs=${[now(), ...visitor(true).slice(At.Id, At.SeenAt)].join("*")}`;
};

/** Take over the visitor from a link of another domain, and remove it from the address. */
export const arrive = (): void => {
  const [parameter, carried] = location.search.match(/&_cs=([\w.*-]+)/) || [];
  if (!parameter) return;
  history.replaceState(history.state, "", location.href.replace(parameter, ""));
  const [at, ...visitorFields] = carried.split("*");
  // Anybody can write such a link. Only links from the site's own domains count.
  if (mayKnow() && isLinked(referrerHost()) && now() - +at < FRESH_MS) {
    Object.assign(visitor(), visitorFields);
    save();
  }
};
