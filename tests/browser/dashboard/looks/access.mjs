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
