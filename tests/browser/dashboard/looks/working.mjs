// Set-up, filters by several values, audiences, jobs and languages.
import { createServer } from "node:http";
import { Keyboard } from "./keys.mjs";
import { pages } from "./places.mjs";

const chips = (page) => page.getByTestId("filters").locator("li.chip").allInnerTexts();

/** What the set-up view says before and after a page is entered, and the verdicts of what arrived. */
export async function setup(dashboard, { path, key, pages }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  const shown = page.locator('[data-testid="setup-check"] > .checks').getByTestId("check");
  const checks = () => shown.evaluateAll((all) => all.map((one) => [one.dataset.state, one.querySelector("strong").innerText]));
  const seen = { snippet: await page.getByTestId("snippet").innerText(), checks: await checks(), pages: {} };
  for (const address of pages) {
    await page.getByLabel("Address of a page of yours").fill(address);
    seen.pages[address] = await checks();
  }
  seen.snippets = {};
  for (const tab of await page.getByTestId("setup-snippet").getByRole("tab").all()) {
    await tab.click();
    seen.snippets[await tab.innerText()] = await page.getByTestId("snippet").innerText();
  }
  seen.verdicts = await page.getByTestId("setup-events").locator("[data-verdict]").evaluateAll((all) => all.map(({ dataset }) => dataset.verdict));
  seen.text = await page.getByTestId("setup-events").innerText();
  return seen;
}

/** The web vitals: of the site, and of each page, with their ratings. */
export async function vitals(dashboard, { path, key }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  const ratings = (all) => all.map((one) => [one.querySelector("data").value, one.dataset.rating ?? null]);
  const total = await page.locator(".vitals .vital").evaluateAll(ratings);
  const words = await page.getByTestId("vital-lcp_ms").innerText();
  const rows = await page.getByTestId("row").evaluateAll((all) => all.map((row) => [row.dataset.value, row.querySelector(".vital data").value]));
  const of = async (tab) => {
    await dashboard.click(page.getByRole("tab", { name: tab, exact: true }));
    return page.getByTestId("row").evaluateAll((all) => all.map((row) => row.dataset.value));
  };
  return { total, words, rows, days: await of("Days"), devices: (await of("Devices")).length, query: page.url().split("?")[1] };
}

/** Two pages by the keyboard alone, one more value by its chip, then by Ctrl; each with the filters of the last query. */
export async function severalValues(dashboard, { path, key }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  let sent;
  page.on("request", (request) => {
    if (request.url().endsWith("/api/questions")) sent = request.postDataJSON().questions.at(-1).query.filters;
  });
  const seen = {};
  const took = async (name) => {
    await dashboard.settled();
    seen[name] = { chips: await chips(page), sent, address: new URL(page.url()).search };
  };
  await dashboard.press("/");
  await dashboard.press("ArrowDown", "Enter", "ArrowDown", "ArrowDown", "Enter", "Tab", "Tab", "Tab", "Tab");
  while (!(await page.evaluate(() => document.activeElement.matches(".primary")))) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await took("keyboard");
  await dashboard.click(page.getByTestId("filters").getByRole("button", { name: /^Change filter/ }));
  const dialog = page.getByTestId("filter-dialog");
  seen.chosen = await dialog.getByRole("list", { name: "Chosen values" }).getByRole("button").allInnerTexts();
  await dialog.getByRole("combobox", { name: "Values" }).fill("/typed, by hand");
  await dashboard.click(dialog.getByRole("button", { name: "Change filter" }));
  await took("changed");
  await page.goBack();
  await dashboard.settled();
  await dashboard.panel("devices").getByTestId("row").first().getByRole("button").click({ modifiers: ["Control"] });
  await took("ctrl");
  await page.reload();
  await dashboard.settled();
  seen.reloaded = await chips(page);
  return seen;
}

/** The properties that are offered, and the values of the one that is chosen. */
export async function properties(dashboard, { path, key }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  const panel = dashboard.panel("events");
  await dashboard.click(panel.getByRole("tab", { name: "Properties" }));
  const names = await panel.getByTestId("row").evaluateAll((all) => all.map(({ dataset }) => dataset.value));
  await dashboard.click(panel.getByTestId("row").first().getByRole("button"));
  return { names, property: await panel.getByRole("textbox", { name: "Property" }).inputValue(), values: await panel.getByTestId("row").count() };
}

/** Two filters joined by "or" and divided again, the page views by weekday and hour, and the events of the newest visit. */
export async function joined(dashboard, { path, key }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  const pageviews = () => page.getByTestId("headline-pageviews").locator("strong data").getAttribute("value").then(Number);
  const seen = { and: await pageviews() };
  await dashboard.click(page.locator('[data-joint="and"]'));
  seen.or = await pageviews();
  seen.chips = await chips(page);
  seen.hours = await dashboard.panel("hours").locator("data").evaluateAll((all) => all.map(({ value }) => Number(value)));
  await dashboard.click(page.locator('[data-joint="or"]'));
  seen.again = await pageviews();
  await dashboard.click(page.getByRole("navigation", { name: "Views" }).getByRole("button", { name: "Visits", exact: true }));
  await dashboard.click(page.getByRole("button", { name: "Events", exact: true }).first());
  seen.events = await page.getByTestId("visit").getByTestId("row").evaluateAll((all) =>
    all.map((one) => ({ id: one.dataset.value, time: one.querySelector("time").textContent, text: one.innerText })),
  );
  return seen;
}

/** A segment, saved by a wrong key, then by the right one: what is refused, the plan, and what is said at the end. */
export async function saving(dashboard, { path, key, called, wrong, admin }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  const offered = await page.getByRole("button", { name: /^Save as/ }).allInnerTexts();
  await dashboard.click(page.getByRole("button", { name: "Save as segment" }));
  const dialog = page.getByTestId("save");
  await dialog.getByLabel("Name").fill(called);
  const seen = { offered, entry: await dialog.getByTestId("entry").innerText() };
  await dialog.getByLabel("Admin key").fill(wrong);
  await dashboard.click(dialog.getByRole("button", { name: "Show the plan" }));
  seen.refused = await dialog.getByRole("alert").innerText();
  await dialog.getByLabel("Admin key").fill(admin);
  await dashboard.click(dialog.getByRole("button", { name: "Show the plan" }));
  seen.plan = await dialog.getByTestId("plan").innerText();
  await dashboard.click(dialog.getByRole("button", { name: "Save", exact: true }));
  seen.saved = await dialog.innerText();
  return seen;
}

/** The countries of the map that have visitors, what each says, and the filter by a click on one. */
export async function map(dashboard, { path, key, country }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  const asked = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  await dashboard.click(dashboard.panel("places").getByRole("tab", { name: "Map" }));
  const known = page.getByTestId("map").locator(".known");
  await known.first().waitFor();
  const seen = { files: asked.filter((one) => one.includes("world")).length, all: await page.getByTestId("map").locator("path").count() };
  seen.known = Object.fromEntries(await known.evaluateAll((all) => all.map((one) => [one.dataset.value, one.textContent])));
  seen.table = await dashboard.table(dashboard.panel("places"));
  await dashboard.click(known.and(page.locator(`[data-value="${country}"]`)));
  return { ...seen, chips: await chips(page) };
}

/** By the keyboard the marks of the chart with their texts, and what the table and the chart say of them; then another annotation is planned. */
export async function annotations(dashboard, { path, key, admin, text }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  const keyboard = new Keyboard(dashboard);
  await keyboard.stopAt('[data-testid="annotation"]');
  const mark = page.getByTestId("annotation");
  const seen = { marks: await mark.count(), name: await mark.first().getAttribute("aria-label"), shown: await mark.locator(".said").first().innerText() };
  const { x, width } = await mark.first().boundingBox();
  const plot = await page.locator(".u-over").boundingBox();
  seen.place = (x + width / 2 - plot.x) / plot.width;
  seen.table = await page.getByTestId("chart-table").textContent();
  await page.getByTestId("chart").focus();
  await dashboard.press("End");
  seen.spoken = await page.getByTestId("chart").getAttribute("aria-valuetext");
  await dashboard.click(page.getByTestId("annotate"));
  const dialog = page.getByTestId("save");
  await dialog.getByLabel("Day").fill("2026-10-14");
  await dialog.getByLabel("What happened").fill(text);
  seen.entry = await dialog.getByTestId("entry").innerText();
  await dialog.getByLabel("Admin key").fill(admin);
  await dashboard.click(dialog.getByRole("button", { name: "Show the plan" }));
  seen.plan = await dialog.getByTestId("plan").innerText();
  await dashboard.click(dialog.getByRole("button", { name: "Save", exact: true }));
  seen.saved = await dialog.innerText();
  seen.unseenStops = [...keyboard.unseen];
  return seen;
}

/** The audiences, the members of one, why its first member is one and another person is not, and the visits of that member. */
export async function audiences(dashboard, { path, key, audience, other }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  const rows = page.getByTestId("row");
  const size = (part) => part.locator("data").first().getAttribute("value").then(Number);
  const seen = { sizes: {} };
  for (const row of await rows.all()) seen.sizes[await row.getAttribute("data-value")] = await size(row);
  await dashboard.click(rows.and(page.locator(`[data-value="${audience}"]`)).getByRole("button"));
  seen.definition = await page.getByTestId("definition").innerText();
  seen.size = await size(page.getByTestId("size"));
  seen.members = await rows.evaluateAll((all) => all.map(({ dataset }) => dataset.value));
  const why = async (open) => {
    await open();
    const dialog = page.getByTestId("why");
    const text = await dialog.innerText();
    const holds = await dialog.getByTestId("condition").evaluateAll((all) => all.map(({ dataset }) => dataset.holds));
    await dashboard.press("Escape");
    return { text, holds };
  };
  seen.why = await why(() => dashboard.click(rows.first().getByRole("button", { name: /^Why/ })));
  seen.whyNot = await why(async () => {
    await page.getByPlaceholder("Person").fill(other);
    await dashboard.click(page.getByRole("button", { name: "Check" }));
  });
  await dashboard.click(rows.first().getByRole("button", { name: /^Visits of/ }));
  seen.chips = await chips(page);
  await rows.first().waitFor();
  seen.visits = await rows.count();
  return seen;
}

/** What is said of a job, and its status after it was stopped and resumed, first by a wrong admin key. */
export async function jobs(dashboard, { path, key, job, wrong, admin }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  const row = page.getByTestId("row").and(page.locator(`[data-value="${job}"]`));
  const seen = { text: await row.innerText(), status: [] };
  const enter = async (entered) => {
    await page.getByTestId("admin-key").getByLabel("Admin key").fill(entered);
    await dashboard.press("Enter");
  };
  const note = async () => seen.status.push(await row.getAttribute("data-status"));
  await note();
  await dashboard.click(row.getByRole("button", { name: /^Stop/ }));
  await enter(wrong);
  seen.refused = await page.getByTestId("alert").innerText();
  await note();
  await dashboard.click(row.getByRole("button", { name: /^Stop/ }));
  await enter(admin);
  await note();
  seen.announced = await page.getByTestId("announced").innerText();
  await dashboard.click(row.getByRole("button", { name: /^Resume/ }));
  await note();
  seen.kept = JSON.stringify([await dashboard.context.storageState(), await page.evaluate(() => ({ ...sessionStorage }))]);
  return seen;
}

/** Every text of the main pages after the other language is chosen, shown or read out, and what the page remembers. */
export async function language(dashboard, { path, key, chosen }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  await page.getByTestId("language").selectOption(chosen);
  await page.locator(`html[lang^="${chosen}"]`).waitFor();
  await dashboard.settled();
  const seen = { texts: [], visitors: await page.getByTestId("headline-views_per_visit").locator("strong").innerText() };
  await pages(dashboard, async () => seen.texts.push(...(await textsOn(page))));
  return { ...seen, lang: await page.evaluate(() => document.documentElement.lang) };
}

/** Every text on the page, shown or read out. */
export async function textsOn(page) {
  return page.evaluate(() => {
    const texts = new Set();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) texts.add(walker.currentNode.data);
    for (const name of ["aria-label", "title", "placeholder"]) {
      for (const part of document.querySelectorAll(`[${name}]`)) texts.add(part.getAttribute(name));
    }
    return [...texts];
  });
}

/** The requests of the first screen, and how many there are once a reader has scrolled to the end. */
export async function requests(dashboard, { path, key }) {
  const { context, baseUrl } = dashboard;
  await context.addInitScript((stored) => sessionStorage.setItem("clickstream-key", stored), key);
  const page = await dashboard.watched(await context.newPage());
  const asked = [];
  page.on("request", (request) => new URL(request.url()).pathname.startsWith("/api/") && asked.push(new URL(request.url()).pathname));
  await page.goto(baseUrl + path);
  await page.getByTestId("chart").waitFor();
  await page.waitForFunction(() => !document.querySelector('[aria-busy="true"], .loading'));
  const first = [...asked];
  const later = await page.getByTestId("later").count();
  await dashboard.settled(page);
  return { first, later, all: asked.length, left: await page.getByTestId("later").count() };
}

/** The console's messages on pages with `t.debug.js`: of an allowed origin, of another, of a wrong key, and of a strict policy. */
export async function debugging(dashboard, { port, allowed, other, key }) {
  const { context, baseUrl } = dashboard;
  const tag = (name) => `<!doctype html><title>A page</title><script async src="${baseUrl}/t.debug.js" ${name}></script>`;
  const pages = {
    "/right": [tag(`data-site="${key}"`)],
    "/wrong": [tag('data-site="nobodys"')],
    "/none": [tag("")],
    "/strict": [tag(`data-site="${key}"`), `script-src ${baseUrl}; connect-src 'none'`],
  };
  const server = createServer((request, response) => {
    const [body, policy] = pages[request.url] ?? [""];
    response.writeHead(200, { "content-type": "text/html", ...(policy && { "content-security-policy": policy }) }).end(body);
  });
  await new Promise((listening) => server.listen(port, "127.0.0.1", listening));
  const seen = {};
  try {
    const visits = { right: [allowed, "/right"], other: [other, "/right"], wrong: [allowed, "/wrong"], none: [allowed, "/none"], strict: [allowed, "/strict"] };
    for (const [name, [origin, path]] of Object.entries(visits)) {
      const page = await context.newPage();
      const messages = [];
      page.on("console", (message) => messages.push(message.text()));
      await page.goto(origin + path);
      const about = /page_view: |refused with|no answer for|Content-Security-Policy blocks/;
      while (!messages.some((text) => about.test(text))) await page.waitForEvent("console");
      seen[name] = messages.filter((text) => text.startsWith("[clickstream]"));
      await page.close();
    }
  } finally {
    server.close();
  }
  return seen;
}
