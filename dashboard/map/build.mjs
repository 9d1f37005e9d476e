// Builds src/world.json: for each country's code the outline as an SVG path, in the Equal Earth projection. Natural Earth's
// 1:110m countries, which are in the public domain, by the package world-atlas. It is run by hand and its result is committed:
//
//     npm install --prefix /tmp/map world-atlas@2.0.2 topojson-client@3.1.0 topojson-simplify@3.0.3 i18n-iso-countries@7
//     node map/build.mjs /tmp/map
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const require = createRequire(join(resolve(process.argv[2]), "any.cjs"));
const { feature } = require("topojson-client");
const { presimplify, quantile, simplify } = require("topojson-simplify");
const { numericToAlpha2 } = require("i18n-iso-countries");

const WIDTH = 640;
const ANTARCTICA = "010";
/** Parts of fewer square units are left out, unless they are a country's largest. */
const SMALLEST = 1.5;
/** The part of the points that stays. */
const DETAIL = 0.75;

/** Equal Earth, by Šavrič, Patterson and Jenny (2018). */
function projected([longitude, latitude]) {
  const [l, p] = [(longitude * Math.PI) / 180, Math.asin((Math.sqrt(3) / 2) * Math.sin((latitude * Math.PI) / 180))];
  const [a1, a2, a3, a4] = [1.340264, -0.081106, 0.000893, 0.003796];
  const [p2, p6] = [p ** 2, p ** 6];
  const x = (l * Math.cos(p)) / ((Math.sqrt(3) / 2) * (a1 + 3 * a2 * p2 + p6 * (7 * a3 + 9 * a4 * p2)));
  const y = p * (a1 + a2 * p2 + p6 * (a3 + a4 * p2));
  const scale = WIDTH / 2 / 2.7066299836;
  return [Math.round(WIDTH / 2 + x * scale), Math.round(WIDTH * 0.243 - y * scale)];
}

/** A ring as it is, or if it crosses the antimeridian, the two rings on its sides. */
function cut(ring) {
  let turn = 0;
  const whole = ring.map(([longitude, latitude], at) => {
    const step = at ? longitude - ring[at - 1][0] : 0;
    turn += step > 180 ? -360 : step < -180 ? 360 : 0;
    return [longitude + turn, latitude];
  });
  const edge = whole.some(([longitude]) => longitude > 180) ? 180 : whole.some(([longitude]) => longitude < -180) ? -180 : null;
  if (edge === null) return [ring];
  const side = (isIn, shift) =>
    whole.flatMap((point, at) => {
      const before = whole.at(at - 1);
      const crossing = [edge, before[1] + ((point[1] - before[1]) * (edge - before[0])) / (point[0] - before[0])];
      const kept = isIn(point[0]) ? [point] : [];
      return (isIn(point[0]) === isIn(before[0]) ? kept : [crossing, ...kept]).map(([longitude, latitude]) => [longitude + shift, latitude]);
    });
  return [side((longitude) => longitude <= edge, edge < 0 ? 360 : 0), side((longitude) => longitude >= edge, edge > 0 ? -360 : 0)];
}

const area = (ring) => Math.abs(ring.reduce((sum, [x, y], at) => sum + x * ring.at(at - 1)[1] - y * ring.at(at - 1)[0], 0)) / 2;

/** The path of a ring: each point relative to the one before, so that numbers are short. */
function path(ring) {
  let text = `M${ring[0].join(" ")}l`;
  for (let at = 1; at < ring.length; at++) text += `${at > 1 ? " " : ""}${ring[at][0] - ring[at - 1][0]} ${ring[at][1] - ring[at - 1][1]}`;
  return `${text.replaceAll(" -", "-")}z`;
}

const atlas = presimplify(JSON.parse(readFileSync(require.resolve("world-atlas/countries-110m.json"), "utf8")));
const world = simplify(atlas, quantile(atlas, DETAIL));
const outlines = {};
for (const { id, geometry } of feature(world, world.objects.countries).features) {
  const code = id && numericToAlpha2(id);
  if (!code || id === ANTARCTICA) continue;
  const polygons = geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates;
  const rings = polygons
    .flat()
    .flatMap(cut)
    .map((ring) => ring.map(projected).filter((point, at, all) => at === 0 || String(point) !== String(all[at - 1])))
    .filter((ring) => ring.length > 2)
    .sort((one, other) => area(other) - area(one));
  if (rings.length) outlines[code] = rings.filter((ring, at) => at === 0 || area(ring) >= SMALLEST).map(path).join("");
}
const sorted = Object.fromEntries(Object.entries(outlines).sort());
writeFileSync(new URL("../src/world.json", import.meta.url), `${JSON.stringify(sorted)}\n`);
