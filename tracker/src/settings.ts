// What a site chose: the data- attributes of its tag, by the names the browser gives them.

export type Consent = "denied" | "anonymous" | "full";

export interface Settings {
  /** The site's public write key. */
  site: string;
  /** Where events go, such as https://APP/api/events. The tag has it beside the script unless told. */
  endpoint?: string;
  /** What holds until the visitor chooses. Anything but "full" keeps nothing on the device. */
  consent?: Consent;
  /** The consent at most of a browser that sends Sec-GPC or DNT; "anonymous" unless told, "ignore" for no bound. */
  signals?: Consent | "ignore";
  /** What is not told by itself: names of events (page_view, page_ping, ...), and `routes`. */
  off?: string;
  /** Whether the page's route stands in the fragment. */
  hash?: string | boolean;
  /** Where given, the visitor is kept in a cookie of this domain, which its subdomains share. */
  cookieDomain?: string;
  /** Hosts, separated by spaces, to which links carry the visitor. */
  linkDomains?: string;
  /** "include" where the visitor is known by the collector's own cookie. */
  credentials?: RequestCredentials;
}

export let settings: Settings;
/** The script's own address. */
export let source: string | undefined;

export function configure(chosen: Settings, from?: string): void {
  settings = chosen;
  source = from;
}

/** Whether something is not to be told by itself. */
export function isOff(what: string): boolean | undefined {
  return settings.off?.includes(what);
}
