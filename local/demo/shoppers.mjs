// Visits the shop at /demo in a real browser, with the tracking script on every page. Each line on stdin has the URL of
// the functions and the number of visits. Its outcome has the number of events that the tracking script counted.
import { execFileSync } from "node:child_process";
import { DEVICE, launch, serveLines, within } from "../browser/chromium.mjs";

const AT_ONCE = 4;
const LONGEST_MS = 600_000;
// The user agent of an ordinary browser, because a headless one counts as a bot.
const DESKTOP = "X11; Linux x86_64";
const PHONE = "Linux; Android 10; K";
const [, MAJOR] = execFileSync(process.env.CHROMIUM, ["--version"]).toString().match(/(\d+)\./);
const agentOf = (system, mobile = "") =>
  `Mozilla/5.0 (${system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${MAJOR}.0.0.0${mobile} Safari/537.36`;
const ARRIVALS = [
  ["/demo?utm_source=newsletter&utm_medium=email&utm_campaign=spring"],
  ["/demo/bags?gclid=demo", "https://www.google.com/"],
  ["/demo/app", "https://chatgpt.com/"],
  ["/demo/tents", "https://news.example/gear"],
  ["/demo"],
];
const DOINGS = [
  [browse, like, buy],
  [routes],
  [browse, signIn, buy, order],
  [missing, browse],
  [like, routes, download, outbound],
];

// No request leaves the machine.
const browser = await launch("MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1", {
  // Beacons carry the browser's own agent, whatever that of the context is.
  args: [`--user-agent=${agentOf(DESKTOP)}`],
});

await serveLines(browser, ({ baseUrl, visits }) =>
  within(LONGEST_MS, shop(baseUrl, visits)).catch((error) => ({ failure: String(error.stack ?? error) })),
);

async function shop(baseUrl, visits) {
  const counted = [];
  let next = 0;
  const visitor = async () => {
    for (let number = next++; number < visits; number = next++) counted.push(await visit(baseUrl, number));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, visitor));
  return { events: counted.reduce((sum, events) => sum + events, 0) };
}

/** One visit of a new visitor, page by page. Returns the number of events. */
async function visit(baseUrl, number) {
  const isPhone = number % 3 === 2;
  const context = await browser.newContext({
    ...DEVICE,
    userAgent: isPhone ? agentOf(PHONE, " Mobile") : agentOf(DESKTOP),
    ...(isPhone && { viewport: { width: 412, height: 915 }, screen: { width: 412, height: 915 }, isMobile: true, hasTouch: true }),
  });
  try {
    const page = await context.newPage();
    const [path, referer] = ARRIVALS[number % ARRIVALS.length];
    await page.goto(baseUrl + path, { referer });
    await acknowledged(page);
    for (const doing of DOINGS[number % DOINGS.length]) {
      await doing(page, baseUrl);
      await acknowledged(page);
    }
    // A page without the script, so that the previous page is left and its last event counted.
    await page.goto(`${baseUrl}/health`);
    return await page.evaluate(() => JSON.parse(decodeURIComponent(localStorage["cs-visitor"]))[4]);
  } finally {
    await context.close();
  }
}

/** Wait until the script is loaded, its idle work is done, and the collector has acknowledged its events. */
async function acknowledged(page) {
  if (!page.url().includes("/demo")) return;
  await page.waitForFunction(() => window.clickstream?.track);
  await page.evaluate(() => new Promise((idle) => requestIdleCallback(idle, { timeout: 2000 })));
  // Events of the previous page, with an earlier time in their names, were sent without waiting for the answer.
  await page.waitForFunction(() => {
    const waits = (name) => name.startsWith("cs-event") && +name.split("_")[1] > performance.timeOrigin;
    return !Object.keys(localStorage).some(waits);
  });
}

async function go(page, name) {
  const link = page.locator(`nav >> text=${name}`);
  const url = await link.evaluate((element) => element.href);
  await link.click();
  await page.waitForURL(url);
  await acknowledged(page);
}

async function browse(page) {
  await go(page, "Bags");
  await page.mouse.wheel(0, 400);
  await go(page, "Tents");
}

async function like(page) {
  await page.click("text=Like");
}

async function buy(page) {
  await page.click("#buy");
}

async function signIn(page) {
  await page.click("#sign-in");
}

async function order(page) {
  await go(page, "Cart");
  await page.click("text=Order");
  await page.waitForURL(/cart\?$/);
}

async function routes(page) {
  await go(page, "Single-page shop");
  for (const route of ["Bags", "Tents"]) {
    await page.click(`main >> text=${route}`);
    await acknowledged(page);
  }
  await page.goBack();
}

async function missing(page, baseUrl) {
  await page.goto(`${baseUrl}/demo/missing`, { referer: page.url() });
}

async function download(page) {
  await page.click("text=Prices");
}

async function outbound(page) {
  await page.click("text=Elsewhere");
  await page.waitForURL((url) => !url.href.includes("/demo"));
}
