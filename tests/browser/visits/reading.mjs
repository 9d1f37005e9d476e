// Pages that are read, or left open, for longer than a visit's pause. The clock is the test's.

const MINUTE = 60_000;

// What a page asked the collector for, and has no answer to yet.
const unanswered = new WeakMap();

async function opened(site, path) {
  const context = await site.context();
  const page = await context.newPage();
  const requests = new Set();
  unanswered.set(page, requests);
  page.on("request", (request) => request.url().startsWith(site.collector) && requests.add(request));
  for (const end of ["requestfinished", "requestfailed"]) page.on(end, (request) => requests.delete(request));
  page.on("pageerror", (error) => site.errors.push(String(error.stack ?? error)));
  await page.clock.install();
  await go(site, page, path);
  return page;
}

/**
 * Go to a page, and let its clock run until everything that waits for a moment is sent and acknowledged. The clock rests
 * while an answer is on its way: on a busy machine the next event would be due before each of them.
 */
async function go(site, page, path) {
  const nothingWaits = () => page.evaluate(site.nothingWaits);
  const isFirst = path == "/read";
  // What is under way when a page is left stays on the device until a page begins half a minute later: there is none.
  if (!isFirst) for (await answered(page, 1200); !(await nothingWaits()); await answered(page, 1200)) await page.clock.runFor(100);
  await page.goto(site.url(path), { referer: isFirst ? undefined : page.url() });
  const isThere = () => page.evaluate(() => Boolean(window.clickstream?.track));
  do {
    await page.clock.runFor(1000);
    await answered(page);
  } while (!(await isThere()) || !(await nothingWaits()));
}

/** Every request is answered, except what a page that was left sent as it ended: the browser may never report it. */
async function answered(page, most = 100) {
  const requests = unanswered.get(page);
  for (let tries = 0; requests.size && tries < most; tries++) await new Promise((resolve) => setTimeout(resolve, 50));
  requests.clear();
}

/** Read for 45 minutes without a click, then followed by another page. */
export async function late(site) {
  const page = await opened(site, "/read");
  await page.clock.fastForward(45 * MINUTE);
  await go(site, page, "/next");
  await site.leave(page);
}

/** In the background for three hours, looked at again, and left for another page. */
export async function forgotten(site) {
  const page = await opened(site, "/read");
  await show(page, false);
  await page.clock.fastForward(180 * MINUTE);
  await show(page, true);
  await page.clock.fastForward(5 * MINUTE);
  await page.evaluate(() => {
    window.clickstream.identify("ada");
    window.clickstream.track("refreshed", { interactive: false });
  });
  await go(site, page, "/next");
  await site.leave(page);
}

async function show(page, isShown) {
  await page.evaluate((shown) => {
    if (shown) delete document.hidden;
    else Object.defineProperty(document, "hidden", { configurable: true, value: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, isShown);
}
