// Every place of the dashboard, one after the other: views, tabs, and dialogs.

const VIEWS = ["Visits", "People", "Audiences", "Web vitals", "Jobs", "Failed events", "Event definitions", "Reconciliation", "Set-up"];

/** A place of each kind. */
export async function main(dashboard, there) {
  const { page } = dashboard;
  await there("overview");
  await dialog(dashboard, dashboard.panel("pages").getByRole("button", { name: /^Details/ }), "details", there);
  await dialog(dashboard, page.getByTestId("add-filter"), "filter", there);
  await dashboard.click(page.getByTestId("period"));
  await there("period");
  await dashboard.press("Escape");
  await dashboard.click(dashboard.panel("pages").getByTestId("row").first().getByRole("button"));
  await dialog(dashboard, page.getByRole("button", { name: "Save as segment" }), "save", there);
  await dashboard.click(view(page, "Visits"));
  await there("Visits, filtered");
}

/** The main pages in another language, by the places in them alone. */
export async function pages(dashboard, there) {
  const { page } = dashboard;
  await there("overview");
  await dashboard.click(page.getByTestId("help"));
  await there("help");
  await dashboard.press("Escape");
  await dashboard.click(page.getByTestId("add-filter"));
  await there("filter");
  await dashboard.press("Escape");
  const views = page.locator("nav").first().getByRole("button");
  for (let at = 1; at < (await views.count()); at++) {
    await dashboard.click(views.nth(at));
    await there(String(at));
  }
}

/** Go through all of it; `there` is told of each place by its name, once it is shown. */
export async function everywhere(dashboard, there, { tabs = true } = {}) {
  const { page } = dashboard;
  await there("overview");
  for (const panel of await page.locator('[data-testid^="panel-"]').all()) {
    const name = (await panel.getAttribute("data-testid")).replace("panel-", "");
    const all = await panel.getByRole("tab").all();
    for (const tab of tabs ? all : all.slice(0, 1)) {
      await dashboard.click(tab);
      await there(`${name} ${await tab.innerText()}`);
      if (tab === all[0]) await dialog(dashboard, panel.getByRole("button", { name: /^Details/ }), `${name} details`, there);
    }
    await dialog(dashboard, panel.getByRole("button", { name: /^SQL/ }), `${name} SQL`, there);
  }
  await dialog(dashboard, page.getByTestId("panel-funnel").getByRole("button", { name: "New funnel" }), "funnel maker", there);
  await page.getByTestId("funnel-by").selectOption("visit:device");
  await dashboard.settled();
  await there("funnel by device");
  await dialog(dashboard, page.getByTestId("funnel-group").locator(".behind").first(), "visits of a group", there);
  await dialog(dashboard, page.getByTestId("panel-funnel").locator(".behind").first(), "funnel visits", async (name) => {
    await there(name);
    await dialog(dashboard, page.getByTestId("funnel-visits").getByRole("button", { name: "Events" }).first(), "visit of a funnel", there);
  });
  await dialog(dashboard, page.getByTestId("add-filter"), "filter", there);
  await dialog(dashboard, page.getByTestId("help"), "help", there);
  await dashboard.click(page.getByTestId("period"));
  await there("period");
  await dashboard.press("Escape");
  await page.getByText("Show as table").click();
  await there("chart as table");
  await page.getByText("Show as table").click();
  for (const name of VIEWS) {
    await dashboard.click(view(page, name));
    await there(name);
    await dialog(dashboard, page.getByRole("button", { name: /^SQL/ }), `${name} SQL`, there);
    if (name === "Visits") await dialog(dashboard, page.getByRole("button", { name: "Events", exact: true }).first(), "visit", there);
    if (name === "People") {
      await dashboard.click(page.getByTestId("columns"));
      await there("columns");
      await dashboard.press("Escape");
      await dashboard.click(page.getByTestId("row").first().getByRole("button"));
      await there("person");
      await dialog(dashboard, page.getByRole("button", { name: "Edit", exact: true }), "edit", there);
      await dialog(dashboard, page.getByRole("button", { name: "Log of edits" }), "log of edits", there);
    }
    if (name === "Audiences") {
      await dashboard.click(page.getByTestId("row").first().getByRole("button"));
      await there("audience");
      await dialog(dashboard, page.getByTestId("row").first().getByRole("button", { name: /^Why/ }), "why", there);
    }
    if (name === "Jobs") {
      await dialog(dashboard, page.getByRole("button", { name: /^Runs of/ }).first(), "runs", there);
      await dialog(dashboard, page.getByRole("button", { name: /^Run now/ }).first(), "admin key", there);
    }
  }
}

const view = (page, name) => page.getByRole("navigation", { name: "Views" }).getByRole("button", { name, exact: true });

/** A dialog that a button opens, where the button is seen and has something to open. */
async function dialog(dashboard, button, name, there) {
  if (!(await button.isVisible()) || (await button.isDisabled())) return;
  await dashboard.click(button);
  await there(name);
  await dashboard.press("Escape");
}
