// The list of sites, and all of them together.
import { AXE, broken } from "./access.mjs";
import { Keyboard } from "./keys.mjs";
import { textsOn } from "./working.mjs";

/** What each site and all together show, the way into a site by the keyboard and back, in two languages. */
export async function all(dashboard, { path, key, language }) {
  await dashboard.context.addInitScript({ path: AXE });
  await dashboard.open(path, key);
  const { page } = dashboard;
  const numbers = (within) => within.locator("strong data").evaluateAll((every) => every.map(({ value }) => Number(value)));
  const seen = {
    together: await numbers(page.getByTestId("together")),
    sites: (await dashboard.table(page.getByTestId("report-sites"))).rows.map(({ value, numbers: own }) => [value, own]),
    lines: await page.getByTestId("report-sites").locator("polyline").count(),
    broken: await broken(page),
    views: await page.getByRole("navigation", { name: "Views" }).count(),
    chosen: await page.getByTestId("site").locator("option:checked").innerText(),
  };
  const keyboard = new Keyboard(dashboard);
  await keyboard.stopAt('[data-testid="row"] .name');
  await dashboard.press("Enter");
  seen.opened = { site: new URL(page.url()).searchParams.get("site"), visitors: await page.getByTestId("headline-visitors").locator("strong data").getAttribute("value").then(Number) };
  seen.unseenStops = [...keyboard.unseen];
  await page.getByTestId("site").selectOption("");
  await dashboard.settled();
  seen.back = { search: new URL(page.url()).search, together: await numbers(page.getByTestId("together")) };
  await page.getByTestId("language").selectOption(language);
  await page.locator(`html[lang^="${language}"]`).waitFor();
  await dashboard.settled();
  seen.texts = await textsOn(page);
  return seen;
}
