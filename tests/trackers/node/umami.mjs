// @umami/node: a page, an event and a person.
import { Umami } from "@umami/node";

const { BASE_URL, WRITE_KEY } = process.env;
const umami = new Umami({ websiteId: WRITE_KEY, hostUrl: BASE_URL });
const page = { url: "/node?utm_source=news", hostname: "shop.example", referrer: "https://search.example/", title: "Node: ü" };
const answers = [
  await umami.track({ ...page, language: "de-CH", screen: "1920x1080" }),
  await umami.track({ ...page, name: "bought", data: { price: 9.5, note: "ü ✓ ?&=" } }),
  await umami.track("named", { colour: "red" }),
  await umami.identify({ plan: "pro" }),
];
console.log(JSON.stringify({ bodies: await Promise.all(answers.map((answer) => answer.json())) }));
