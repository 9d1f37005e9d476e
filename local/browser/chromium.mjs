// Headless Chromium, driven by lines of JSON. The variable CHROMIUM has its path, CHROMIUM_SHELL that of its headless shell.
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

/** Everything that a page can read of the device is fixed, so that all machines send the same. */
export const DEVICE = {
  locale: "en-GB",
  timezoneId: "Europe/Berlin",
  viewport: { width: 1280, height: 720 },
  screen: { width: 1920, height: 1080 },
};

/** Options of `launch`: the headless shell, which takes less processor time but has no back/forward cache. */
export const SHELL = { executablePath: process.env.CHROMIUM_SHELL };

/** Start Chromium. `hosts` are its host resolver rules, which keep all requests on this machine. */
export function launch(hosts, { args = [], ...options } = {}) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: [
      "--disable-quic",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-proxy-server",
      `--host-resolver-rules=${hosts}`,
      ...args,
    ],
    ...options,
  });
}

/** Print that the browser is ready, then run each JSON line of stdin and print its outcome. `atOnce` runs lines concurrently. */
export async function serveLines(browser, run, { atOnce = false } = {}) {
  console.log(JSON.stringify({ ready: browser.version() }));
  const underWay = new Set();
  for await (const line of createInterface({ input: process.stdin })) {
    const outcome = run(JSON.parse(line)).then((result) => console.log(JSON.stringify(result)));
    underWay.add(outcome);
    void outcome.finally(() => underWay.delete(outcome));
    if (!atOnce) await outcome;
  }
  await Promise.all(underWay);
  await browser.close();
}

/** The result of the promise. Rejects after `ms` milliseconds. */
export function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`not done after ${ms} ms`)), ms)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
