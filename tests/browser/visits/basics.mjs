// What the script does by itself, and the functions it gives a page.

/** A page of a campaign, its routes, and another page. */
export async function pages(site) {
  const page = await site.open("/start?utm_source=mail&gclid=abc", {});
  await page.evaluate(async () => {
    const shown = () => new Promise((later) => setTimeout(later, 20));
    const gone = () => new Promise((back) => addEventListener("popstate", back, { once: true }));
    history.pushState({}, "", "bags");
    document.title = "Bags";
    await shown();
    history.replaceState({}, "", "bags");
    history.replaceState({}, "", "tents?size=2");
    await shown();
    history.pushState({}, "", "tents?size=2#reviews");
    await shown();
    for (let steps = 0; steps < 2; steps++) {
      history.back();
      await gone();
      await shown();
    }
  });
  await site.told(page);
  await site.go(page, "/missing?utm_term=%");
  await site.told(page);
  await site.leave(page);
  return page.url();
}

/** Calls before and after the script is there. */
export async function calls(site) {
  site.head = `<script>
    window.clickstream = window.clickstream || [];
    clickstream.push(["track", "early", { n: 1 }]);
  </script>`;
  const page = await site.open("/calls");
  const globals = await page.evaluate(() => {
    const { clickstream } = window;
    clickstream.track("bought", { revenue: 9.5, currency: "EUR", note: 'ü "quoted" \u2028 \u{1f600}', tags: [1, true, null] });
    clickstream.identify("ada", { plan: "pro" });
    clickstream.track("known");
    clickstream.page({ theme: "dark" });
    clickstream.push(["track", "pushed"]);
    clickstream.reset();
    clickstream.track("somebody_else");
    const endless = {};
    endless.self = endless;
    clickstream.track("endless", endless);
    clickstream.track();
    clickstream.push("nonsense");
    const frame = document.body.appendChild(document.createElement("iframe"));
    const clean = Object.keys(frame.contentWindow);
    frame.remove();
    return Object.keys(window).filter((name) => !clean.includes(name));
  });
  await site.told(page);
  return globals;
}

/** What is done on a page, with nothing written for it. */
export async function clicks(site) {
  site.body = `<a id="out" href="http://elsewhere.test/x?y=1">out</a> <a id="file" href="list.pdf">file</a>
    <a id="inside" href="other">inside</a> <a id="mail" href="mailto:a@b.example">mail</a>
    <button data-goal="signup" data-goal-plan="pro" data-other="kept"><b id="goal">Sign up</b></button>
    <form id="ask" action="answer"><input name="id" value="secret"><button id="send">Send</button></form>
    <form id="order" data-goal="ordered"><button id="buy">Buy</button></form>`;
  const page = await site.open("/clicks");
  await page.evaluate(() => {
    addEventListener("click", (event) => event.target.closest("a") && event.preventDefault());
    addEventListener("submit", (event) => event.preventDefault());
  });
  for (const id of ["out", "file", "inside", "mail", "goal", "send", "buy"]) await page.click(`#${id}`);
  await page.click("#out", { button: "middle" });
  await site.told(page);
}

/** Everything that is measured by itself, switched off. */
export async function silence(site) {
  site.tag = 'data-off="page_view routes page_ping outbound_link file_download form_submit not_found"';
  site.body = `<a id="out" href="http://elsewhere.test/">out</a><a id="file" href="list.pdf">file</a>
    <form id="ask"><button id="send">Send</button></form>`;
  const page = await site.open("/missing");
  await page.evaluate(() => {
    addEventListener("click", (event) => event.target.closest("a") && event.preventDefault());
    addEventListener("submit", (event) => event.preventDefault());
    history.pushState({}, "", "route");
  });
  for (const id of ["out", "file", "send"]) await page.click(`#${id}`);
  await page.waitForTimeout(600);
  await page.evaluate(() => window.clickstream.track("only"));
  await site.told(page);
  await site.leave(page);
}

/** A long page, read to its middle, left after a while. */
export async function reading(site) {
  site.body = '<style>body { margin: 0 }</style><div style="height: 7200px">long</div>';
  const page = await site.open("/long");
  await page.evaluate(() => scrollTo(0, 2880));
  await page.waitForTimeout(800);
  await site.leave(page);
}

/** A page in the background for longer than it was seen. */
export async function background(site) {
  const page = await site.open("/background");
  const seen = await page.evaluate(async () => {
    const show = (hidden) => {
      Object.defineProperty(document, "hidden", { configurable: true, value: hidden });
      document.dispatchEvent(new Event("visibilitychange"));
    };
    await new Promise((later) => setTimeout(later, 600));
    show(true);
    await new Promise((later) => setTimeout(later, 3000));
    show(false);
    return performance.now() - 3000;
  });
  await site.leave(page);
  return seen;
}

/** Routes in the fragment. */
export async function fragments(site) {
  site.tag = 'data-hash="on"';
  const page = await site.open("/app?utm_source=mail#/first");
  await page.evaluate(() => (location.hash = "#!/second"));
  await page.waitForTimeout(50);
  await site.told(page);
}

/** The demo's shop, as somebody who tries it. */
export async function shop(site) {
  const context = await site.context();
  const page = await site.tab(context, `${site.collector}/demo?utm_source=shop-${site.name}`);
  const answered = (...names) =>
    page.waitForFunction((names) => {
      const rows = [...document.querySelectorAll("#sent tr")].map((row) => [...row.cells].map((cell) => cell.textContent));
      return names.every((name) => rows.some(([event, verdict, text]) => verdict === "accepted" && (event === name || text.includes(name))));
    }, names);
  await page.click("text=Bags");
  await page.waitForFunction(() => location.pathname == "/demo/bags" && window.clickstream?.track);
  await page.click("#buy");
  await page.click("#sign-in");
  await answered("purchase", "identify");
  await page.goto(`${site.collector}/demo/app`);
  await page.click("[data-route]");
  await answered("view=bags");
  await page.goto(`${site.collector}/demo/missing`);
  await answered("not_found");
  return page.evaluate(() => [...document.querySelectorAll("#sent tr")].map((row) => [...row.cells].slice(0, 2).map((cell) => cell.textContent)));
}

/** The demo's shop without a connection, and left before the collector answers. Returns the verdicts on one event each. */
export async function hurried(site) {
  const context = await site.context();
  const page = await site.tab(context, `${site.collector}/demo`);
  const verdicts = (name) =>
    page.evaluate((name) => {
      const rows = [...document.querySelectorAll("#sent tr")].map((row) => [...row.cells].map((cell) => cell.textContent));
      return rows.filter(([event]) => event === name).map(([, verdict]) => verdict);
    }, name);
  const reached = (name, verdict) =>
    page.waitForFunction(([name, verdict]) => {
      const rows = [...document.querySelectorAll("#sent tr")];
      return rows.some(({ cells: [event, found] }) => event.textContent === name && found.textContent === verdict);
    }, [name, verdict]);
  await site.told(page);
  await context.setOffline(true);
  await page.click("#buy");
  await reached("purchase", "no connection");
  await context.setOffline(false);
  await reached("purchase", "accepted");
  const bought = await verdicts("purchase");
  await context.route("**/api/events*", () => undefined);
  await page.click("#sign-in");
  await reached("identify", "no answer yet");
  await page.goto(`${site.collector}/demo/bags`);
  await reached("identify", "page left before the answer");
  return { bought, signedIn: await verdicts("identify") };
}
