// The rules that axe can check, place by place.
import { createRequire } from "node:module";
import { everywhere, main } from "./places.mjs";

export const AXE = createRequire(new URL("../../../trackers/package.json", import.meta.url)).resolve("axe-core/axe.min.js");

/** What breaks a rule, by place. */
export async function problems(dashboard, { path, key, all }) {
  await dashboard.context.addInitScript({ path: AXE });
  await dashboard.goto(path);
  const found = {};
  const check = async (place) => {
    const problems = await broken(dashboard.page);
    if (problems.length) found[place] = problems;
  };
  await check("key");
  await dashboard.enter("nobody's");
  await check("wrong key");
  await dashboard.enter(key);
  await (all ? everywhere(dashboard, check, { tabs: false }) : main(dashboard, check));
  return found;
}

/** What breaks a rule on the page as it is, with the first three parts that do. */
export async function broken(page) {
  return page.evaluate(async () => {
    const { violations } = await window.axe.run({ resultTypes: ["violations"] });
    return violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.slice(0, 3).map((node) => `${node.html.slice(0, 200)} ${node.any[0]?.message ?? ""}`) }));
  });
}

/** What every request for numbers meets in each state. */
const STATES = {
  loading: () => undefined,
  failed: (route) => route.fulfill({ status: 500, json: { message: "the lake is away" } }),
  "out of reach": (route) => route.abort("connectionrefused"),
  "not permitted": (route) => route.fulfill({ status: 403, json: { message: "this key does not open that" } }),
  wrong: (route) => route.fulfill({ status: 400, json: { message: "<img src=x onerror=canary=60>".repeat(9) } }),
  whole: (route) => route.continue(),
};
/** What a reader sees of each state, once it is there. */
const SEEN = {
  loading: ".loading, [data-state=waiting], [aria-busy=true]",
  failed: '[role="alert"]',
  "out of reach": '[role="alert"]',
  "not permitted": '[role="alert"]',
  wrong: '[role="alert"]',
};

/** What breaks a rule on each page in a state, and the page's words. */
export async function state(dashboard, { path, key, pages, state }) {
  const { context, baseUrl } = dashboard;
  await context.addInitScript({ path: AXE });
  await context.addInitScript((stored) => sessionStorage.setItem("clickstream-key", stored), key);
  await context.route("**/api/**", (route) => (new URL(route.request().url()).pathname === "/api/sites" ? route.continue() : STATES[state](route)));
  const page = await dashboard.watched(await context.newPage());
  const seen = {};
  for (const name of pages) {
    await page.goto(`${baseUrl}${path}&view=${name}`);
    if (SEEN[state]) await page.locator(SEEN[state]).first().waitFor();
    else await dashboard.settled(page);
    // What fades in has its contrast at the end.
    await page.evaluate(() => Promise.allSettled(document.getAnimations().map((one) => one.effect.getComputedTiming().iterations < Infinity && one.finished)));
    const mute = await page.locator('main .card:not([data-testid="later"])').evaluateAll((cards) => cards.filter((card) => card.innerText.trim() === "").map((card) => card.outerHTML.slice(0, 120)));
    const views = await page.locator("nav").first().getByRole("button").allInnerTexts();
    seen[name] = { views, broken: await broken(page), words: await page.locator("main").innerText(), mute };
  }
  return seen;
}
