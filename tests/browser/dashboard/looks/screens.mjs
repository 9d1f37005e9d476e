// Pictures of every page, for people to look at.
import { mkdirSync } from "node:fs";
import { join } from "node:path";

const button = (within, name) => within.getByRole("button", { name, exact: true });
const row = (page) => page.getByTestId("row").first();

/** How each page is reached from the address of the site. */
const PAGES = {
  // With a key of several sites alone.
  sites: async (page) => page.getByTestId("site").selectOption(""),
  overview: async () => undefined,
  visits: async (page) => go(page, "Visits"),
  visit: async (page) => (await go(page, "Visits")) || button(page, "Events").first().click(),
  people: async (page) => go(page, "People"),
  person: async (page) => (await go(page, "People")) || row(page).getByRole("button").first().click(),
  edit: async (page) => {
    await PAGES.person(page);
    await button(page, "Edit").click();
  },
  audiences: async (page) => go(page, "Audiences"),
  audience: async (page) => (await go(page, "Audiences")) || row(page).getByRole("button").first().click(),
  web_vitals: async (page) => go(page, "Web vitals"),
  jobs: async (page) => go(page, "Jobs"),
  failed_events: async (page) => go(page, "Failed events"),
  event_definitions: async (page) => go(page, "Event definitions"),
  reconciliation: async (page) => go(page, "Reconciliation"),
  setup: async (page) => go(page, "Set-up"),
  period: async (page) => page.getByTestId("period").click(),
  filter: async (page) => page.getByTestId("add-filter").click(),
  details: async (page) => page.getByTestId("panel-pages").getByRole("button", { name: /^Details/ }).click(),
  breakdown: async (page) => page.getByTestId("funnel-by").selectOption("visit:channel"),
};

const go = (page, name) => button(page.getByRole("navigation", { name: "Views" }), name).click();

/** One picture of each page, in files named by page and `suffix`; the pages that could not be reached, with the reason. */
export async function pictures(dashboard, { path, key, folder, suffix, pages }) {
  mkdirSync(folder, { recursive: true });
  await dashboard.open(path, key);
  const { page } = dashboard;
  page.setDefaultTimeout(10_000);
  const missing = {};
  const hasSites = await page.locator('select[data-testid="site"]').count();
  const all = Object.keys(PAGES).filter((name) => name !== "sites" || hasSites);
  for (const name of pages.length ? pages : all) {
    try {
      await dashboard.goto(path);
      await PAGES[name](page);
      await dashboard.settled();
      // A dialog covers the window alone.
      const fullPage = !(await page.locator("dialog").count());
      await page.screenshot({ path: join(folder, `${name}-${suffix}.png`), fullPage });
    } catch (error) {
      missing[name] = String(error).split("\n")[0];
    }
  }
  return missing;
}
