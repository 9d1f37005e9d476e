// Where a visit came from: campaign parameters, click ids and a foreign referrer, by the names that events have.
import { settings } from "./settings";

export type Source = Record<string, string>;

/** Of this page's arrival; undefined where nothing says it. */
export function arrival(): Source | undefined {
  let source: Source | undefined;
  for (const [name, value] of new URLSearchParams(location.search))
    if (/^utm_|clid$/.test(name)) (source ||= {})[name] = value;
  const host = referrerHost();
  if (host && !host.endsWith(settings.cookieDomain || location.host) && !isLinked(host)) (source ||= {}).referrer = document.referrer;
  return source;
}

export function referrerHost(): string {
  return document.referrer.split("/")[2];
}

/** Whether the host is one, and not this page's. */
export function isForeign(host: string): boolean | string {
  return host && host != location.host;
}

/** Whether the host is another one of the site's own, to which links carry the visitor. */
export function isLinked(host: string): boolean | string | undefined {
  return isForeign(host) && settings.linkDomains?.split(" ").includes(host);
}
