// Opens pages in one headless Chromium. Each line on stdin is a visit as JSON, each line on stdout its outcome as JSON.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { DEVICE, launch, serveLines, within } from "../../../local/browser/chromium.mjs";

const FOLDER = dirname(dirname(fileURLToPath(import.meta.url)));
const VISIT_MS = 300_000;
const bundles = new Map();
let visit = null;
let context = null;

// A page may use a script of its own, bundled, and any file of an installed package as it was published.
async function serve(request, response) {
  const { pathname } = new URL(request.url, "http://localhost");
  try {
    if (pathname === "/bundle.js") return answer(response, "text/javascript", await bundle(visit.page));
    if (pathname.startsWith("/node_modules/"))
      return answer(response, "text/javascript", await readFile(join(FOLDER, normalize(pathname))));
    return answer(response, "text/html", await html(pathname));
  } catch (error) {
    response.writeHead(404).end(String(error));
  }
}

function answer(response, type, body) {
  response.writeHead(200, { "content-type": `${type}; charset=utf-8`, "cache-control": "no-store" }).end(body);
}

async function html(pathname) {
  if (extname(visit.page) === ".html")
    return (await readFile(visit.page, "utf8")).replaceAll("{{baseUrl}}", visit.baseUrl);
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Page ${pathname}</title>
    <link rel="icon" href="data:,"><script src="/bundle.js"></script></head><body><h1>A page</h1></body></html>`;
}

async function bundle(page) {
  if (!bundles.has(page)) {
    const built = await build({
      entryPoints: [page],
      bundle: true,
      format: "iife",
      platform: "browser",
      define: { "process.env.NODE_ENV": '"production"' },
      nodePaths: [join(FOLDER, "node_modules")],
      write: false,
      logLevel: "silent",
    });
    bundles.set(page, built.outputFiles[0].contents);
  }
  return bundles.get(page);
}

async function run({ page: source, baseUrl, host, path, steps }) {
  if (extname(source) !== ".html") await bundle(source);
  const origin = `http://${host}:${server.address().port}`;
  context = await browser.newContext(DEVICE);
  const page = await context.newPage();
  const errors = [];
  page.on("console", (message) => message.type() === "error" && errors.push(`${message.text()} ${message.location().url}`));
  page.on("pageerror", (error) => errors.push(String(error.stack ?? error)));
  await page.goto(origin + path);
  const told = [];
  for (const step of steps) {
    if (step.startsWith("/")) await page.goto(origin + step, { referer: page.url() });
    else told.push((await page.evaluate(([name, url]) => window[name](url), [step, baseUrl])) ?? null);
  }
  const cookies = await context.cookies();
  await page.goto("about:blank");
  return { told, errors, cookies, origin };
}

const server = createServer(serve);
await new Promise((listening) => server.listen(Number(process.env.PAGES_PORT), "127.0.0.1", listening));
// Nothing leaves the machine, whatever a tracker asks for.
const browser = await launch("MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1");
await serveLines(browser, async (line) => {
  visit = line;
  // The page before stayed open until now, so that what it sent when it was left could arrive.
  await context?.close();
  context = null;
  return within(VISIT_MS, run(visit)).catch((error) => ({ failure: String(error.stack ?? error) }));
});
server.close();
