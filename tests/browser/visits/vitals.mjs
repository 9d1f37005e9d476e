// Pages with the module of web vitals.

const TAG = (site) => `<script async src="${site.collector}/t.vitals.js"></script>`;
// A button that takes its time, and a text that moves the page when it appears.
const PAGE = `<h1>Text</h1><div id="late"></div><button>Slow</button><p>More</p><script>
  document.querySelector("button").onclick = () => { for (const end = performance.now() + 120; performance.now() < end;); };
  setTimeout(() => { document.querySelector("#late").style.height = "200px"; }, 300);
</script>`;

async function opened(site, path) {
  site.head = TAG(site);
  site.body = PAGE;
  const page = await site.open(path);
  await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length);
  return page;
}

/** A page with a late shift and a slow click, left for another page. */
export async function left(site) {
  const page = await opened(site, "/slow");
  await page.waitForFunction(() => document.querySelector("#late").offsetHeight);
  await page.waitForTimeout(600); // the shift must not be within half a second of the click
  await page.click("button");
  await page.evaluate(() => new Promise((painted) => requestAnimationFrame(() => setTimeout(painted, 100))));
  await page.goto(site.url("/next"));
  await site.begun(page);
  await site.told(page);
  await site.leave(page);
}

/** A single-page app: the route follows before the page is hidden. */
export async function route(site) {
  const page = await opened(site, "/app");
  await page.evaluate(() => history.pushState({}, "", location.pathname.replace("/app", "/later")));
  await site.told(page);
  await site.leave(page);
}

/** Nothing is kept on the device, and the page is left at once. */
export async function anonymous(site) {
  site.tag = 'data-consent="anonymous"';
  const page = await opened(site, "/once");
  await site.leave(page);
}

/** The only page of a visitor with an id of its own. */
export async function once(site) {
  const page = await opened(site, "/only");
  await site.leave(page);
}
