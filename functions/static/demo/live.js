// Shows on the page what the tracking script sends, by asking the collector for the verdict of each event.
(() => {
  const WAITS = "no answer yet";
  const asWas = window.fetch;

  window.fetch = async (url, options) => {
    if (!String(url).includes("/api/events")) return asWas(url, options);
    const events = JSON.parse(options.body);
    // Shown before the answer: a page that is left meanwhile never hears it.
    for (const event of events) tell(event, WAITS);
    const tellAll = (verdict) => events.forEach((event, index) => tell(event, verdict(index)));
    try {
      const answer = await asWas(`${url}&verdict=1`, options);
      const told = await answer.clone().json().catch(() => ({}));
      tellAll((index) => told.events?.[index]?.status ?? `${answer.status}`);
      return answer;
    } catch (error) {
      tellAll(() => "no connection");
      throw error;
    }
  };
  const beacon = navigator.sendBeacon.bind(navigator);
  navigator.sendBeacon = (url, body) => {
    for (const event of JSON.parse(body)) tell(event, "by beacon: no answer");
    return beacon(url, body);
  };

  /** The last events of this tab, the newest first: `[id, name, verdict, JSON]` of each. */
  const kept = () => JSON.parse(sessionStorage.getItem("demo") ?? "[]");

  function tell(event, verdict) {
    const rows = kept();
    const row = [event.event_id, event.name, verdict, JSON.stringify(event)];
    const index = rows.findIndex(([id]) => id === event.event_id);
    if (index < 0) rows.unshift(row);
    else rows[index] = row;
    keep(rows.slice(0, 30));
  }

  function keep(rows) {
    sessionStorage.setItem("demo", JSON.stringify(rows));
    const lines = rows.map(([, ...texts]) => {
      const line = document.createElement("tr");
      for (const text of texts) line.appendChild(document.createElement("td")).textContent = text;
      return line;
    });
    document.getElementById("sent")?.replaceChildren(...lines);
  }

  // What waits now was sent by the page before.
  keep(kept().map(([id, name, verdict, text]) => [id, name, verdict === WAITS ? "page left before the answer" : verdict, text]));

  const route = (name) => {
    document.getElementById("route").textContent = name;
    document.title = `${name} - Demo shop`;
  };

  addEventListener("popstate", ({ state }) => route(state ?? "Start"));
  addEventListener("DOMContentLoaded", () => {
    keep(kept());
    const on = (id, type, action) => document.getElementById(id)?.addEventListener(type, action);
    const call = (...given) => (window.clickstream ??= []).push(given);
    on("buy", "click", () => call("track", "purchase", { order_value: 19.9, currency: "EUR", revenue: 19.9 }));
    on("sign-in", "click", () => call("identify", "ada", { plan: "pro" }));
    on("sign-out", "click", () => call("reset"));
    on("consent", "change", ({ target }) => target.value && call("consent", target.value));
    for (const link of document.querySelectorAll("[data-route]"))
      link.addEventListener("click", (event) => {
        event.preventDefault();
        history.pushState(link.textContent, "", link.href);
        route(link.textContent);
      });
  });
})();
