// matomo-tracker: one request by GET, and many by POST.
import diagnostics from "node:diagnostics_channel";
import MatomoTracker from "matomo-tracker";

const { BASE_URL, WRITE_KEY } = process.env;
const errors = [];
let answered = 0;
// The client tells nobody when a single request is answered, nor does it let go of the connection.
diagnostics.subscribe("http.client.response.finish", () => (answered += 1));

const matomo = new MatomoTracker(WRITE_KEY, `${BASE_URL}/matomo.php`);
matomo.on("error", (error) => errors.push(String(error)));
const visitor = { _id: "0123456789abcdef", uid: "ada", lang: "de-CH", res: "1920x1080" };
matomo.track({
  ...visitor,
  url: "https://shop.example/a?utm_source=news&q=ü",
  action_name: "A: ü",
  urlref: "https://search.example/",
});
const url = "https://shop.example/b";
const bulk = await new Promise((resolve) =>
  matomo.trackBulk(
    [
      { ...visitor, url, e_c: "cart", e_a: "add", e_n: "A1 ü ✓ ?&=", e_v: 9.5 },
      { ...visitor, url, search: "shoe", search_count: 3 },
      { ...visitor, url, idgoal: 0, ec_id: "o1", revenue: 19.9, ec_items: JSON.stringify([["A1", "Shoe", "Men", 9.95, 2]]) },
      { ...visitor, url, ping: 1 },
      { ...visitor, url, download: "https://shop.example/a.pdf" },
    ],
    resolve,
  ),
);
while (answered < 2) await new Promise((resolve) => setTimeout(resolve, 20));
console.log(JSON.stringify({ bulk: JSON.parse(bulk), errors }));
process.exit(0);
