// The site's settings: the data- attributes of the tag, by the names of `dataset`.

export type Consent = "denied" | "anonymous" | "full";

export interface Settings {
  /** The site's public write key. */
  site: string;
  /** Where events go, such as https://APP/api/events. The tag's default is beside the script. */
  endpoint?: string;
  /** The consent until the visitor chooses. Only with "full", or without this setting, is the visitor stored. */
  consent?: Consent;
  /** The upper bound of consent for browsers that send Sec-GPC or DNT. The default is "anonymous"; "ignore" is no bound. */
  signals?: Consent | "ignore";
  /** Automatic events to switch off, by name (page_view, page_ping, ...), and `routes` for route changes. */
  off?: string;
  /** Whether the page's route is in the fragment. */
  hash?: string | boolean;
  /** Stores the visitor in a cookie of this domain, which its subdomains share. */
  cookieDomain?: string;
  /** Hosts, separated by spaces, to which links carry the visitor. */
  linkDomains?: string;
  /** "include" to identify the visitor by the collector's own cookie. */
  credentials?: RequestCredentials;
  /** Whether pages of this machine are measured, too: those of localhost, and files. */
  localhost?: string | boolean;
}

export const settings = {} as Settings;
/** Called once, at the start. */
export const configure = (chosen: Settings): void => {
  Object.assign(settings, chosen);
};

/** Whether an automatic event is switched off. */
export const isOff = (what: string): boolean | undefined => {
  return settings.off?.includes(what);
};
