// Makes visits in one headless Chromium, several at a time. Each line on stdin is one as JSON: a function of a file in
// visits/, and the collector it is for. Each line on stdout is its outcome.
import { createServer } from "node:http";
import { DEVICE, SHELL, launch, serveLines, within } from "../../local/browser/chromium.mjs";
import { tagOf } from "./tag.mjs";

// Only a bound for visits that hang: on a busy machine an honest one may take minutes.
const VISIT_MS = 900_000;
// A page that was left sends its beacons afterwards.
const AFTERWARDS_MS = 1000;
// On a page: all that it told has been acknowledged, where it keeps what it tells on the device until then.
const nothingWaits = () => !Object.keys(localStorage).some((name) => name.startsWith("cs-event"));
const sites = new Map();

// The first part of a path names the visit; what its pages are, it says itself.
const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  const site = sites.get(pathname.split("/")[1]);
  if (!site) return response.writeHead(404).end();
  const { status = 200, headers = {}, body } = site(pathname, request);
  const type = pathname.endsWith(".js") ? "text/javascript" : "text/html";
  response.writeHead(status, { "content-type": `${type}; charset=utf-8`, ...headers }).end(body);
});
await new Promise((listening) => server.listen(Number(process.env.PAGES_PORT), "127.0.0.1", listening));
const { port } = server.address();

// Every name is this machine, so that a visit can have sites and subdomains, and nothing leaves it.
const HOSTS = "MAP * 127.0.0.1";
const browser = await launch(HOSTS, { ignoreDefaultArgs: ["--disable-back-forward-cache"] });
let shell;

/** What a visit works with. */
class Surroundings {
  constructor(name, collector) {
    this.name = name;
    this.collector = collector;
    this.browser = browser;
    this.contexts = [];
    this.errors = [];
    this.acknowledged = new WeakMap();
    this.tag = "";
    // Whether pages have the tag; else they bring what they need themselves.
    this.served = true;
    this.head = "";
    this.body = "";
    this.headers = {};
    this.nothingWaits = nothingWaits;
    sites.set(name, (path) => this.serve(path));
  }

  /** A page of the site: the tag with this visit's attributes. */
  serve(path) {
    const tag = tagOf(`${this.collector}/t.js`, "demo", `async ${this.tag}`);
    const body = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Page ${path}</title>
      <link rel="icon" href="data:,">${this.head}${this.served ? tag : ""}</head>
      <body>${this.body}</body></html>`;
    return { status: path.includes("missing") ? 404 : 200, headers: this.headers, body };
  }

  /** A page without a driver tells of itself by asking for this. */
  askedFor(end) {
    const serve = this.serve.bind(this);
    return new Promise((asked) => {
      this.serve = (path) => (path.endsWith(end) && asked(), serve(path));
    });
  }

  url(path, host = "localhost") {
    return `http://${host}:${port}/${this.name}${path}`;
  }

  /** Go on in the headless shell. */
  async useShell() {
    this.browser = await (shell ??= launch(HOSTS, SHELL));
  }

  /** A profile of its own: nothing is left from another visit. */
  async context(options = {}) {
    const context = await this.browser.newContext({ ...DEVICE, ...options });
    this.contexts.push(context);
    return context;
  }

  async open(path, options) {
    const context = await this.context(options);
    return this.tab(context, path);
  }

  async tab(context, path, options) {
    const page = await this.page(context);
    await page.goto(path.startsWith("http") ? path : this.url(path), options);
    await this.begun(page);
    return page;
  }

  /** An empty page whose errors are recorded and whose acknowledged events are counted. */
  async page(context) {
    const page = await context.newPage();
    page.on("pageerror", (error) => this.errors.push(String(error.stack ?? error)));
    this.acknowledged.set(page, 0);
    page.on("response", (response) => {
      if (!response.ok() || !response.url().includes("/api/events")) return;
      const events = JSON.parse(response.request().postData() ?? "[]").length;
      this.acknowledged.set(page, this.acknowledged.get(page) + events);
    });
    return page;
  }

  /** Wait until the collector has acknowledged `events` of this page; where nothing is kept on the device, no page knows. */
  async delivered(page, events) {
    while (this.acknowledged.get(page) < events) await new Promise((later) => setTimeout(later, 20));
  }

  /** Go on by address, as a click on a link of the page does. */
  async go(page, path) {
    await page.goto(path.startsWith("http") ? path : this.url(path), { referer: page.url() });
    await this.begun(page);
  }

  /** The script is there, and has done what it puts off until the page is idle. */
  async begun(page) {
    await page.waitForFunction(() => window.clickstream?.track);
    await page.evaluate(() => new Promise((idle) => requestIdleCallback(idle, { timeout: 2000 })));
  }

  /** Long enough for the browser to have told the collector, and for the page to have heard of it. */
  async told(page) {
    // A busy machine may need more than the thirty seconds that are the default.
    await page.waitForFunction(nothingWaits, undefined, { timeout: VISIT_MS });
  }

  /** Leave, and let the last beacons go. */
  async leave(page) {
    await page.goto("about:blank");
  }
}

async function run({ id, visit, collector, given }) {
  const [file, name] = visit.split(".");
  const surroundings = new Surroundings(`${name}-${id}`, collector);
  try {
    const visits = await import(`./visits/${file}.mjs`);
    const told = await within(given?.ms ?? VISIT_MS, visits[name](surroundings, given));
    await new Promise((later) => setTimeout(later, AFTERWARDS_MS));
    return { id, told: told ?? null, errors: surroundings.errors, prefix: `/${surroundings.name}` };
  } catch (error) {
    return { id, failure: String(error.stack ?? error), errors: surroundings.errors };
  } finally {
    for (const context of surroundings.contexts) await context.close().catch(() => undefined);
    sites.delete(surroundings.name);
  }
}

await serveLines(browser, run, { atOnce: true });
await (await shell)?.close();
server.close();
