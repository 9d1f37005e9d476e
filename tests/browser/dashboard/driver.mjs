// Looks at the dashboard in one headless Chromium. Each line on stdin names a function of a file in looks/ and what it
// is given; each line on stdout is what it saw, and what must never be seen.
import { DEVICE, SHELL, launch, serveLines, within } from "../../../local/browser/chromium.mjs";
import { Dashboard } from "./page.mjs";

const LOOK_MS = 300_000;
const PART_MS = 60_000;

// Every name is this machine, so that pages of other origins can be told apart, and nothing leaves it.
const browser = await launch("MAP * 127.0.0.1", SHELL);

await serveLines(browser, async ({ look, baseUrl, given }) => {
  const [file, name] = look.split(".");
  const context = await browser.newContext({ ...DEVICE, acceptDownloads: true, reducedMotion: "reduce", ...given.device });
  context.setDefaultTimeout(PART_MS);
  const dashboard = new Dashboard(context, baseUrl);
  try {
    const looks = await import(`./looks/${file}.mjs`);
    const seen = await within(LOOK_MS, looks[name](dashboard, given));
    return { seen: seen ?? null, faults: dashboard.faults };
  } catch (error) {
    return { failure: String(error.stack ?? error), faults: dashboard.faults };
  } finally {
    await context.close();
  }
});
