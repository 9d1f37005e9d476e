// Builds the script that the functions serve, with its packed form beside it, and the ES module for bundlers.
// `node build.mjs FOLDER` puts the script elsewhere.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzip } from "@gfx/zopfli";
import { build } from "esbuild";
import { minify } from "terser";

const here = dirname(fileURLToPath(import.meta.url));
const folder = process.argv[2] ?? join(here, "..", "functions", "static");
const shared = { bundle: true, target: "es2021", logLevel: "warning", absWorkingDir: here };

const {
  outputFiles: [{ text }],
} = await build({ ...shared, entryPoints: ["src/script.ts"], format: "esm", minifySyntax: true, write: false });
// As values functions pack smaller than as declarations; none of them is called before its module has run.
const values = text
  .replace(/^function (\w+)\(([^]*?)\) \{\n([^]*?)\n\}$/gm, "let $1 = ($2) => {\n$3\n};")
  .replace(/^(var|const) /gm, "let ");
const { code: inner } = await minify(values, {
  ecma: 2020,
  module: true,
  toplevel: true,
  compress: { passes: 5, unsafe: true, unsafe_arrows: true, unsafe_methods: true, pure_getters: true, keep_fargs: false },
});
// In a block nothing of it is the page's; a function around it would do the same in more bytes.
const code = `{${inner}}`;
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "t.js"), `${code}\n`);
writeFileSync(join(folder, "t.js.gz"), await promisify(gzip)(Buffer.from(`${code}\n`), { numiterations: 100 }));
await build({ ...shared, entryPoints: ["src/index.ts"], format: "esm", outfile: "dist/index.js" });
