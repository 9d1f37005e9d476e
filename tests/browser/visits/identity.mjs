// Who is known again, and where.

/** Two pages of one visit, and one more than half an hour later, by a bookmark. */
export async function returning(site) {
  const context = await site.context();
  const page = await site.tab(context, "/campaign?utm_source=mail", { referer: "http://news.test/" });
  await site.told(page);
  await site.go(page, "/second");
  await site.told(page);
  await page.evaluate(() => {
    const known = JSON.parse(decodeURIComponent(localStorage["cs-visitor"]));
    known[3] -= 31 * 60_000;
    localStorage["cs-visitor"] = encodeURIComponent(JSON.stringify(known));
  });
  await page.close();
  const later = await site.tab(context, "/bookmark");
  await later.evaluate(() => window.clickstream.track("purchase", { revenue: 5 }));
  await site.told(later);
}

export async function tabs(site) {
  const context = await site.context();
  const pages = [await site.tab(context, "/one"), await site.tab(context, "/two")];
  for (let count = 0; count < 5; count++)
    for (const page of pages) await page.evaluate((n) => window.clickstream.track("clicked", { n }), count);
  for (const page of pages) await site.told(page);
  for (const page of pages) await page.close({ runBeforeUnload: true });
}

/** Subdomains that share a cookie, on an address without TLS. */
export async function subdomains(site) {
  site.tag = 'data-cookie-domain="shop.test"';
  const context = await site.context();
  const page = await site.tab(context, site.url("/www?utm_source=mail", "www.shop.test"));
  await site.told(page);
  await site.go(page, site.url("/pay", "pay.shop.test"));
  await site.told(page);
  const cookies = await context.cookies();
  return { cookies: cookies.map(({ name, domain }) => [name, domain]), stored: await page.evaluate(() => Object.keys(localStorage)) };
}

/** A link from one of the site's domains to another. */
export async function linked(site) {
  const [one, two] = ["one.test", "two.test"].map((host) => new URL(site.url("/", host)).host);
  site.tag = `data-link-domains="${one} ${two}"`;
  site.body = `<a id="over" href="${site.url("/arrived?a=1", "two.test")}">over</a>
    <a id="away" href="${site.url("/away", "three.test")}">away</a>`;
  const context = await site.context();
  const page = await site.tab(context, site.url("/left", "one.test"));
  await page.click("#over");
  await page.waitForURL("**/arrived*");
  await site.begun(page);
  const arrived = page.url();
  await site.told(page);
  await page.click("#away");
  await page.waitForURL("**/away*");
  await site.begun(page);
  await site.told(page);
  const away = page.url();
  // A link that anybody may have written.
  const forged = await site.tab(context, site.url(`/forged?&_cs=${Date.now()}.nobody.nothing.1`, "two.test"));
  await site.leave(forged);
  return { arrived, away };
}
