// The rules that axe can check, place by place.
import { createRequire } from "node:module";
import { everywhere, main } from "./places.mjs";

const AXE = createRequire(new URL("../../../trackers/package.json", import.meta.url)).resolve("axe-core/axe.min.js");

/** What breaks a rule, by place: rule, weight and the first part that does. */
export async function problems(dashboard, { path, key, all }) {
  await dashboard.context.addInitScript({ path: AXE });
  await dashboard.goto(path);
  const found = {};
  const check = async (place) => {
    const broken = await dashboard.page.evaluate(async () => {
      const { violations } = await window.axe.run({ resultTypes: ["violations"] });
      return violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.slice(0, 3).map((node) => `${node.html.slice(0, 200)} ${node.any[0]?.message ?? ""}`) }));
    });
    if (broken.length) found[place] = broken;
  };
  await check("key");
  await dashboard.enter("nobody's");
  await check("wrong key");
  await dashboard.enter(key);
  await (all ? everywhere(dashboard, check, { tabs: false }) : main(dashboard, check));
  return found;
}
