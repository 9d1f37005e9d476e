// The headless Chromium that visits pages: the program that the variable CHROMIUM names, and lines of JSON to drive it by.
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

/** All that a page may learn of a device is fixed, so that two machines send the same. */
export const DEVICE = {
  locale: "en-GB",
  timezoneId: "Europe/Berlin",
  viewport: { width: 1280, height: 720 },
  screen: { width: 1920, height: 1080 },
};

/** Start it. `hosts` are Chromium's rules for names, by which nothing leaves the machine. */
export function launch(hosts, options = {}) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: [
      "--disable-quic",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-proxy-server",
      `--host-resolver-rules=${hosts}`,
    ],
    ...options,
  });
}

/** Say that the browser is ready, take each line on stdin as JSON, write its outcome as a line; `atOnce` does not wait for it. */
export async function serveLines(browser, run, { atOnce = false } = {}) {
  console.log(JSON.stringify({ ready: browser.version() }));
  const underWay = new Set();
  for await (const line of createInterface({ input: process.stdin })) {
    const outcome = run(JSON.parse(line)).then((told) => console.log(JSON.stringify(told)));
    underWay.add(outcome);
    void outcome.finally(() => underWay.delete(outcome));
    if (!atOnce) await outcome;
  }
  await Promise.all(underWay);
  await browser.close();
}

/** What is promised, unless it takes longer. */
export function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`not done after ${ms} ms`)), ms)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
