// Events reach the collector whatever is between.

const EVENTS = "**/api/events*";
const readable = (request) => ({
  "access-control-allow-origin": request.headers().origin ?? "*",
  "access-control-expose-headers": "Retry-After",
});

/** Refused, asked to wait, refused again, then taken. What happens meanwhile waits as long. */
export async function refused(site) {
  const context = await site.context();
  const answers = [{ status: 503, "retry-after": "1" }, { status: 429, "retry-after": "1" }, { status: 500 }];
  const asked = [];
  await context.route(EVENTS, async (route) => {
    asked.push(Date.now());
    if (asked.length === 1) await route.request().frame().evaluate(() => window.clickstream.track("meanwhile"));
    const [{ status, ...headers } = {}] = answers.splice(0, 1);
    if (!status) return route.continue();
    return route.fulfill({ status, headers: { ...readable(route.request()), ...headers } });
  });
  const page = await site.tab(context, "/refused");
  await page.evaluate(() => window.clickstream.track("waited"));
  await site.told(page);
  return { asked };
}

/** What cannot be helped by sending it again is not sent again. */
export async function hopeless(site) {
  const context = await site.context();
  let asked = 0;
  await context.route(EVENTS, (route) => {
    asked++;
    if (asked > 1) return route.continue();
    return route.fulfill({ status: 401, headers: readable(route.request()) });
  });
  const page = await site.tab(context, "/hopeless");
  await site.told(page);
  await page.evaluate(() => window.clickstream.track("afterwards"));
  await site.told(page);
  return asked;
}

export async function offline(site) {
  const context = await site.context();
  const page = await site.tab(context, "/offline");
  await site.told(page);
  await context.setOffline(true);
  await page.evaluate(() => [1, 2, 3].forEach((n) => window.clickstream.track("unheard", { n })));
  await page.waitForTimeout(200);
  await context.setOffline(false);
  await site.told(page);
}

/** More happens offline than is kept. */
export async function full(site) {
  const context = await site.context();
  const page = await site.tab(context, "/full");
  await site.told(page);
  await context.setOffline(true);
  await page.evaluate(() => {
    for (let n = 1; n <= 1100; n++) window.clickstream.track("kept", { n });
  });
  await context.setOffline(false);
  await site.told(page);
}

/** The page is closed while its request is under way and never answered. */
export async function closed(site) {
  const context = await site.context();
  let held = 0;
  await context.route(EVENTS, (route) => (held++ ? route.continue() : undefined));
  const asked = context.waitForEvent("request", (request) => request.url().includes("/api/events"));
  const page = await site.tab(context, "/closed");
  await asked;
  await page.close();
  // As though the time were over in which the closed page may still have come to its answer.
  const first = await context.newPage();
  await first.route("**/t.js", (route) => route.abort());
  await first.goto(site.url("/between"));
  await first.evaluate(() => {
    for (const name of Object.keys(localStorage))
      if (name.startsWith("cs-event")) {
        localStorage[name.replace(/_\d+/, "_1")] = localStorage[name];
        delete localStorage[name];
      }
  });
  await first.close();
  const second = await site.tab(context, "/after");
  await site.told(second);
  return held;
}

/** Left at once, with an event that nobody has heard of. */
export async function left(site) {
  const page = await site.open("/left");
  await page.evaluate(
    (elsewhere) => {
      window.clickstream.track("last_words");
      location.href = elsewhere;
    },
    "about:blank",
  );
  await page.waitForURL("about:blank");
}

export async function heavy(site) {
  const page = await site.open("/heavy");
  await page.evaluate(() => {
    for (let n = 0; n < 150; n++) window.clickstream.track("heavy", { n, text: "é".repeat(200) });
    window.clickstream.track("alone", { text: Array.from({ length: 10 }, () => "x".repeat(8000)) });
  });
  await site.told(page);
}

export async function routes(site) {
  const page = await site.open("/routes");
  await page.evaluate(async () => {
    for (let n = 1; n <= 1000; n++) {
      history.pushState({}, "", `route-${n}`);
      if (n % 50 == 0) await new Promise((later) => setTimeout(later, 20));
    }
  });
  await site.told(page);
}

/** While the hub takes nothing. */
export async function down(site) {
  const page = await site.open("/down");
  await page.evaluate(() => window.clickstream.track("spilled"));
  await site.told(page);
}
