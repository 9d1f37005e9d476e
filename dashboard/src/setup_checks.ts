// What is known about a site's set-up: the snippet for its pages, and what may keep events from being counted.
import { worded } from "./metrics";
import { t } from "./texts";

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
  const checks = [...keyChecks(setup), ...pageChecks(findings, url, ofPage), eventCheck(findings, ofPage), ...consentChecks(setup, ofPage)];
  const failed = arrived.filter(({ verdict }) => verdict === "failed");
  if (failed.length && failed.length < arrived.length) {
    checks.push({ state: "note", title: t.checks.someFailed(failed.length, arrived.length), text: failed[0]!.detail });
  }
  const weight = { bad: 0, waiting: 1, good: 2, note: 3 };
  return checks.sort((one, other) => weight[one.state] - weight[other.state]);
}

function keyChecks({ public_keys }: Setup): Check[] {
  if (public_keys.length) return [];
  return [
    {
      state: "bad",
      title: t.checks.noKey,
      text: t.checks.noKeyHint,
    },
  ];
}

function pageChecks({ setup, page, collector }: Findings, url: URL | null, ofPage: readonly Arrived[]): Check[] {
  if (!page.trim()) return [];
  if (!url) return [{ state: "bad", title: t.checks.noAddress, text: t.checks.noAddressHint }];
  const checks: Check[] = [];
  if (isLocal(url) && !ofPage.length) checks.push({ state: "note", title: t.checks.local, text: t.checks.localHint(url.hostname) });
  if (allowsOrigin(setup.origins, url.origin)) {
    checks.push({ state: "good", title: t.checks.allowed, text: t.checks.allowedHint(url.origin) });
  } else {
    checks.push({
      state: "bad",
      title: t.checks.refused,
      text: t.checks.refusedHint(url.origin, setup.origins.join(", ")),
    });
  }
  const target = pageOf(collector);
  if (target && url.protocol === "https:" && target.protocol === "http:" && !isLocal(target)) {
    checks.push({
      state: "bad",
      title: t.checks.mixed,
      text: t.checks.mixedHint(target.origin, url.origin),
    });
  }
  return checks;
}

function eventCheck({ answered, stored, page }: Findings, arrived: readonly Arrived[]): Check {
  const newest = arrived.find(({ verdict }) => verdict === "accepted");
  if (newest) {
    return { state: "good", title: t.checks.arrive, text: t.checks.newest(newest.name, newest.path) };
  }
  const bots = arrived.filter(({ verdict }) => verdict === "bot");
  if (bots.length) {
    return {
      state: "bad",
      title: t.checks.onlyBots,
      text: t.checks.onlyBotsHint(bots.length, bots[0]!.sender),
    };
  }
  if (arrived.length) {
    return { state: "bad", title: t.checks.onlyFailed, text: `${t.reports.codes[arrived[0]!.name] ?? worded(arrived[0]!.name)}: ${arrived[0]!.detail}` };
  }
  if (answered > stored) {
    return {
      state: "waiting",
      title: t.checks.received,
      text: t.checks.receivedHint(answered - stored),
    };
  }
  return {
    state: "waiting",
    title: t.checks.waiting,
    text: page.trim() ? t.checks.waitingForPage : t.checks.waitingHint,
  };
}

function consentChecks(setup: Setup, arrived: readonly Arrived[]): Check[] {
  const counted = arrived.filter(({ verdict }) => verdict === "accepted");
  if (counted.length && counted.every(({ consent }) => consent === "denied")) {
    return [
      {
        state: "note",
        title: t.checks.denied,
        text: t.checks.deniedHint,
      },
    ];
  }
  if (!counted.length && setup.unknown_consent === "denied") {
    return [
      {
        state: "note",
        title: t.checks.deniedByDefault,
        text: t.checks.deniedByDefaultHint,
      },
    ];
  }
  return [];
}

/** What keeps events from leaving a page. No server sees these; the page's console does. */
export const IN_THE_BROWSER: readonly Check[] = [
  { state: "note", title: t.checks.blocker, text: t.checks.blockerHint },
  { state: "note", title: t.checks.policy, text: t.checks.policyHint },
  { state: "note", title: t.checks.wrongKey, text: t.checks.wrongKeyHint },
  { state: "note", title: t.checks.optedOut, text: t.checks.optedOutHint },
  { state: "note", title: t.checks.local, text: t.checks.localHint("localhost") },
];

export type SnippetKind = keyof typeof t.setup.snippets;
export const SNIPPETS = (Object.keys(t.setup.snippets) as SnippetKind[]).map((id) => ({ id, ...t.setup.snippets[id] }));

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
    case "react":
      return `import { useEffect } from "react";
import { start } from "clickstream-tracker";

useEffect(() => start({ site: "${key}", endpoint: "${host}/api/events" }), []);`;
    case "next":
      return `import Script from "next/script";

export default function RootLayout({ children }) {
  return (
    <html lang="en">
      <body>
        {children}
        <Script src="${host}/t.js" data-site="${key}" />
      </body>
    </html>
  );
}`;
    case "vue":
      return `import { createApp } from "vue";
import { start } from "clickstream-tracker";
import App from "./App.vue";

start({ site: "${key}", endpoint: "${host}/api/events" });
createApp(App).mount("#app");`;
    case "astro":
      return `<script is:inline async src="${host}/t.js" data-site="${key}"></script>`;
    case "wordpress":
      return `add_action("wp_head", function () {
    wp_print_script_tag(["async" => true, "src" => "${host}/t.js", "data-site" => "${key}"]);
});`;
    case "curl":
      return `curl -H 'X-Write-Key: ${key}' -H 'User-Agent: Mozilla/5.0' '${host}/api/events?verdict=1' \\
     -d '{"name": "page_view", "page_url": "https://www.example.com/"}'`;
  }
}
