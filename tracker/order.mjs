// Looks for the order of the script's parts in which it packs smallest, and keeps it in order.txt: what is alike packs
// smaller side by side. `node order.mjs TRIES`, where the source has changed so much that the script is too large.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { known, ORDER, parts, script } from "./build.mjs";

const all = await parts();
const size = (order) => execFileSync("gzip", ["-9"], { input: script(all, order) }).length;
const any = (count) => Math.floor(Math.random() * count);

let best = known().filter((name) => all.has(name));
best.push(...[...all.keys()].filter((name) => name && !best.includes(name)));
let least = size(best);
for (let tries = +(process.argv[2] ?? 5000); tries; tries--) {
  const order = [...best];
  const moved = order.splice(any(order.length), 1 + any(3));
  order.splice(any(order.length), 0, ...moved);
  const bytes = size(order);
  if (bytes < least) console.log(`${bytes} bytes`);
  if (bytes <= least) [best, least] = [order, bytes];
}
writeFileSync(ORDER, `${best.join("\n")}\n`);
