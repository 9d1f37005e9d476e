// Whether every place fits into windows of many widths: nothing sideways, nothing cut off, nothing too small to touch.
import { everywhere, pages } from "./places.mjs";

const HEIGHT = 800;

/** What does not fit, by width and place. */
export async function faults(dashboard, { path, key, widths, language, all }) {
  await dashboard.open(path, key);
  const { page } = dashboard;
  if (language) {
    await page.getByTestId("language").selectOption(language);
    await page.locator(`html[lang^="${language}"]`).waitFor();
    await dashboard.settled();
  }
  const found = {};
  const { width } = page.viewportSize();
  const check = async (place) => {
    for (const each of widths) {
      await page.setViewportSize({ width: each, height: HEIGHT });
      const faults = await page.evaluate(misfits, all);
      if (faults.length) found[`${each} ${place}`] = faults;
    }
    await page.setViewportSize({ width, height: HEIGHT });
  };
  await (all ? everywhere(dashboard, check, { tabs: false }) : pages(dashboard, check));
  return found;
}

/** The parts of the page that do not fit, in words. Runs in the page. */
async function misfits(areLong) {
  await new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
  // WCAG 2.2, 2.5.8.
  const LEAST_TARGET = 24;
  const MOST = 4;
  // Steps and weeks that go on to the side, below a shade that says so.
  const SIDEWAYS = ".paths, .second-bar nav, .scroll:has(> .grid), pre";
  const shown = (part) => part.checkVisibility({ visibilityProperty: true }) && !part.closest(".unseen, .skip") && getComputedStyle(part).clipPath === "none";
  const all = (selector, within = document) => [...within.querySelectorAll(selector)].filter(shown);
  const words = (part) => `${part.outerHTML.slice(0, 100).replace(/\s+/g, " ")}`;
  const dialog = [...document.querySelectorAll("dialog[open]")].at(-1);
  const top = dialog ?? document.body;
  const faults = [];
  const blame = (what, parts) => faults.push(...parts.slice(0, MOST).map((part) => `${what}: ${words(part)}`));

  if (document.documentElement.scrollWidth > innerWidth) {
    blame("widens the page", all("body *").filter((part) => part.getBoundingClientRect().right > innerWidth + 1 && !part.closest(SIDEWAYS)));
    faults.push(`the page is ${document.documentElement.scrollWidth} pixels wide`);
  }
  // A tablet may have a shade at the side of a long table; a phone may not, and a wide window only beside very long values.
  const isTablet = innerWidth >= 736 && (innerWidth < 1216 || areLong);
  blame("goes on to the side", all(".scroll", top).filter((part) => !part.matches(SIDEWAYS) && !(isTablet && part.querySelector(".records")) && part.scrollWidth > part.clientWidth + 1));
  // A name in a row of a panel may be cut short, as its dots say; numbers, headings and buttons may not.
  const clips = (part) => part.scrollWidth > part.clientWidth + 1 && getComputedStyle(part).display !== "inline";
  blame("is cut", all("th, td, h1, h2, h3, label > span, [role=tab], button.control, .quiet", top).filter((part) => !part.closest(`${SIDEWAYS}, .heat thead`) && clips(part) && ![...part.querySelectorAll("*")].some((inner) => getComputedStyle(inner).textOverflow === "ellipsis")));
  blame(
    "lies outside its card",
    all("data, th, time", top).filter((part) => {
      const card = part.closest(".card, dialog");
      if (!card || part.closest(SIDEWAYS) || part.closest(".scroll")) return false;
      const [inner, outer] = [part.getBoundingClientRect(), card.getBoundingClientRect()];
      return inner.right > outer.right + 1 || inner.left < outer.left - 1;
    }),
  );
  const controls = all("button, a[href], input, select, textarea, summary", top);
  const target = (part) => (part.matches("input[type=checkbox], input[type=radio]") ? (part.closest("label") ?? part) : part).getBoundingClientRect();
  blame("is too small to touch", controls.filter((part) => target(part).height < LEAST_TARGET - 0.5 || target(part).width < LEAST_TARGET - 0.5));
  const boxes = controls.filter((part) => !part.closest(".top") || dialog).map((part) => [part, target(part)]);
  for (const [at, [part, one]] of boxes.entries()) {
    for (const [other, two] of boxes.slice(at + 1, at + 8)) {
      const across = Math.min(one.right, two.right) - Math.max(one.left, two.left);
      const down = Math.min(one.bottom, two.bottom) - Math.max(one.top, two.top);
      if (across > 2 && down > 2 && part.closest(".menu") === other.closest(".menu") && !part.contains(other) && !other.contains(part)) faults.push(`lies over another: ${words(part)} ${words(other)}`);
    }
  }
  return faults;
}
