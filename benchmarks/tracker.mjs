// Prints what the script costs a page that is loaded by a processor slowed down: while the page waits for it, and when
// the page is idle, which is where the first page view is made.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { launch } from "../local/browser/chromium.mjs";

const RUNS = 25;
const SLOWER = 4;

const source = await readFile(process.argv[2], "utf8");
const page = '<!doctype html><title>A page</title><script src="/t.js" data-site="demo"></script>';
const server = createServer((request, response) => {
  const script = request.url === "/t.js";
  response.writeHead(200, { "content-type": script ? "text/javascript" : "text/html" }).end(script ? source : page);
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const browser = await launch("MAP * 127.0.0.1");
const spent = { atOnce: [], idle: [] };
for (let run = 0; run < RUNS; run++) {
  const tab = await browser.newPage();
  const session = await tab.context().newCDPSession(tab);
  await session.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
  const events = [];
  session.on("Tracing.dataCollected", ({ value }) => events.push(...value));
  const complete = new Promise((done) => session.once("Tracing.tracingComplete", done));
  await session.send("Tracing.start", { categories: "devtools.timeline,v8", transferMode: "ReportEvents" });
  const sent = tab.waitForRequest(/api\/events/);
  await tab.goto(`http://127.0.0.1:${server.address().port}/`);
  await sent;
  await session.send("Tracing.end");
  await complete;
  // Time of the page's own thread, the script's compilation and its first page view among it.
  const of = (name) =>
    events
      .filter((event) => event.name === name && /t\.js/.test(event.args?.data?.url ?? event.args?.fileName ?? ""))
      .reduce((sum, event) => sum + (event.tdur ?? 0) / 1000, 0);
  spent.atOnce.push(of("EvaluateScript"));
  spent.idle.push(of("FunctionCall"));
  await tab.context().close();
}
for (const times of Object.values(spent)) times.sort((a, b) => a - b);
const at = (times, share) => times[Math.floor(share * (times.length - 1))].toFixed(2);
const print = (what, times) =>
  console.log(`${what}: median ${at(times, 0.5)} ms, 95th percentile ${at(times, 0.95)} ms, of ${RUNS} pages`);
console.log(`a processor ${SLOWER} times slower`);
print("  parse and execute", spent.atOnce);
print("  afterwards, when the page is idle", spent.idle);
await browser.close();
server.close();
