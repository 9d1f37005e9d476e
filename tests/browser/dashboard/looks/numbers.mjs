// Every number of the overview, as the page holds it.
import { textOf } from "../page.mjs";

/** Tabs of events that the tracking script sends by itself. */
const AUTOMATIC = ["Outbound", "Downloads", "Forms", "404"];

export async function overview(dashboard, { path, key, panels }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  const seen = { headline: {}, chart: {}, panels: {} };
  seen.completeUntil = await page.getByTestId("complete-until").locator("time").getAttribute("datetime");
  for (const figure of await page.locator('[data-testid^="headline-"]').all()) {
    const metric = (await figure.getAttribute("data-testid")).replace("headline-", "");
    const [value, change] = await figure.evaluate((element) =>
      ["strong data", "data.change"].map((place) => element.querySelector(place)?.value ?? null),
    );
    seen.headline[metric] = { value, change };
    await dashboard.click(figure);
    seen.chart[metric] = await dashboard.table(page.getByTestId("chart-table"));
  }
  for (const name of panels) {
    const panel = dashboard.panel(name);
    const tabs = panel.getByRole("tab");
    for (let at = 0; at < Math.max(1, await tabs.count()); at++) {
      const label = (await tabs.count()) ? await tabs.nth(at).innerText() : name;
      if (AUTOMATIC.includes(label)) continue;
      if (await tabs.count()) await dashboard.click(tabs.nth(at));
      seen.panels[`${name}/${label}`] = await listed(dashboard, panel);
    }
  }
  return seen;
}

/** The tabs of automatic events, and how many requests asked about such events before the first one was opened. */
export async function automatic(dashboard, { path, key }) {
  let early = 0;
  const count = (request) => (early += /outbound_link|file_download|form_submit|not_found/.test(request.postData() ?? "") ? 1 : 0);
  dashboard.context.on("request", count);
  await dashboard.open(path, key);
  const panel = dashboard.panel("events");
  dashboard.context.off("request", count);
  const tabs = {};
  for (const name of AUTOMATIC) {
    await dashboard.click(panel.getByRole("tab", { name, exact: true }));
    tabs[name] = await listed(dashboard, panel);
  }
  return { early, tabs };
}

/** The list of events without those that report reading, with them, after a reload, and under a filter by one of them. */
export async function reading(dashboard, { path, key }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  const panel = dashboard.panel("events");
  const note = panel.getByTestId("reading");
  const rows = () => dashboard.table(panel.locator("table"));
  const seen = { note: await note.innerText(), without: await rows() };
  const [download] = await Promise.all([page.waitForEvent("download"), panel.getByRole("button", { name: "Events as CSV" }).click()]);
  const [header, ...lines] = (await textOf(download)).trim().split(/\r?\n/);
  const at = header.split(",").findIndex((name) => /name|event$/.test(name));
  seen.file = lines.map((line) => line.split(",")[at]);
  seen.details = (await listed(dashboard, panel)).all;
  await dashboard.click(note.getByRole("button"));
  seen.with = await rows();
  await page.reload();
  await dashboard.settled();
  seen.reloaded = await rows();
  await dashboard.click(note.getByRole("button"));
  seen.again = await rows();
  await dashboard.goto(`${path}&f=is,event:name,page_ping`);
  seen.filtered = await rows();
  return { ...seen, notes: await note.count() };
}

/** The rows of a panel, and the whole list behind them. */
async function listed(dashboard, panel) {
  const { page } = dashboard;
  if (!(await panel.locator("table").count())) return { few: { columns: [], rows: [] }, all: { columns: [], rows: [] } };
  const few = await dashboard.table(panel.locator("table"));
  await dashboard.click(panel.getByRole("button", { name: /^Details/ }));
  const all = await dashboard.table(page.getByTestId("details").locator("table"));
  await dashboard.press("Escape");
  return { few, all };
}

/** The details of the pages after a click on each of these headings, and the file of the last order. */
export async function details(dashboard, { path, key, headings }) {
  await dashboard.open(path, key);
  await dashboard.click(dashboard.panel("pages").getByRole("button", { name: /^Details/ }));
  const dialog = dashboard.page.getByTestId("details");
  const orders = [];
  for (const name of headings) {
    await dashboard.click(dialog.locator("thead").getByText(name, { exact: true }));
    orders.push({
      sorted: await dialog.locator("th[aria-sort]").evaluateAll((all) => all.map((one) => [one.textContent, one.ariaSort])),
      values: (await dashboard.table(dialog.locator("table"))).rows.map(({ value }) => value),
    });
  }
  const changes = await dialog.getByTestId("row").evaluateAll((rows) =>
    rows.map((row) => [...row.querySelectorAll("td")].map((cell) => cell.querySelector("data.change")?.value ?? null)),
  );
  const saved = dashboard.page.waitForEvent("download");
  await dialog.getByRole("button", { name: /as CSV$/ }).click();
  return { orders, changes, file: await textOf(await saved) };
}

/** The amounts of each currency, exact and as they are shown, and what is said of them. */
export async function money(dashboard, { path, key }) {
  await dashboard.open(path, key);
  const seen = { note: await dashboard.page.getByTestId("currency-note").first().innerText() };
  for (const metric of ["total_revenue", "average_revenue"]) {
    const amounts = dashboard.page.getByTestId(`headline-${metric}`).locator("[data-currency]");
    seen[metric] = await amounts.evaluateAll((elements) =>
      elements.map((element) => [element.dataset.currency, element.querySelector("data").value, element.textContent]),
    );
  }
  return seen;
}

/** What is said of bots, and what is there after a click on it. */
export async function bots(dashboard, { path, key }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  const line = page.getByTestId("bots-left-out");
  const seen = { line: await line.innerText() };
  await dashboard.click(line.getByRole("button"));
  seen.visitors = Number(await page.getByTestId("headline-visitors").locator("strong data").getAttribute("value"));
  seen.isStillThere = (await line.count()) > 0;
  return seen;
}

/** What happened one after the other: of each part its value, and its exact numbers in their order. */
export async function sequences(dashboard, { path, key }) {
  await dashboard.open(path, key);
  const parts = {
    funnel: dashboard.page.getByTestId("funnel-step"),
    groups: dashboard.page.getByTestId("funnel-group"),
    paths: dashboard.page.getByTestId("path"),
    retention: dashboard.page.getByTestId("cohort"),
    frequency: dashboard.panel("frequency").getByTestId("row"),
    attribution: dashboard.panel("attribution").getByTestId("row"),
  };
  const seen = {};
  for (const [name, part] of Object.entries(parts)) {
    seen[name] = await part.evaluateAll((elements) =>
      elements.map((element) => [element.dataset.value ?? null, ...[...element.querySelectorAll("data")].map(({ value }) => Number(value))]),
    );
  }
  return seen;
}
