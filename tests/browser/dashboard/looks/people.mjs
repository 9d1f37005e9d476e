// The list of people, a person's page, and edits of which ids are one person.
import { Keyboard } from "./keys.mjs";
import { textsOn } from "./working.mjs";

const values = (rows) => rows.evaluateAll((all) => all.map(({ dataset }) => dataset.value));
const button = (within, name) => within.getByRole("button", { name, exact: true });

/** The list narrowed in each way, with its addresses; what is read again after a reload. */
export async function list(dashboard, { path, key, trait }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  const rows = page.getByTestId("report-people").getByTestId("row");
  const took = async () => ({
    people: await values(rows),
    columns: await page.locator("thead th").evaluateAll((all) => all.map((one) => [one.innerText, one.ariaSort].filter(Boolean).join(", "))),
    query: decodeURIComponent(new URL(page.url()).search),
  });
  const seen = { all: await took(), pages: await page.getByRole("navigation", { name: "Pages of the list" }).innerText() };
  await dashboard.click(button(page, "Next"));
  seen.next = await took();
  await dashboard.click(button(page, "Visits").and(page.locator(".sort")));
  await dashboard.click(page.getByTestId("columns"));
  const menu = page.locator(".menu");
  for (const name of ["First seen", "First source", trait[0]]) await dashboard.click(menu.getByRole("checkbox", { name, exact: true }));
  await dashboard.press("Escape");
  await page.getByLabel("Trait", { exact: true }).fill(trait[0]);
  await page.getByLabel("Value").fill(trait[1]);
  await dashboard.click(button(page, "Add trait"));
  seen.narrowed = await took();
  await page.reload();
  await dashboard.settled();
  seen.reloaded = await took();
  await dashboard.click(page.getByRole("button", { name: /^Remove trait/ }));
  await dashboard.click(page.getByRole("checkbox", { name: "Anonymous visitors, too" }));
  seen.everybody = await took();
  return seen;
}

/** By the keyboard from the list to a person's page, and all that is there, in two languages. */
export async function person(dashboard, { path, key, id, language }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  const keyboard = new Keyboard(dashboard);
  await keyboard.stopAt('[role="search"] input');
  await page.keyboard.type(id);
  await dashboard.press("Enter");
  const isKept = await page.evaluate(() => document.activeElement.matches('[role="search"] input'));
  await keyboard.stopAt('[data-testid="row"] .name');
  await dashboard.press("Enter");
  const part = (name) => page.getByTestId(`person-${name}`);
  const [fields, visits] = [part("fields"), part("visits")];
  const seen = {
    isKept,
    heading: await page.getByTestId("person").locator("h2").textContent(),
    fields: await fields.getByTestId("row").evaluateAll((all) => all.map((row) => [row.dataset.value, row.cells[1].textContent, row.cells[2].textContent])),
    ids: await values(part("ids").getByTestId("row")),
    rules: await part("ids").innerText(),
    scores: await part("scores").locator("data").evaluateAll((all) => all.map(({ value }) => Number(value))),
    events: await values(visits.getByTestId("row")),
    visits: await values(visits.getByTestId("person-visit")),
    said: await visits.textContent(),
  };
  await keyboard.stopAt('[data-testid="person-fields"] [data-testid="row"] button');
  await dashboard.press("Enter");
  seen.behind = await values(page.getByTestId("visit").getByTestId("row"));
  await dashboard.press("Escape");
  await keyboard.stopAt('[data-testid="person-visits"] summary');
  await dashboard.press("Enter");
  seen.closed = await visits.locator("details").first().evaluate((one) => !one.open);
  seen.unseenStops = [...keyboard.unseen];
  await page.getByTestId("language").selectOption(language);
  await page.locator(`html[lang^="${language}"]`).waitFor();
  await dashboard.settled();
  await dashboard.click(page.getByTestId("person").getByRole("button").nth(1));
  seen.texts = await textsOn(page);
  return seen;
}

/** A merge by a wrong key and by the right one, its preview, what it made, and its undoing from the log. */
export async function edits(dashboard, { path, key, other, wrong, admin, why }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  const dialog = page.getByTestId("edit");
  const ids = () => values(page.getByTestId("person-ids").getByTestId("row"));
  const seen = { before: await ids() };
  await dashboard.click(button(page, "Edit"));
  const list = dialog.getByLabel("Ids, one per line");
  await list.fill(`${await list.inputValue()}\n${other}`);
  await dialog.getByLabel("Reason").fill(why);
  await dialog.getByLabel("Admin key").fill(wrong);
  await dashboard.click(button(dialog, "Preview"));
  seen.refused = await dialog.getByRole("alert").innerText();
  await dialog.getByLabel("Admin key").fill(admin);
  await dashboard.click(button(dialog, "Preview"));
  seen.preview = { text: await dialog.getByTestId("change").textContent(), ids: await values(dialog.getByTestId("row")) };
  seen.previewed = await ids();
  await dashboard.click(button(dialog, "Record the edit"));
  seen.status = await dialog.getByRole("status").innerText();
  await dashboard.click(dialog.getByRole("button", { name: /^Open / }));
  seen.merged = await ids();
  await dashboard.click(button(page, "Log of edits"));
  const log = page.getByTestId("edit-log");
  seen.log = await log.getByTestId("row").first().textContent();
  await dashboard.click(log.getByRole("button", { name: /^Undo edit/ }).first());
  await dialog.getByLabel("Reason").fill(why);
  await dashboard.click(button(dialog, "Preview"));
  seen.undoing = await values(dialog.getByTestId("row"));
  await dashboard.click(button(dialog, "Record the edit"));
  await dashboard.press("Escape");
  await log.getByText("undone").waitFor();
  await dashboard.press("Escape");
  await dashboard.goto(path);
  seen.undone = await ids();
  seen.kept = JSON.stringify([await dashboard.context.storageState(), await page.evaluate(() => ({ ...sessionStorage }))]);
  return seen;
}
