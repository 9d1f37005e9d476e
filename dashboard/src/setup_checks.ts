// What is known about a site's set-up: the snippet for its pages, and what may keep events from being counted.
import { worded } from "./metrics";

export interface Setup {
  /** Public keys of the site's document. Those stored as a digest cannot be shown. */
  readonly public_keys: readonly string[];
  /** Origins whose pages may send; empty: any. */
  readonly origins: readonly string[];
  readonly unknown_consent: string;
}

/** An event that is in the table, or one that failed. */
export interface Arrived {
  readonly id: string;
  readonly receivedAt: string;
  readonly verdict: "accepted" | "bot" | "failed";
  /** Its name; of a failed one the class of its failure. */
  readonly name: string;
  readonly host: string;
  readonly path: string;
  readonly consent: string;
  readonly sender: string;
  /** Why it is not counted, or its properties. */
  readonly detail: string;
}

export interface Check {
  readonly state: "good" | "bad" | "waiting" | "note";
  readonly title: string;
  readonly text: string;
}

export interface Findings {
  readonly setup: Setup;
  /** As entered; empty if none is. */
  readonly page: string;
  readonly collector: string;
  /** The newest first. */
  readonly arrived: readonly Arrived[];
  /** Events of the last day that were answered, and those that are in a table. */
  readonly answered: number;
  readonly stored: number;
}

/** The address of a page as entered, with or without a scheme; null if it is none. */
export function pageOf(text: string): URL | null {
  const address = text.trim();
  // Chromium takes a space for a part of a host.
  if (!address || /\s/.test(address)) return null;
  try {
    const url = new URL(/^[a-z][a-z+.-]*:\/\//i.test(address) ? address : `https://${address}`);
    return /^https?:$/.test(url.protocol) && url.hostname ? url : null;
  } catch {
    return null;
  }
}

/** Whether the site's document lets pages of this origin send; `*.` stands for one label or more. */
export function allowsOrigin(origins: readonly string[], origin: string): boolean {
  if (!origins.length) return true;
  const label = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?";
  return origins.some((pattern) => {
    const source = pattern.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace("\\*\\.", `(?:${label}\\.)+`);
    return new RegExp(`^${source}$`).test(origin);
  });
}

/** Whether the address belongs to the machine that asks, which browsers trust without TLS. */
const isLocal = (url: URL): boolean => /^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);

/** All checks, those that need an action first. */
export function checksOf(findings: Findings): readonly Check[] {
  const { setup, page, arrived } = findings;
  const url = pageOf(page);
  // Failed events name no page that could be compared.
  const ofPage = url ? arrived.filter(({ host }) => host === url.hostname || host === url.host) : arrived;
  const checks = [...keyChecks(setup), ...pageChecks(findings, url), eventCheck(findings, ofPage), ...consentChecks(setup, ofPage)];
  const failed = arrived.filter(({ verdict }) => verdict === "failed");
  if (failed.length && failed.length < arrived.length) {
    checks.push({ state: "note", title: `${failed.length} of the newest ${arrived.length} events failed`, text: failed[0]!.detail });
  }
  const weight = { bad: 0, waiting: 1, good: 2, note: 3 };
  return checks.sort((one, other) => weight[one.state] - weight[other.state]);
}

function keyChecks({ public_keys }: Setup): Check[] {
  if (public_keys.length) return [];
  return [
    {
      state: "bad",
      title: "No public key",
      text: "Add one of kind public under keys in the site’s document. Without it no page can send events.",
    },
  ];
}

function pageChecks({ setup, page, collector }: Findings, url: URL | null): Check[] {
  if (!page.trim()) return [];
  if (!url) return [{ state: "bad", title: "Not an address", text: "Enter the address of a page, such as https://www.example.com/." }];
  const checks: Check[] = [];
  if (allowsOrigin(setup.origins, url.origin)) {
    checks.push({ state: "good", title: "Origin allowed", text: `Pages of ${url.origin} may send.` });
  } else {
    checks.push({
      state: "bad",
      title: "Origin not allowed",
      text: `Pages of ${url.origin} are refused with 403. Add it under origins in the site’s document; it lists ${setup.origins.join(", ")}.`,
    });
  }
  const target = pageOf(collector);
  if (target && url.protocol === "https:" && target.protocol === "http:" && !isLocal(target)) {
    checks.push({
      state: "bad",
      title: "Mixed content",
      text: `Browsers block ${target.origin} in pages of ${url.origin}, because it has no TLS.`,
    });
  }
  return checks;
}

function eventCheck({ answered, stored, page }: Findings, arrived: readonly Arrived[]): Check {
  const newest = arrived.find(({ verdict }) => verdict === "accepted");
  if (newest) {
    return { state: "good", title: "Events arrive", text: `The newest is ${newest.name}${newest.path ? ` of ${newest.path}` : ""}.` };
  }
  const bots = arrived.filter(({ verdict }) => verdict === "bot");
  if (bots.length) {
    return {
      state: "bad",
      title: "Only bots",
      text: `All ${bots.length} events came from user agents of bots, such as ${bots[0]!.sender || "one without a name"}. They are stored and not counted. Open the page in a normal browser; curl needs -H 'User-Agent: Mozilla/5.0'.`,
    };
  }
  if (arrived.length) {
    return { state: "bad", title: "Only failed events", text: `${worded(arrived[0]!.name)}: ${arrived[0]!.detail}` };
  }
  if (answered > stored) {
    return {
      state: "waiting",
      title: "Received, not yet captured",
      text: `${answered - stored} events were accepted and are not in the table yet. They are once Capture has written its file and compaction has run.`,
    };
  }
  return {
    state: "waiting",
    title: "Waiting for the first event",
    text: `Nothing${page.trim() ? " of this page" : ""} in the last 24 hours. After a visit an event takes Capture’s window and the next compaction to appear.`,
  };
}

function consentChecks(setup: Setup, arrived: readonly Arrived[]): Check[] {
  const counted = arrived.filter(({ verdict }) => verdict === "accepted");
  if (counted.length && counted.every(({ consent }) => consent === "denied")) {
    return [
      {
        state: "note",
        title: "Consent denied",
        text: "All newest events come without consent. Page views are counted, visitors are not. Call clickstream.consent() after the visitor’s choice.",
      },
    ];
  }
  if (!counted.length && setup.unknown_consent === "denied") {
    return [
      {
        state: "note",
        title: "Consent is denied until stated",
        text: "privacy.unknown_consent of the site’s document is denied: events have no visitor until the page states a consent.",
      },
    ];
  }
  return [];
}

/** What keeps events from leaving a page. No server sees these; the page's console does. */
export const IN_THE_BROWSER: readonly Check[] = [
  { state: "note", title: "Blocked by a content blocker", text: "The console says ERR_BLOCKED_BY_CLIENT. Serve the script under a path of your own host." },
  { state: "note", title: "Blocked by the page’s policy", text: "The console names script-src or connect-src. Add the collector to both in the Content-Security-Policy." },
  { state: "note", title: "Wrong key", text: "Requests to /api/events are answered 401. Compare data-site with the key above." },
  { state: "note", title: "Opted out", text: "clickstream.optOut() was called in this browser. clickstream.optOut(false) ends it." },
];

export type SnippetKind = "html" | "gtm" | "module" | "curl";
export const SNIPPETS: readonly { readonly id: SnippetKind; readonly label: string; readonly hint: string }[] = [
  { id: "html", label: "HTML", hint: "In the head of every page." },
  { id: "gtm", label: "Tag Manager", hint: "A Custom HTML tag on All Pages." },
  { id: "module", label: "React, Next.js", hint: "Once, in the browser, with the module of tracker/." },
  { id: "curl", label: "curl", hint: "One event from a terminal; ?verdict=1 answers what became of it." },
];

/** The code to copy. */
export function snippetOf(kind: SnippetKind, collector: string, key: string): string {
  const host = collector.replace(/\/+$/, "");
  switch (kind) {
    case "html":
      return `<script async src="${host}/t.js" data-site="${key}"></script>`;
    case "gtm":
      return `<script>
  var tag = document.createElement("script");
  tag.async = true; tag.src = "${host}/t.js"; tag.dataset.site = "${key}";
  document.head.appendChild(tag);
</script>`;
    case "module":
      return `import { start } from "clickstream-tracker";

useEffect(() => start({ site: "${key}", endpoint: "${host}/api/events" }), []);`;
    case "curl":
      return `curl -H 'X-Write-Key: ${key}' -H 'User-Agent: Mozilla/5.0' '${host}/api/events?verdict=1' \\
     -d '{"name": "page_view", "page_url": "https://www.example.com/"}'`;
  }
}
