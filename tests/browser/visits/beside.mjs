// The script beside other trackers, and the snippets of the documentation as somebody would paste them.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { tagOf } from "../tag.mjs";

// The snippets measure pages of a site, not those of localhost.
const HOST = "shop.test";
const fileOf = (path) => fileURLToPath(new URL(path, import.meta.url));
const { build } = createRequire(fileOf("../../trackers/package.json"))("esbuild");

/** Code for a page, with what it imports: packages of the tested trackers, and the script as a module. */
async function bundle(contents) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: fileOf("../../trackers") },
    alias: { "clickstream-tracker": fileOf("../../../tracker/src/index.ts") },
    bundle: true,
    format: "iife",
    platform: "browser",
    define: { "process.env.NODE_ENV": '"production"' },
    nodePaths: [fileOf("../../trackers/node_modules")],
    write: false,
    logLevel: "silent",
  });
  // It stands within a page.
  return outputFiles[0].text.replaceAll("</script", "<\\/script");
}

/** The documentation's first block of a language after a heading, with this collector and the demo's key. */
async function snippet(site, file, heading, language) {
  const text = (await readFile(fileOf(`../../../docs/${file}.md`), "utf8")).split(heading)[1];
  const block = text.split(`\`\`\`${language}\n`)[1].split("```")[0];
  return block.replaceAll("https://APP", site.collector).replaceAll("KEY", "demo");
}

/** The snippet of a framework, without its imports. */
const ofFramework = async (site, name, language) => (await snippet(site, "frameworks", `## ${name}\n`, language)).replace(/^import.*$/gm, "");

/** One visit that three trackers measure at once: two pages, routes forth and back. */
export async function others(site) {
  const code = await bundle(`
    import { init } from "@plausible-analytics/tracker";
    import posthog from "posthog-js";
    window.__plausible = true; // It would not measure a driven browser.
    init({ domain: "demo", endpoint: "${site.collector}/api/event", captureOnLocalhost: true });
    posthog.init("demo", {
      api_host: "${site.collector}",
      opt_out_useragent_filter: true,
      advanced_disable_flags: true,
      autocapture: false,
      capture_pageview: "history_change",
      capture_pageleave: false,
      request_batching: false,
    });`);
  site.head = `<script>${code}</script>`;
  const context = await site.context();
  // The others send each page view by a request of its own.
  const answered = { "/api/event": 0, "/e/": 0 };
  context.on("requestfinished", (request) => {
    const { pathname } = new URL(request.url());
    if (request.method() === "POST" && pathname in answered) answered[pathname]++;
  });
  const until = async (page, views) => {
    while (Object.values(answered).some((count) => count < views)) await page.waitForTimeout(20);
    await site.told(page);
  };
  const page = await site.tab(context, "/start?utm_source=mail");
  await until(page, 1);
  await page.evaluate(() => history.pushState({}, "", "bags"));
  await until(page, 2);
  await page.evaluate(() => history.pushState({}, "", "tents?size=2"));
  await until(page, 3);
  await page.goBack();
  await until(page, 4);
  await site.go(page, "/other");
  await until(page, 5);
  await page.evaluate(() => history.pushState({}, "", "other/route"));
  await until(page, 6);
  await site.leave(page);
}

/** The module, as a framework uses it: effects run twice in development. */
export async function module(site) {
  const code = (await ofFramework(site, "React", "jsx")) + (await ofFramework(site, "React", "js"));
  site.head = `<script>${await bundle(`
    import { start, tracker } from "clickstream-tracker";
    const useEffect = (effect) => [effect(), effect()];
    ${code}
    document.documentElement.dataset.global = String("clickstream" in window);`)}</script>`;
  site.served = false;
  const context = await site.context();
  const page = await context.newPage();
  page.on("pageerror", (error) => site.errors.push(String(error)));
  await page.goto(site.url("/module", HOST));
  await page.evaluate(() => history.pushState({}, "", "route"));
  await page.waitForTimeout(100);
  await site.told(page);
  return page.evaluate(() => document.documentElement.dataset.global);
}

/** The module before an app is mounted. */
export async function vue(site) {
  site.head = `<script>${await bundle(`
    import { start } from "clickstream-tracker";
    const App = {}, createApp = () => ({ mount: () => undefined });
    ${await ofFramework(site, "Vue", "js")}`)}</script>`;
  site.served = false;
  const context = await site.context();
  const page = await context.newPage();
  await page.goto(site.url("/vue", HOST));
  await page.waitForTimeout(100);
  await site.told(page);
}

/** A tag manager's tag, as it is inserted. */
export async function tagManager(site) {
  site.served = false;
  site.body = await snippet(site, "frameworks", "## Google Tag Manager\n", "html");
  const page = await site.open(site.url("/managed", HOST));
  await site.told(page);
}

/** A consent manager that is asked for on the second click, one by its own callback and one by the TCF. */
export async function consentManagers(site) {
  site.tag = 'data-consent="anonymous"';
  site.head = `<script>
    const cmp = { onChange: (heard) => (window.choose = heard) };
    window.__tcfapi = (command, version, heard) => (window.choose = (choice) =>
      heard({ eventStatus: "useractioncomplete", purpose: { consents: { 1: choice.statistics, 8: choice.statistics } } }, true));
    ${await snippet(site, "tracking", "**Consent managers", "js")}
  </script>`;
  const own = await site.open("/own");
  await own.evaluate(() => window.choose({ statistics: true }));
  await site.told(own);
  const [, tcf] = (await readFile(fileOf("../../../docs/tracking.md"), "utf8")).match(/With a TCF manager: `([^`]*)`/);
  site.head = site.head.replace("</script>", `${tcf}</script>`);
  const framework = await site.open("/framework");
  await framework.evaluate(() => window.choose({ statistics: true }));
  await site.told(framework);
  await framework.evaluate(() => window.choose({ statistics: false }));
  await framework.evaluate(() => window.clickstream.track("afterwards"));
  await framework.waitForTimeout(150);
}

/** A visitor without script, and a mail that is opened: both are the pixel. */
export async function pixels(site) {
  const here = encodeURIComponent(site.url("/bags"));
  const html = (await snippet(site, "tracking", "**Without script", "html")).replace(/page_url=[^&"]*/, `page_url=${here}`);
  site.body = html.replace("name=mail_open", `name=mail_open&amp;page_url=${here}`);
  const page = await (await site.context({ javaScriptEnabled: false })).newPage();
  await page.goto(site.url("/bags"));
  await page.waitForLoadState("networkidle");
}

/** Script and events by way of the site's own host. */
export async function ownHost(site) {
  const context = await site.context();
  const asked = [];
  await context.route("**/x/**", (route) => {
    const { pathname, search } = new URL(route.request().url());
    asked.push(pathname);
    return route.continue({ url: site.collector + pathname.slice(2) + search });
  });
  site.served = false;
  site.headers = { "content-security-policy": "script-src 'self'; connect-src 'self'" };
  site.head = tagOf("/x/t.js", "demo");
  const page = await site.tab(context, "/proxied");
  await site.told(page);
  return [...new Set(asked)];
}

/** The collector's own cookie knows the visitor, in two profiles: one that has it, and one that never agreed. */
export async function cookie(site, { key }) {
  site.served = false;
  const tag = (more) => tagOf(`${site.collector}/t.js`, key, `async data-credentials="include" ${more}`);
  site.head = tag("");
  const context = await site.context();
  const page = await site.tab(context, "/first");
  await site.told(page);
  await page.evaluate(() => localStorage.clear());
  await site.go(page, "/second");
  await site.told(page);
  const cookies = await context.cookies();
  site.head = tag('data-consent="anonymous"');
  const unknown = await site.context();
  await (await site.tab(unknown, "/unknown")).waitForTimeout(200);
  return {
    cookies: cookies.map(({ name, value, httpOnly }) => ({ name, value, httpOnly })),
    unknown: (await unknown.cookies()).length,
  };
}
