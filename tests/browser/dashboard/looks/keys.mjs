// The main tasks by the keyboard alone.

const MOST_STOPS = 250;

/** What was told on the way through all of them. */
export async function tasks(dashboard, { key, other }) {
  await dashboard.goto("/dashboard?site=shop&period=2026-10-12,2026-10-26");
  const { page } = dashboard;
  const keyboard = new Keyboard(dashboard);
  const told = {};
  await page.keyboard.type(key);
  await dashboard.press("Enter");
  told.opened = await figure(page);

  await dashboard.press("w");
  told.week = await page.getByTestId("period").innerText();
  await dashboard.press("ArrowLeft");
  told.weekBefore = await page.getByTestId("period").innerText();
  await page.goBack();
  await page.goBack();
  await dashboard.settled();

  await keyboard.stopAt('[data-testid="chart"]');
  await dashboard.press("End", "ArrowLeft");
  told.point = await page.getByTestId("chart").getAttribute("aria-valuetext");

  await keyboard.stopAt('[data-testid="panel-pages"] [data-testid="row"] button');
  const value = await page.evaluate(() => document.activeElement.closest("[data-testid=row]").dataset.value);
  await dashboard.press("Enter");
  told.filtered = { value, chip: await page.getByTestId("filters").innerText(), figure: await figure(page) };
  await keyboard.stopAt('[data-testid="filters"] .remove', "Shift+Tab");
  await dashboard.press("Enter");
  told.unfiltered = { chips: await page.getByTestId("filters").count(), figure: await figure(page) };

  await dashboard.press("/");
  told.filterDialog = await keyboard.focusIsIn("filter-dialog");
  await dashboard.press("Escape");

  await keyboard.stopAt('[data-testid="panel-pages"] [role="tab"][aria-selected="true"]');
  await dashboard.press("ArrowRight");
  told.tab = await page.evaluate(() => document.activeElement.innerText);

  await keyboard.stopAt('[aria-label^="SQL of "]');
  const button = await page.evaluate(() => document.activeElement.ariaLabel);
  await dashboard.press("Enter");
  told.sql = { text: await page.getByTestId("sql").locator("pre").first().innerText(), inside: await keyboard.focusIsIn("sql") };
  await dashboard.press("Tab", "Tab", "Tab", "Tab", "Tab");
  told.sql.held = await keyboard.focusIsIn("sql");
  await dashboard.press("Escape");
  told.sql.back = (await page.evaluate(() => document.activeElement.ariaLabel)) === button;

  await keyboard.stopAt('[aria-label$=" as CSV"]');
  const [download] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("Enter")]);
  told.file = download.suggestedFilename();

  await dashboard.press("?");
  told.help = await page.getByTestId("help-dialog").innerText();
  await dashboard.press("Escape");
  told.helpClosed = await page.getByTestId("help-dialog").count();

  await keyboard.stopAt('[data-testid="site"]');
  await page.keyboard.type(other);
  await dashboard.settled();
  told.site = new URL(page.url()).searchParams.get("site");
  told.unseenStops = [...keyboard.unseen];
  return told;
}

/** The main task of each page: what its control is, and what opens; without that the control changes the page itself. */
const TASKS = {
  Visits: ['[data-testid="row"] .quiet', "visit"],
  People: ['[role="search"] input', ""],
  Audiences: ['[data-testid="row"] button', ""],
  "Web vitals": ['[aria-label^="SQL of "]', "sql"],
  Jobs: ['[aria-label^="Runs of "]', "job-runs"],
  "Failed events": ['[aria-label^="SQL of "]', "sql"],
  "Event definitions": ['[aria-label^="SQL of "]', "sql"],
  Reconciliation: ['[aria-label^="SQL of "]', "sql"],
  "Set-up": ['[role="tab"][aria-selected="true"]', ""],
};

/** Each page from the one before by the keyboard, its main task, and the way back out of what that opened. */
export async function pages(dashboard, { path, key }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  const keyboard = new Keyboard(dashboard);
  const names = await page.locator("nav").first().getByRole("button").allInnerTexts();
  const told = { names, tasks: {} };
  for (const [name, [control, dialog]] of Object.entries(TASKS)) {
    await keyboard.stopAt(`nav[aria-label="Views"] button:nth-child(${names.indexOf(name) + 1})`);
    await dashboard.press("Enter");
    const current = await page.locator('nav [aria-current="page"]').innerText();
    await keyboard.stopAt(control);
    await dashboard.settled();
    const before = await page.evaluate(() => document.activeElement.outerHTML.slice(0, 80));
    if (name === "People") await page.keyboard.type("nobody");
    await dashboard.press(name === "Set-up" ? "ArrowRight" : "Enter");
    const task = { current, opened: true, back: true };
    if (dialog) {
      task.opened = await keyboard.focusIsIn(dialog);
      await dashboard.press("Escape");
      task.back = (await page.evaluate(() => document.activeElement.outerHTML.slice(0, 80))) === before;
    } else if (name === "Set-up") {
      task.opened = (await page.evaluate(() => document.activeElement.innerText)) === "Tag Manager";
    } else if (name === "People") {
      task.opened = (await page.getByTestId("report-people").innerText()).includes("Nobody matches");
    } else {
      task.opened = (await page.getByTestId("audience").count()) === 1;
    }
    told.tasks[name] = task;
  }
  return { ...told, unseenStops: [...keyboard.unseen] };
}

const figure = async (page) => Number(await page.getByTestId("headline-visitors").locator("strong data").getAttribute("value"));

export class Keyboard {
  /** Stops at which nothing shows where one is. */
  unseen = new Set();

  constructor(dashboard) {
    this.dashboard = dashboard;
    this.page = dashboard.page;
  }

  /** Go on by Tab to the first stop of that kind. */
  async stopAt(selector, key = "Tab") {
    for (let stop = 0; stop < MOST_STOPS; stop++) {
      await this.page.keyboard.press(key);
      const [found, seen, what] = await this.page.evaluate((wanted) => {
        const here = document.activeElement;
        const { width, height } = here.getBoundingClientRect();
        const { outlineStyle, outlineWidth } = getComputedStyle(here);
        const isSeen = here === document.body || (width > 0 && height > 0 && outlineStyle !== "none" && parseFloat(outlineWidth) > 0);
        return [here.matches(wanted), isSeen, here.outerHTML.slice(0, 160)];
      }, selector);
      if (!seen) this.unseen.add(what);
      if (found) return;
    }
    throw new Error(`no stop at ${selector}`);
  }

  async focusIsIn(testid) {
    return this.page.evaluate((wanted) => !!document.activeElement.closest(`[data-testid="${wanted}"]`), testid);
  }
}
