// Every number of the overview, as the page holds it.

export async function overview(dashboard, { path, key, panels }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  const seen = { headline: {}, chart: {}, panels: {}, completeUntil: await page.getByTestId("complete-until").innerText() };
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
      if (await tabs.count()) await dashboard.click(tabs.nth(at));
      seen.panels[`${name}/${label}`] = await listed(dashboard, panel);
    }
  }
  return seen;
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
