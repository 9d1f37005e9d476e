// The page of a share link: by itself, and framed by pages of other origins.
import { createServer } from "node:http";

const visitors = (part) => part.getByTestId("headline-visitors").locator("strong data");

export async function link(dashboard, { path }) {
  await dashboard.goto(path);
  const { page } = dashboard;
  const told = { figure: Number(await visitors(page).getAttribute("value")), views: await page.getByRole("navigation", { name: "Views" }).count() };
  await dashboard.click(dashboard.panel("pages").getByTestId("row").first().getByRole("button"));
  told.filters = await page.getByTestId("filters").innerText();
  told.address = page.url();
  await page.reload();
  await dashboard.settled();
  told.closed = {
    now: await page.getByTestId("now").count(),
    sequences: await page.locator('[data-testid="panel-funnel"], [data-testid="panel-paths"], [data-testid="panel-retention"]').count(),
    properties: await page.getByRole("tab", { name: "Properties" }).count(),
    problems: await page.getByRole("alert").count(),
  };
  await page.getByTestId("period").click();
  told.periods = await page.locator(".menu .group button").allInnerTexts();
  await page.keyboard.press("Escape");
  await dashboard.click(page.getByTestId("add-filter"));
  told.dimensions = await page.getByTestId("filter-dialog").getByLabel("Dimension").locator("option").evaluateAll((all) => all.map(({ value }) => value));
  await page.keyboard.press("Escape");
  told.reloaded = await page.getByTestId("filters").innerText();
  told.kept = await page.evaluate(() => Object.values({ ...sessionStorage, ...localStorage }));
  const asked = dashboard.page.waitForRequest((request) => request.url().includes("/share/"));
  await page.reload();
  told.sent = (await asked).url();
  return told;
}

/** Of each panel the rows, and what it says of values of few visitors. */
export async function small(dashboard, { path, panels }) {
  await dashboard.goto(path);
  const told = {};
  for (const name of panels) {
    const panel = dashboard.panel(name);
    const rows = await panel
      .getByTestId("row")
      .evaluateAll((all) => all.map((row) => [row.dataset.value, Number(row.querySelector("td data").value)]));
    told[name] = { rows, notice: await panel.getByTestId("small-groups").allInnerTexts() };
  }
  return told;
}

/** The key of a link, entered where everything would be: the address asks for visits. */
export async function entered(dashboard, { path, key }) {
  await dashboard.goto(path);
  await dashboard.enter(key);
  const { page } = dashboard;
  return {
    figure: Number(await visitors(page).getAttribute("value")),
    views: await page.getByRole("navigation", { name: "Views" }).count(),
    leave: await page.getByTestId("leave").count(),
  };
}

/** An address that gives the key: what it shows, and what is left of the key in it and after a reload. */
export async function given(dashboard, { path }) {
  await dashboard.goto(path);
  const { page } = dashboard;
  const told = { figure: Number(await visitors(page).getAttribute("value")), address: page.url() };
  await page.reload();
  await dashboard.settled();
  return { ...told, reloaded: Number(await visitors(page).getAttribute("value")) };
}

/** A page of each origin that frames the address: whether the numbers are seen in it. */
export async function frames(dashboard, { port, origins, address }) {
  const body = `<!doctype html><title>Ours</title><link rel="icon" href="data:,"><iframe width="1000" height="800" src="${address}"></iframe>`;
  const server = createServer((_, response) => response.writeHead(200, { "content-type": "text/html" }).end(body));
  await new Promise((listening) => server.listen(port, "127.0.0.1", listening));
  const seen = {};
  try {
    for (const origin of origins) {
      dashboard.origins.add(origin);
      const page = await dashboard.context.newPage();
      await page.goto(`${origin}/`);
      const frame = page.frames()[1];
      // A page that may not be framed is replaced by the browser's own.
      const blocked = page.waitForEvent("framenavigated", { predicate: (one) => one.url().startsWith("chrome-error") }).then(() => null);
      const figure = visitors(frame).getAttribute("value").then(Number);
      const refused = frame.url().startsWith("chrome-error") ? null : Promise.race([blocked, figure]);
      seen[origin] = await refused;
      void Promise.allSettled([blocked, figure]);
    }
  } finally {
    server.close();
  }
  return seen;
}
