// Pages that make it hard.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { within } from "../../../local/browser/chromium.mjs";
import { tagOf } from "../tag.mjs";

/** No inline script, no eval, and only the script whose content is known. */
export async function strict(site) {
  const script = await (await fetch(`${site.collector}/t.js`)).arrayBuffer();
  const digest = createHash("sha384").update(Buffer.from(script)).digest("base64");
  site.tag = `nonce="abc" crossorigin integrity="sha384-${digest}"`;
  site.headers = {
    "content-security-policy":
      `default-src 'none'; img-src data:; script-src 'nonce-abc'; connect-src ${site.collector}; require-trusted-types-for 'script'`,
  };
  const context = await site.context();
  const violations = [];
  context.on("console", (message) => /Content Security Policy/.test(message.text()) && violations.push(message.text()));
  const page = await site.tab(context, "/strict");
  await site.told(page);
  await site.leave(page);
  return violations;
}

/** Neither storage nor cookies: an origin of its own. */
export async function boxed(site) {
  site.headers = { "content-security-policy": "sandbox allow-scripts" };
  site.head = '<script>addEventListener("load", () => setTimeout(() => clickstream.track("boxed"), 50))</script>';
  const page = await site.page(await site.context());
  await page.goto(site.url("/boxed"));
  await site.delivered(page, 2);
  await site.leave(page);
}

/** A page that has spoilt what scripts rely on. */
export async function hostile(site) {
  site.head = `<script>
    window.clickstream = [["track", "survived", { list: [1, 2] }]];
    JSON.parse = JSON.stringify = window.fetch = () => { throw new Error("hostile"); };
    window.Promise = undefined;
    Array.prototype.toJSON = Object.prototype.extra = () => "spoilt";
    console.log = console.error = null;
  </script>`;
  const context = await site.context();
  const page = await context.newPage();
  page.on("pageerror", (error) => site.errors.push(String(error)));
  await Promise.all([page.waitForRequest(/api\/events/), page.goto(site.url("/hostile"))]);
}

/** Kept by the browser, and shown again. */
export async function back(site) {
  // The driver loses sight of a page that comes back, so the pages do all by themselves.
  site.head = `<script>
    // A page with a request in flight is not kept, so it is left once all of them are answered.
    const onceSent = (next) => {
      const polling = setInterval(() => (${site.nothingWaits})() && (clearInterval(polling), next()), 50);
    };
    addEventListener("pageshow", ({ persisted }) => {
      if (persisted) {
        clickstream.track("shown_again");
        onceSent(() => fetch("seen"));
      } else if (location.pathname.endsWith("/other")) setTimeout(() => onceSent(() => history.back()), 400);
      else setTimeout(() => onceSent(() => (location.href = "other")), 400);
    });
  </script>`;
  const seen = site.askedFor("/seen");
  const context = await site.context();
  const page = await context.newPage();
  await page.goto(site.url("/kept"));
  await seen;
}

/** Made ready before anybody looks. */
export async function prerendered(site) {
  const context = await site.context();
  await context.addInitScript(() => {
    Object.defineProperty(Document.prototype, "prerendering", { configurable: true, get: () => true });
  });
  const page = await context.newPage();
  await page.goto(site.url("/prerendered"));
  await page.waitForTimeout(300);
  const stored = await page.evaluate(() => Object.keys(localStorage));
  await page.evaluate(() => document.dispatchEvent(new Event("prerenderingchange")));
  await site.begun(page);
  await site.told(page);
  return stored;
}

/** Made ready by the browser itself, and shown when the visitor follows the link. */
export async function speculated(site) {
  // A browser that is driven prepares no pages, so this one is not, and the pages do all by themselves.
  site.head = `<script>
    window.clickstream = window.clickstream || [];
    const wasAhead = document.prerendering;
    document.addEventListener("prerenderingchange", () => clickstream.push(["track", "shown", { wasAhead }]));
    const when = (reached, act) => {
      const asking = setInterval(() => reached() && (clearInterval(asking), act()), 50);
    };
    let begun = false;
    // Before this, the script itself waits for the page to be idle.
    when(() => clickstream.track, () => requestIdleCallback(() => (begun = true)));
    const told = () => begun && (${site.nothingWaits})();
    if (location.pathname.endsWith("/speculated")) {
      const rules = document.createElement("script");
      rules.type = "speculationrules";
      const urls = ["ahead", "never"].map((page) => new URL(page, location).href);
      rules.textContent = JSON.stringify({ prerender: [{ urls }] });
      document.head.append(rules);
      // The shop's pages share storage, so each tells there that it is prepared.
      when(() => localStorage.ahead && localStorage.never && told(), () => (location.href = "ahead"));
    } else {
      localStorage[location.pathname.split("/").pop()] = wasAhead;
      when(told, () => fetch("seen"));
    }
  </script>`;
  const seen = site.askedFor("/seen");
  const profile = await mkdtemp(join(tmpdir(), "speculated-"));
  const options = ["--headless=new", "--no-sandbox", "--no-first-run", "--host-resolver-rules=MAP * 127.0.0.1"];
  const browser = spawn(process.env.CHROMIUM, [...options, `--user-data-dir=${profile}`, site.url("/speculated")], {
    stdio: "ignore",
    detached: true,
  });
  const ended = new Promise((exit) => browser.once("exit", exit));
  try {
    await within(100_000, seen);
  } finally {
    process.kill(-browser.pid, "SIGTERM");
    await ended;
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The page goes on to a route, and to another page, before it was ever idle. */
export async function hasty(site) {
  site.head = `${tagOf(`${site.collector}/t.js`, "demo", "")}
    <script>
      if (location.pathname.endsWith("/hasty")) {
        history.pushState({}, "", "route");
        location.href = "next";
      }
    </script>`;
  const context = await site.context();
  const page = await context.newPage();
  page.on("pageerror", (error) => site.errors.push(String(error)));
  await page.goto(site.url("/hasty"));
  await page.waitForURL("**/next");
  await site.begun(page);
  await site.leave(page);
}

export async function twice(site) {
  site.head = tagOf(`${site.collector}/t.js`, "demo");
  const page = await site.open("/twice");
  await page.waitForTimeout(150);
  await site.told(page);
}

/** Pasted into the page: without an endpoint the console says so and the page receives nothing; with one it works. */
export async function inlined(site) {
  site.served = false;
  const script = await (await fetch(`${site.collector}/t.js`)).text();
  const paste = (attributes) => (site.head = `<script data-site="demo" data-localhost="on" ${attributes}>${script}</script>`);
  const posts = [];
  const nowhere = await site.page(await site.context());
  nowhere.on("request", (request) => request.method() === "POST" && posts.push(request.url()));
  paste("");
  const said = nowhere.waitForEvent("console", (message) => /api\/events/.test(message.text()));
  await nowhere.goto(site.url("/pasted"));
  const message = (await said).text();
  await site.leave(nowhere);
  paste(`data-endpoint="${site.collector}/api/events"`);
  const page = await site.open("/named");
  await site.told(page);
  await site.leave(page);
  return { message, posts };
}
