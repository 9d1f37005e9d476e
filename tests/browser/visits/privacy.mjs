// What is kept and told at each level of consent.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const kept = (page) => page.evaluate(() => [Object.keys(localStorage), document.cookie]);
const shown = (page) => page.waitForTimeout(120);

/** A site that asks: nobody at first, and the visit goes on when the visitor agrees. */
export async function asked(site) {
  site.tag = 'data-consent="anonymous"';
  const page = await site.open("/landing?utm_source=mail&utm_campaign=spring");
  await page.evaluate(() => history.pushState({}, "", "offer"));
  await site.delivered(page, 2);
  const before = await kept(page);
  await page.evaluate(() => {
    window.clickstream.consent("full");
    window.clickstream.track("agreed");
  });
  await site.told(page);
  await site.go(page, "/next");
  await site.told(page);
  return { before };
}

export async function denied(site) {
  site.tag = 'data-consent="denied"';
  const page = await site.open("/private?utm_source=mail");
  await page.evaluate(() => window.clickstream.identify("ada", { plan: "pro" }));
  await shown(page);
  const after = await kept(page);
  await site.leave(page);
  return after;
}

export async function withdrawn(site) {
  const page = await site.open("/known");
  await page.evaluate(() => window.clickstream.identify("ada"));
  await site.told(page);
  await page.evaluate(() => {
    window.clickstream.consent("denied");
    window.clickstream.track("unknown");
  });
  await shown(page);
  await site.go(page, "/later");
  await shown(page);
  return kept(page);
}

export async function out(site) {
  const page = await site.open("/first");
  await site.told(page);
  await page.evaluate(() => {
    window.clickstream.optOut();
    window.clickstream.track("unseen");
  });
  await site.go(page, "/second");
  await page.evaluate(() => {
    window.clickstream.consent("full");
    window.clickstream.track("unseen");
  });
  await shown(page);
  const stored = await kept(page);
  await page.evaluate(() => {
    window.clickstream.optOut(false);
    window.clickstream.track("back");
  });
  await site.told(page);
  return stored;
}

/** Pages of this machine, without and with the tag's attribute, and one whose host only looks like it. */
export async function local(site) {
  const context = await site.context();
  const visit = async (address) => {
    const page = await site.page(context);
    await page.goto(address);
    await site.begun(page);
    await page.evaluate(() => {
      window.clickstream.consent("full");
      window.clickstream.identify("ada");
      window.clickstream.track("tried");
    });
    await shown(page);
    // What is left waiting would go now.
    await site.leave(page);
  };
  const tagged = site.serve;
  site.serve = (path) => ({ body: tagged.call(site, path).body.replace(/data-localhost="on"/g, "") });
  for (const host of ["localhost", "shop.localhost", "127.0.0.1", "[::1]"]) await visit(site.url("/left-out", host));
  const folder = await mkdtemp(join(tmpdir(), "pages-"));
  await writeFile(join(folder, "page.html"), site.serve("/left-out").body);
  await visit(pathToFileURL(join(folder, "page.html")).href);
  await rm(folder, { recursive: true });
  await visit(site.url("/counted", "localhost.test"));
  site.serve = tagged;
  await visit(site.url("/asked-for"));
}

/** A browser that sends Sec-GPC, on a site that says nothing, and on one that does not heed it. */
export async function gpc(site, ignored) {
  site.tag = ignored ? 'data-signals="ignore"' : "";
  const context = await site.context(ignored ? {} : { extraHTTPHeaders: { "Sec-GPC": "1" } });
  await context.addInitScript(() => Object.defineProperty(navigator, "globalPrivacyControl", { value: true }));
  const page = await site.tab(context, "/gpc");
  await shown(page);
  return kept(page);
}

export const unheeded = (site) => gpc(site, true);

export async function dnt(site) {
  site.tag = 'data-signals="denied"';
  const context = await site.context();
  await context.addInitScript(() => Object.defineProperty(navigator, "doNotTrack", { value: "1" }));
  const page = await site.tab(context, "/dnt");
  await shown(page);
  return kept(page);
}

/**
 * A site with a banner, which the visitor answers on the landing page. Some managers announce a refusal before. The
 * browser is of a version of its own, for all visits come from one address, and those of one browser share an id.
 */
async function agreeing(site, consent, version) {
  site.tag = `data-consent="${consent}"`;
  const userAgent = `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version} Safari/537.36`;
  const page = await site.open("/landing?utm_source=news&utm_medium=email", { userAgent });
  await page.evaluate((held) => held == "denied" && window.clickstream.consent("denied"), consent);
  // The view of a visitor who denied has the collector's time: that must be before the answer to the banner.
  await site.delivered(page, 1);
  const before = await kept(page);
  await page.evaluate(() => window.clickstream.consent("full"));
  await site.told(page);
  await site.go(page, "/two");
  await site.told(page);
  await site.leave(page);
  return before;
}

export const agreed = (site) => agreeing(site, "anonymous", "149.0.0.1");
export const agreedAfterDenial = (site) => agreeing(site, "denied", "149.0.0.2");

/** Consent that is taken back and given anew, on one page. */
export async function wavering(site) {
  site.tag = 'data-consent="anonymous"';
  const page = await site.open("/wavering");
  await page.evaluate(() => {
    for (const choice of ["full", "denied", "full"]) window.clickstream.consent(choice);
  });
  await site.told(page);
}
