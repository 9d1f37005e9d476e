// No tracker at all: the plain dialect by fetch, by beacon, and by a beacon when the page is left.
const event = (name) => ({
  event_id: crypto.randomUUID(),
  name,
  created_at: new Date().toISOString(),
  page_url: location.href,
  page_title: document.title,
  referrer: document.referrer || undefined,
});

window.run = async (baseUrl) => {
  const events = { fetched: event("fetched"), beaconed: event("beaconed"), left: event("left") };
  const beacon = (one) => navigator.sendBeacon(`${baseUrl}/api/events?write_key=demo`, JSON.stringify(one));
  const answer = await fetch(`${baseUrl}/api/events`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-write-key": "demo" },
    body: JSON.stringify(events.fetched),
  });
  const queued = beacon(events.beaconed);
  addEventListener("pagehide", () => beacon(events.left));
  return {
    status: answer.status,
    body: await answer.json(),
    queued,
    ids: Object.fromEntries(Object.entries(events).map(([name, { event_id }]) => [name, event_id])),
  };
};

window.fail = async () => {
  console.error("said on the console");
  throw new Error("the page broke");
};

window.unreadable = async (baseUrl) => {
  const answer = await fetch(`${baseUrl}/api/events`, { method: "POST", body: "{}" });
  return answer.status;
};
