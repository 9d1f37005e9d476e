// The second script, for looking at a page: it loads the tracking script, and writes to the console what is sent and what
// becomes of it. The tag is the same, with t.debug.js in place of t.js.

import { isLocal } from "./local";

type Verdict = { status: string; bot?: boolean };

const NAME = "[clickstream]";
const script = document.currentScript as HTMLScriptElement;
const { site, endpoint, consent } = script.dataset;
const collector = endpoint || new URL("api/events", script.src).href;
const say = (text: string, ...more: unknown[]): void => console.info(`${NAME} ${text}`, ...more);
const warn = (text: string, ...more: unknown[]): void => console.warn(`${NAME} ${text}`, ...more);

if (isLocal() && !script.dataset.localhost) {
  warn(`pages of ${location.hostname || location.protocol} are left out: nothing is sent. data-localhost="on" in the tag measures them`);
}
if (!site) warn("data-site is missing: no key, so every event is refused with 401");
const choice = stored("cs-consent");
if (choice === "out") warn("this browser has opted out: nothing is sent. clickstream.optOut(false) ends it");
else say(`consent: ${choice || consent || "not stated; the site's document decides"}`);
if (navigator.globalPrivacyControl || Number(navigator.doNotTrack)) {
  say(`this browser sends GPC or DNT: consent is at most ${script.dataset.signals || "anonymous"}`);
}
if (navigator.webdriver) warn("this browser is automated: its events count as a bot's");

addEventListener("securitypolicyviolation", ({ blockedURI, effectiveDirective }) => {
  if (blockedURI.startsWith(new URL(collector).origin)) {
    warn(`the page's Content-Security-Policy blocks ${blockedURI}: add ${new URL(collector).origin} to ${effectiveDirective}`);
  }
});

const plainFetch = window.fetch;
window.fetch = async (target, options) => {
  if (!String(target).startsWith(collector)) return plainFetch(target, options);
  const events = JSON.parse(String(options?.body)) as { name: string }[];
  const address = new URL(String(target));
  address.searchParams.set("verdict", "1");
  let answer: Response;
  try {
    answer = await plainFetch(address.href, options);
  } catch (error) {
    // An answer that is not for this origin is hidden from the page, as if the collector were out of reach.
    const isReached = await plainFetch(script.src, { mode: "no-cors", cache: "no-store" }).then(() => true, () => false);
    if (isReached) warn(`no answer for pages of ${location.origin}: add it under origins in the site's document, or a content blocker stops ${collector}`, events);
    else warn(`${address.origin} cannot be reached: a content blocker, the page's policy or the network`, events);
    throw error;
  }
  const body = (await answer.clone().json().catch(() => ({}))) as { events?: Verdict[]; message?: string };
  if (answer.ok || body.events) {
    events.forEach((event, at) => {
      const { status = String(answer.status), bot, ...why } = body.events?.[at] ?? ({} as Verdict);
      (status === "accepted" && !bot ? say : warn)(`${event.name}: ${status}${bot ? ", not counted: a bot's user agent" : ""}`, event, why);
    });
  } else {
    warn(`refused with ${answer.status}: ${body.message ?? "no reason"} (data-site="${site}", page of ${location.origin})`, events);
  }
  return answer;
};

const plainBeacon = navigator.sendBeacon.bind(navigator);
navigator.sendBeacon = (target, data) => {
  if (String(target).startsWith(collector)) {
    for (const event of JSON.parse(String(data)) as { name: string }[]) say(`${event.name}: sent by beacon, which gets no answer`, event);
  }
  return plainBeacon(target, data);
};

const tag = document.createElement("script");
Object.assign(tag.dataset, script.dataset);
tag.async = true;
if (script.nonce) tag.nonce = script.nonce;
tag.src = script.src.replace("t.debug.js", "t.js");
tag.onerror = () => warn(`${tag.src} cannot be loaded: a content blocker or the page's script-src`);
document.head.appendChild(tag);

function stored(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}
