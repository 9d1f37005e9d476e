// Shows on the page what the tracking script sends, by asking the collector for the verdict of each event.
(() => {
  const asWas = window.fetch;
  const rows = JSON.parse(sessionStorage.getItem("demo") ?? "[]");

  window.fetch = async (url, options) => {
    if (!String(url).includes("/api/events")) return asWas(url, options);
    const answer = await asWas(`${url}&verdict=1`, options);
    const told = await answer.clone().json().catch(() => ({}));
    JSON.parse(options.body).forEach((event, index) => add(event, told.events?.[index]?.status ?? `${answer.status}`));
    return answer;
  };
  const beacon = navigator.sendBeacon.bind(navigator);
  navigator.sendBeacon = (url, body) => {
    JSON.parse(body).forEach((event) => add(event, "by beacon: no answer"));
    return beacon(url, body);
  };

  function add(event, verdict) {
    rows.unshift([event.name, verdict, JSON.stringify(event)]);
    rows.length = Math.min(rows.length, 30);
    sessionStorage.setItem("demo", JSON.stringify(rows));
    show();
  }

  function show() {
    const table = document.getElementById("sent");
    table?.replaceChildren(
      ...rows.map((row) => {
        const line = document.createElement("tr");
        for (const text of row) line.appendChild(document.createElement("td")).textContent = text;
        return line;
      }),
    );
  }

  const route = (name) => {
    document.getElementById("route").textContent = name;
    document.title = `${name} - Demo shop`;
  };

  addEventListener("popstate", ({ state }) => route(state ?? "Start"));
  addEventListener("DOMContentLoaded", () => {
    show();
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
