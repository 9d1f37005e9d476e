// Where a visit came from: campaign parameters, click ids and a foreign referrer, by the names that events have.
import { settings } from "./settings";

export type Source = Record<string, string>;

/** The source of this page's arrival; undefined if nothing names one. */
export const arrival = (): Source | undefined => {
  let source: Source | undefined;
  for (const [name, value] of new URLSearchParams(location.search))
    if (/^utm_|clid$/.test(name)) (source ||= {})[name] = value;
  const host = referrerHost();
  if (host && !host.endsWith(settings.cookieDomain || location.host) && !isLinked(host)) (source ||= {}).referrer = document.referrer;
  return source;
};

export const referrerHost = (): string => {
  return document.referrer.split("/")[2];
};

/** Whether the host is not empty and not this page's. */
export const isForeign = (host: string): boolean | string => {
  return host && host != location.host;
};

/** Whether the host is another domain of the site, to which links carry the visitor. */
export const isLinked = (host: string): boolean | string | undefined => {
  return isForeign(host) && settings.linkDomains?.split(" ").includes(host);
};
