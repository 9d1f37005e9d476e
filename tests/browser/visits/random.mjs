// Many short visits, each with faults of the network that chance decides. What was lost is known from what was
// broken and never arrived by another way.

const AT_ONCE = 6;
// On the last page of a visit, what other pages left has waited long enough for it to take over.
const TIME_PASSES = `<script>
  if (location.pathname.endsWith("/last"))
    for (const name of Object.keys(localStorage))
      if (name.startsWith("cs-event")) {
        localStorage[name.replace(/_\\d+/, "_1")] = localStorage[name];
        delete localStorage[name];
      }
</script>`;

/** The same numbers for the same seed (mulberry32). */
function chance(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export async function visits(site, { seed, count }) {
  site.head = TIME_PASSES;
  await site.useShell();
  const told = [];
  let next = 0;
  const worker = async () => {
    const page = await (await site.context()).newPage();
    page.on("pageerror", (error) => site.errors.push(String(error)));
    for (let number = next++; number < count; number = next++)
      told.push(await visit(site, page, number, chance(seed + number)));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return told;
}

async function visit(site, page, number, random) {
  const eventsOf = (request) => JSON.parse(request.postData()).map(({ event_id, context: { sequence } }) => [event_id, sequence]);
  const broken = new Map();
  let faulty = true;
  await page.route("**/api/events*", async (route) => {
    const request = route.request();
    const fault = faulty && random() < 0.35;
    if (!fault) return route.continue();
    for (const [id, sequence] of eventsOf(request)) broken.set(id, sequence);
    const kind = random();
    if (kind < 0.45) return route.abort("connectionreset");
    // What stands in between may also refuse for good: then the event is lost.
    return route.fulfill({ status: kind < 0.9 ? 503 : 403, headers: { "access-control-allow-origin": request.headers().origin ?? "*" } });
  });
  await site.go(page, `/visit-${number}`);
  for (let step = Math.floor(random() * 3) + 1; step > 0; step--) {
    const what = random();
    if (what < 0.4) await page.evaluate((n) => window.clickstream.track("step", { n }), step);
    else if (what < 0.7) await page.evaluate((n) => history.pushState({}, "", `route-${n}`), step);
    else await site.go(page, `/visit-${number}/page-${step}`);
    await page.waitForTimeout(random() * 40);
  }
  // The network is whole again; the last page tells what the others could not.
  faulty = false;
  await site.go(page, `/visit-${number}/last`);
  await site.told(page);
  const known = await page.evaluate(() => JSON.parse(decodeURIComponent(localStorage["cs-visitor"])));
  // The next visit is another visitor's.
  await page.evaluate(() => localStorage.clear());
  await page.unrouteAll({ behavior: "wait" });
  return { visitor: known[0], last: known[4], broken: [...broken] };
}
