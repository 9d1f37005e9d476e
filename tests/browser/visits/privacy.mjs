// What is kept and told at each level of consent.

const kept = (page) => page.evaluate(() => [Object.keys(localStorage), document.cookie]);
const shown = (page) => page.waitForTimeout(120);

/** A site that asks: nobody at first, and the visit goes on when the visitor agrees. */
export async function asked(site) {
  site.tag = 'data-consent="anonymous"';
  const page = await site.open("/landing?utm_source=mail&utm_campaign=spring");
  await page.evaluate(() => history.pushState({}, "", "offer"));
  await shown(page);
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
