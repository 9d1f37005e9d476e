// Prints the time that the script takes on a slowed processor: while the page waits for it, and when the page is idle,
// which is when the script sends the first page view. The baseline is an empty script.
//
// The first script that reads an element pays for the browser's preparation of elements for scripts, which takes about as
// long as our whole script. So the page is measured alone, and with the snippet of a tag manager before our script.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { launch } from "../local/browser/chromium.mjs";

const RUNS = 25;
const SLOWER = 4;
const MANAGER = `<script>(() => {
  const first = document.getElementsByTagName("script")[0];
  const tag = document.createElement("script");
  tag.type = "text/plain";
  first.parentNode.insertBefore(tag, first);
})()</script>`;
const PAGES = {
  "an empty script": { before: "", script: "empty.js" },
  "a page with no other script": { before: "", script: "t.js" },
  "a page with a tag manager": { before: MANAGER, script: "t.js" },
};

const scripts = { "/t.js": await readFile(process.argv[2], "utf8"), "/empty.js": "" };
const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://localhost");
  const script = scripts[pathname];
  const { before, script: name } = PAGES[searchParams.get("page")] ?? PAGES["an empty script"];
  const page = `<!doctype html><title>A page</title>${before}<script src="/${name}" data-site="demo" data-localhost="on"></script>`;
  response.writeHead(200, { "content-type": script === undefined ? "text/html" : "text/javascript" }).end(script ?? page);
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const browser = await launch("MAP * 127.0.0.1");
const spent = Object.fromEntries(Object.keys(PAGES).map((page) => [page, { atOnce: [], idle: [] }]));
for (let run = 0; run < RUNS; run++) {
  for (const [page, { script }] of Object.entries(PAGES)) {
    const tab = await browser.newPage();
    const session = await tab.context().newCDPSession(tab);
    await session.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
    const events = [];
    session.on("Tracing.dataCollected", ({ value }) => events.push(...value));
    const complete = new Promise((done) => session.once("Tracing.tracingComplete", done));
    await session.send("Tracing.start", { categories: "devtools.timeline,v8", transferMode: "ReportEvents" });
    const sent = script === "t.js" ? tab.waitForRequest(/api\/events/) : undefined;
    await tab.goto(`http://127.0.0.1:${server.address().port}/?page=${encodeURIComponent(page)}`);
    await sent;
    await session.send("Tracing.end");
    await complete;
    // Time of the page's own thread, the script's compilation and its first page view among it.
    const of = (name) =>
      events
        .filter((event) => event.name === name)
        .filter(({ args }) => (args?.data?.url ?? args?.fileName ?? "").endsWith(script))
        .reduce((sum, event) => sum + (event.tdur ?? 0) / 1000, 0);
    spent[page].atOnce.push(of("EvaluateScript"));
    spent[page].idle.push(of("FunctionCall"));
    await tab.context().close();
  }
}
const at = (times, share) => times.toSorted((a, b) => a - b)[Math.floor(share * (times.length - 1))].toFixed(2);
const print = (what, times) =>
  console.log(`  ${what}: median ${at(times, 0.5)} ms, 95th percentile ${at(times, 0.95)} ms, of ${RUNS} pages`);
console.log(`a processor ${SLOWER} times slower`);
for (const [page, { atOnce, idle }] of Object.entries(spent)) {
  print(`${page}: parse and execute`, atOnce);
  if (PAGES[page].script === "t.js") print(`${page}: afterwards, when it is idle`, idle);
}
await browser.close();
server.close();
