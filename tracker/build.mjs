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
} = await build({ ...shared, entryPoints: ["src/script.ts"], format: "iife", minifySyntax: true, write: false });
const { code } = await minify(text, {
  ecma: 2020,
  module: true,
  toplevel: true,
  compress: { passes: 5, unsafe: true, unsafe_arrows: true, unsafe_methods: true, pure_getters: true, keep_fargs: false },
});
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "t.js"), `${code}\n`);
writeFileSync(join(folder, "t.js.gz"), await promisify(gzip)(Buffer.from(`${code}\n`), { numiterations: 100 }));
await build({ ...shared, entryPoints: ["src/index.ts"], format: "esm", outfile: "dist/index.js" });
