// What is shown where there are no numbers, and what the address keeps.

const textOf = (dashboard) => dashboard.page.locator("body").innerText();
const visitors = async (page) => Number(await page.getByTestId("headline-visitors").locator("strong data").getAttribute("value"));

export async function empty(dashboard, { path, key }) {
  await dashboard.open(path, key);
  return { text: await textOf(dashboard), alerts: await dashboard.page.getByRole("alert").allInnerTexts() };
}

/** A wrong key, then the right one; then who comes back, who opens another tab, and who leaves. */
export async function keys(dashboard, { path, key }) {
  const { context } = dashboard;
  await dashboard.open(path, "nobody's");
  const told = { refused: await dashboard.page.getByRole("alert").innerText() };
  await dashboard.enter(key);
  told.opened = await visitors(dashboard.page);
  told.address = dashboard.page.url();
  await dashboard.page.reload();
  await dashboard.settled();
  told.again = await visitors(dashboard.page);
  const tab = await dashboard.watched(await context.newPage());
  await tab.goto(dashboard.page.url());
  told.otherTabAsks = await tab.getByLabel("Read key").isVisible();
  await dashboard.click(dashboard.page.getByRole("button", { name: "Log out" }));
  await dashboard.page.reload();
  told.asksAfterLeaving = await dashboard.page.getByLabel("Read key").isVisible();
  told.kept = JSON.stringify([await context.storageState(), await dashboard.page.evaluate(() => ({ ...sessionStorage }))]);
  return told;
}

/** The server is out of reach, then too busy, then back. */
export async function outage(dashboard, { path, key }) {
  const { context } = dashboard;
  let answer = (route) => route.continue();
  await context.route("**/api/**", (route) => answer(route));
  const told = {};
  await dashboard.open(path, key);
  const { page } = dashboard;
  told.before = await visitors(page);
  answer = (route) => route.fulfill({ status: 503, headers: { "Retry-After": "1" }, json: { code: "unavailable", message: "The lake cannot be read now." } });
  await dashboard.press("t");
  told.busy = await page.getByRole("alert").first().innerText();
  answer = (route) => route.abort("connectionrefused");
  await page.getByText("cannot be reached").first().waitFor();
  answer = (route) => route.continue();
  await page.waitForFunction(() => !document.querySelector('[role="alert"]'));
  await dashboard.settled();
  await dashboard.page.goBack();
  await dashboard.settled();
  told.after = await visitors(page);
  return told;
}

/** Each step changes the view; the way back shows each again, and so do a reload and another tab. */
export async function history(dashboard, { path, key }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  const steps = [
    () => dashboard.click(dashboard.panel("pages").getByTestId("row").first().getByRole("button")),
    () => dashboard.click(page.getByTestId("headline-pageviews")),
    () => dashboard.click(dashboard.panel("devices").getByRole("tab", { name: "Browsers" })),
    () => dashboard.click(page.getByTestId("filters").locator(".operator")),
  ];
  const views = [await shown(page)];
  for (const step of steps) {
    await step();
    views.push(await shown(page));
  }
  await page.reload();
  await dashboard.settled();
  const reloaded = await shown(page);
  const tab = await dashboard.watched(await dashboard.context.newPage());
  await tab.goto(page.url());
  await tab.getByLabel("Read key").fill(key);
  await tab.keyboard.press("Enter");
  await tab.getByTestId("chart").waitFor();
  await dashboard.settled(tab);
  const copied = await shown(tab);
  await tab.close();
  const back = [reloaded];
  for (let step = 0; step < steps.length; step++) {
    await page.goBack();
    await dashboard.settled();
    back.unshift(await shown(page));
  }
  return { views, back, reloaded, copied };
}

/** What a person sees of the view. */
async function shown(page) {
  return page.evaluate(() => {
    const texts = (selector) => [...document.querySelectorAll(selector)].map((part) => part.innerText);
    return {
      address: location.search,
      filters: texts('[data-testid="filters"] li'),
      figures: texts('[data-testid^="headline-"]'),
      chosen: texts('.figure[aria-pressed="true"], [role="tab"][aria-selected="true"]'),
      rows: texts('[data-testid="row"]'),
      chart: document.querySelector('[data-testid="chart-table"]').textContent,
    };
  });
}

/** The change of each figure against the period before, against the same dates as others, and after a reload. */
export async function otherDates(dashboard, { path, key, from, to }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  const changes = () => page.locator("data.change").evaluateAll((all) => all.map(({ value }) => value));
  const told = { before: await changes() };
  await page.getByTestId("compare").selectOption("other");
  const dialog = page.getByTestId("compare-dates");
  await dialog.getByLabel("From").fill(from);
  await dialog.getByLabel("To").fill(to);
  await dashboard.click(dialog.getByRole("button", { name: "Apply" }));
  told.other = await changes();
  told.chosen = await page.getByTestId("compare").locator("option:checked").innerText();
  await page.reload();
  await dashboard.settled();
  told.reloaded = await changes();
  return told;
}

/** The chart's points that are not complete, and whether one can go on from here, of a running and of a past week. */
export async function unfinished(dashboard, { path, key }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  const seen = {};
  for (const name of ["running", "past"]) {
    await page.getByText("Show as table").click();
    const rows = page.getByTestId("chart-table").locator("tbody th");
    seen[name] = {
      labels: await rows.allInnerTexts(),
      partial: await rows.evaluateAll((all) => all.map((row) => row.hasAttribute("data-partial"))),
      later: await page.getByRole("button", { name: "Later" }).isEnabled(),
      period: new URL(page.url()).searchParams.get("period"),
    };
    await page.getByText("Show as table").click();
    await dashboard.click(page.getByRole("button", { name: "Earlier" }));
  }
  await dashboard.click(page.getByRole("button", { name: "Later" }));
  await dashboard.click(page.getByRole("button", { name: "Later" }));
  return { ...seen, back: new URL(page.url()).searchParams.get("period") };
}
