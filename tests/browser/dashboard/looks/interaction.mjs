// Gestures, small screens, and requests that fail.

const numbers = (page) => page.locator("main data").evaluateAll((all) => all.map(({ value }) => value));

/** The period after a click at each of these parts of the chart's width, whose numbers are never answered. */
export async function chartClicks(dashboard, { path, key, parts }) {
  const { context } = dashboard;
  let answers = true;
  await context.route("**/api/**", (route) => (answers ? route.continue() : undefined));
  await dashboard.open(path, key);
  const { page } = dashboard;
  const period = (url) => new URL(url).searchParams.get("period");
  const before = period(page.url());
  const periods = [];
  for (const part of parts) {
    const { x, y, width, height } = await page.locator(".u-over").boundingBox();
    await page.mouse.move(x + width * part, y + height / 2);
    answers = false;
    await page.mouse.down();
    await page.mouse.up();
    await page.waitForURL((url) => period(url) !== before);
    periods.push(period(page.url()));
    answers = true;
    await page.goBack();
    await dashboard.settled();
  }
  return periods;
}

/** What lies outside the window of a phone, by what is open; and the numbers that are cut off in Details. */
export async function smallScreen(dashboard, { path, key }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  const outside = {};
  const check = async (name, selector) => {
    outside[name] = await page.locator(selector).evaluateAll((parts) =>
      parts
        .flatMap((part) => [part, ...part.querySelectorAll("button, input, select")])
        .filter((part) => part.getClientRects().length)
        .filter((part) => {
          const { left, right } = part.getBoundingClientRect();
          return left < 0 || right > innerWidth;
        })
        .map((part) => part.outerHTML.slice(0, 80)),
    );
    if ((await page.locator(selector).count()) === 0) throw new Error(`${name} is not open`);
  };
  const label = await page.getByTestId("period").locator("span").last().evaluate((part) => part.scrollWidth - part.clientWidth);
  await dashboard.click(page.getByTestId("period"));
  await check("period", ".menu");
  await dashboard.press("Escape");
  await dashboard.click(page.getByTestId("add-filter"));
  await check("filter", "dialog");
  await dashboard.press("Escape");
  await dashboard.click(dashboard.panel("pages").getByRole("button", { name: /^Details/ }));
  await check("details", "dialog");
  const cut = await page
    .getByTestId("details")
    .locator("data")
    .evaluateAll((all) =>
      all
        .filter((one) => one.getClientRects().length)
        .filter((one) => {
          const { left, right } = one.getBoundingClientRect();
          const dialog = one.closest("dialog").getBoundingClientRect();
          return left < dialog.left || right > dialog.right || one.parentElement.scrollWidth > one.parentElement.clientWidth;
        })
        .map((one) => one.value),
    );
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  return { outside, cut, wide, label };
}

/** A refresh that fails: the numbers before and during the outage, its messages, and what Retry does. */
export async function failedRefresh(dashboard, { path, key, status }) {
  const { context } = dashboard;
  let answer = (route) => route.continue();
  await context.route("**/api/**", (route) => answer(route));
  await dashboard.open(path, key);
  const { page } = dashboard;
  const seen = { before: await numbers(page) };
  answer = (route) => (status ? route.fulfill({ status, json: { message: "the lake is away" } }) : route.abort());
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await page.getByTestId("outage").waitFor();
  await dashboard.settled();
  seen.during = await numbers(page);
  seen.alerts = await page.getByRole("alert").allInnerTexts();
  answer = (route) => route.continue();
  await page.getByRole("button", { name: "Retry" }).click();
  await page.waitForFunction(() => !document.querySelector('[role="alert"]'));
  await dashboard.settled();
  seen.after = await numbers(page);
  return seen;
}

/** A file that the server refuses: what is said, and whether it can be closed. */
export async function failedFile(dashboard, { path, key }) {
  await dashboard.open(path, key);
  const { page, context } = dashboard;
  await context.route("**/api/reports/**", (route) => route.fulfill({ status: 400, json: { message: "no such report" } }));
  await dashboard.click(page.getByRole("button", { name: "Channels as CSV" }));
  const alert = page.getByTestId("alert");
  const text = await alert.innerText();
  const isInside = await alert.evaluate((part) => {
    const { top, bottom } = part.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
  });
  await dashboard.click(alert.getByRole("button", { name: "Close the message" }));
  return { text, isInside, left: await alert.count() };
}

/** Where the focus is after a key that opens nothing. */
export async function refusedKey(dashboard, { path }) {
  await dashboard.open(path, "nobody's");
  return dashboard.page.evaluate(() => document.activeElement.name);
}

/** A wrong share link, then the right key in the same tab, then the skip link. */
export async function sharedTab(dashboard, { path, key }) {
  await dashboard.goto(`${path}#wrong`);
  const { page } = dashboard;
  const refused = await page.getByRole("alert").innerText();
  await page.evaluate((right) => (location.hash = right), key);
  await page.getByTestId("headline-visitors").waitFor();
  await dashboard.settled();
  const figure = Number(await page.getByTestId("headline-visitors").locator("strong data").getAttribute("value"));
  await page.evaluate(() => document.activeElement.blur());
  await dashboard.press("Tab", "Enter");
  return { refused, figure, focus: await page.evaluate(() => document.activeElement.id), hash: new URL(page.url()).hash };
}
