// Hostile texts wherever they can be shown: nothing of them may run, which every look is held to.
import { textOf } from "../page.mjs";
import { everywhere } from "./places.mjs";

/** Go everywhere; tell what texts stood there. */
export async function everything(dashboard, { path, key, property }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  const places = {};
  await everywhere(dashboard, async (name) => {
    // All text and what is said of parts; pointers and focus may set off what text alone does not.
    places[name] = await page.evaluate(() => {
      for (const part of document.querySelectorAll("button, a, input, td, th, li")) {
        for (const event of ["mouseover", "pointerenter", "focus", "toggle"]) part.dispatchEvent(new Event(event, { bubbles: true }));
      }
      return [document.body.textContent, ...[...document.querySelectorAll("[title], [value]")].map((part) => part.title + part.value)].join("\n");
    });
  });
  await dashboard.goto(path);
  await dashboard.click(dashboard.panel("events").getByRole("tab", { name: "Properties" }));
  await dashboard.panel("events").getByLabel("Property").fill(property);
  await dashboard.press("Tab");
  places.properties = await dashboard.panel("events").textContent();
  return places;
}

/** Each value in turn as a filter, by a click on it. */
export async function asFilters(dashboard, { path, key, panel, tab, values }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  const seen = [];
  await dashboard.click(dashboard.panel(panel).getByRole("tab", { name: tab, exact: true }));
  for (const value of values) {
    await dashboard.click(dashboard.panel(panel).getByRole("button", { name: /^Details/ }));
    const row = page.getByTestId("details").getByTestId("row");
    const at = await row.evaluateAll((rows, wanted) => rows.findIndex((one) => one.dataset.value === wanted), value);
    await dashboard.click(row.nth(at).getByRole("button"));
    const chip = await page.getByTestId("filters").locator("strong").first().textContent();
    seen.push({ chip, events: Number(await page.getByTestId("headline-visitors").locator("strong data").getAttribute("value")) });
    await dashboard.click(page.getByRole("button", { name: /^Remove filter/ }).first());
  }
  return seen;
}

/** Addresses that say what no view does. */
export async function addresses(dashboard, { paths, key }) {
  await dashboard.open(paths[0], key);
  const seen = [];
  for (const path of paths) {
    await dashboard.goto(path);
    seen.push(await dashboard.page.locator("main").count());
  }
  return seen;
}

/** The report of each panel as a file. */
export async function files(dashboard, { path, key }) {
  await dashboard.open(path, key);
  const found = {};
  const refused = dashboard.page.getByTestId("announced").getByText("could not be saved");
  for (const button of await dashboard.page.getByRole("button", { name: /as CSV$/ }).all()) {
    const saved = dashboard.page.waitForEvent("download");
    const complained = refused.textContent();
    void Promise.allSettled([saved, complained]);
    await button.click();
    const download = await Promise.race([saved, complained]);
    if (typeof download === "string") throw new Error(download);
    found[download.suggestedFilename()] = await textOf(download);
  }
  return found;
}

/** The page of jobs and the runs of one, with these texts wherever an answer has a text. */
export async function jobs(dashboard, { path, key, texts }) {
  await dashboard.context.route("**/api/jobs**", (route) => {
    const isRuns = new URL(route.request().url()).pathname.endsWith("/runs");
    const at = "2026-10-12T00:00:00Z";
    const run = (text) => ({ id: text, due_at: at, ended_at: at, outcome: "failed", counts: { rows: 1, [text]: 2 }, actor: "author", message: text });
    const job = (text) => ({ name: text, kind: text, description: text, status: "failed", reason: text, next_runs: [at], run: null, last_run: run(text) });
    return route.fulfill({ json: isRuns ? { runs: texts.map(run) } : { jobs: texts.map(job) } });
  });
  await dashboard.open(path, key);
  const { page } = dashboard;
  const places = { list: await page.locator("main").textContent() };
  await dashboard.click(page.getByRole("button", { name: /^Runs of/ }).first());
  places.runs = await page.getByTestId("job-runs").textContent();
  return places;
}
