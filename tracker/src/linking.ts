// Links to the site's other domains carry the visitor, for two minutes and only with full consent.
import { mayKnow } from "./consent";
import { now } from "./guard";
import { isLinked, referrerHost } from "./source";
import { At, save, visitor } from "./visitor";

const FRESH_MS = 120_000;

/** Whether links to the host carry the visitor. */
export const mayCarry = (host: string): boolean | string | undefined => mayKnow() && isLinked(host);

/** The visitor as a parameter of a link. */
export const carried = (): string => `&_cs=${[now(), ...visitor(true).slice(At.Id, At.SeenAt)].join("*")}`;

/** Take over the visitor from a link of another domain, and remove it from the address. */
export const arrive = (): void => {
  const [parameter, fields] = location.search.match(/&_cs=([\w.*-]+)/) || [];
  if (!parameter) return;
  history.replaceState(history.state, "", location.href.replace(parameter, ""));
  const [at, ...visitorFields] = fields.split("*");
  // Anybody can write such a link. Only links from the site's own domains count.
  if (mayCarry(referrerHost()) && now() - +at < FRESH_MS) {
    Object.assign(visitor(), visitorFields);
    save();
  }
};
