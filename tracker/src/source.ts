// Where a visit came from: campaign parameters, click ids and a foreign referrer, by the names that events have.
import { settings } from "./settings";

export type Source = Record<string, string | number>;

/** Of this page's arrival; undefined where nothing says it. */
export function arrival(): Source | undefined {
  let source: Source | undefined;
  const add = (name: string, value: string) => {
    (source ||= { landing: location.pathname, arrived_at: Date.now() })[name] = value;
  };
  new URLSearchParams(location.search).forEach((value, name) => {
    if (/^utm_|clid$/.test(name)) add(name, value);
  });
  const { referrer } = document;
  const host = referrer.split("/")[2];
  if (host && !host.endsWith(settings.cookieDomain || location.host) && !isLinked(host)) add("referrer", referrer);
  return source;
}

/** Whether the host is another one of the site's own, to which links carry the visitor. */
export function isLinked(host: string): boolean {
  return !!host && host != location.host && (settings.linkDomains || "").split(" ").includes(host);
}
