// Prints how long the script takes to parse and run, first page view and all, at a quarter of the processor's speed.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { launch } from "../local/browser/chromium.mjs";

const RUNS = 25;
const SLOWER = +(process.env.SLOWER ?? 4);

const source = await readFile(process.argv[2], "utf8");
const page = `<!doctype html><title>A page</title><script>performance.mark("before")</script>
  <script src="/t.js" data-site="demo"></script><script>performance.mark("after")</script>`;
const server = createServer((request, response) => {
  const script = request.url === "/t.js";
  response.writeHead(200, { "content-type": script ? "text/javascript" : "text/html" }).end(script ? source : page);
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const browser = await launch("MAP * 127.0.0.1");
const spent = [];
for (let run = 0; run < RUNS; run++) {
  const tab = await browser.newPage();
  const session = await tab.context().newCDPSession(tab);
  await session.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
  await session.send("Profiler.enable");
  await session.send("Tracing.start", { categories: "devtools.timeline,v8", transferMode: "ReportEvents" }).catch(() => undefined);
  const events = [];
  session.on("Tracing.dataCollected", ({ value }) => events.push(...value));
  await tab.goto(`http://127.0.0.1:${server.address().port}/`);
  const complete = new Promise((done) => session.once("Tracing.tracingComplete", done));
  await session.send("Tracing.end");
  await complete;
  const of = (name) =>
    events
      .filter((event) => event.name === name && /t\.js/.test(event.args?.data?.url ?? event.args?.fileName ?? ""))
      .reduce((sum, event) => sum + (event.tdur ?? 0) / 1000, 0);
  spent.push(of("EvaluateScript") + of("v8.parseOnBackground"));
  await tab.context().close();
}
spent.sort((a, b) => a - b);
const at = (share) => spent[Math.floor(share * (spent.length - 1))].toFixed(2);
console.log(`parse and execute at ${SLOWER}x slow-down: median ${at(0.5)} ms, 95th percentile ${at(0.95)} ms, of ${RUNS} pages`);
await browser.close();
server.close();
