// Visits the shop at /demo in a real browser, with the tracking script on every page. Each line on stdin names the
// functions and how many visits; its outcome tells how many events their visitors have counted.
import { DEVICE, launch, serveLines, within } from "../browser/chromium.mjs";

const AT_ONCE = 4;
const LONGEST_MS = 600_000;
// An ordinary browser's words, for what calls itself headless is counted as a bot.
const DESKTOP = "X11; Linux x86_64";
const PHONE = "Linux; Android 10; K";
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
  [like, routes, outbound],
];

// Nothing leaves the machine.
const browser = await launch("MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1");

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

/** One visit of a new visitor, page by page. Returns how many events there were. */
async function visit(baseUrl, number) {
  const isPhone = number % 3 === 2;
  const [major] = browser.version().split(".");
  const context = await browser.newContext({
    ...DEVICE,
    userAgent: `Mozilla/5.0 (${isPhone ? PHONE : DESKTOP}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${major}.0.0.0${isPhone ? " Mobile" : ""} Safari/537.36`,
    ...(isPhone && { viewport: { width: 412, height: 915 }, screen: { width: 412, height: 915 }, isMobile: true, hasTouch: true }),
  });
  try {
    const page = await context.newPage();
    const [path, referer] = ARRIVALS[number % ARRIVALS.length];
    await page.goto(baseUrl + path, { referer });
    await told(page);
    for (const doing of DOINGS[number % DOINGS.length]) {
      await doing(page, baseUrl);
      await told(page);
    }
    // A page without the script: the one before has been left, and its last event counted.
    await page.goto(`${baseUrl}/health`);
    return await page.evaluate(() => JSON.parse(decodeURIComponent(localStorage["cs-visitor"]))[4]);
  } finally {
    await context.close();
  }
}

/** The script is there, has done what it puts off until the page is idle, and what it told has been acknowledged. */
async function told(page) {
  if (!page.url().includes("/demo")) return;
  await page.waitForFunction(() => window.clickstream?.track);
  await page.evaluate(() => new Promise((idle) => requestIdleCallback(idle, { timeout: 2000 })));
  // What was under way when the page before was left has its own time in its name, and waits for nobody's answer.
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
  await told(page);
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
    await told(page);
  }
  await page.goBack();
}

async function missing(page, baseUrl) {
  await page.goto(`${baseUrl}/demo/missing`, { referer: page.url() });
}

async function outbound(page) {
  await page.click("text=Elsewhere");
  await page.waitForURL((url) => !url.href.includes("/demo"));
}
