// Builds the page that the functions serve: one script and one style sheet with their contents' hashes in their names, each
// with its packed form beside it, and the page that names them. `node build.mjs FOLDER` puts them elsewhere.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzip } from "@gfx/zopfli";
import { build } from "esbuild";
import { languages } from "./bundling.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const folder = process.argv[2] ?? join(here, "..", "functions", "static", "dashboard");

// Both licences want their notice where the code goes.
const LICENCES =
  "/*! Contains Preact, (c) 2015-present Jason Miller, and uPlot, (c) Leon Sorokin, each under the MIT Licence. */";

const { outputFiles } = await build({
  absWorkingDir: here,
  entryPoints: ["src/main.tsx"],
  entryNames: "dashboard-[hash]",
  // What is loaded on demand has names of the same form.
  chunkNames: "[name]-[hash]",
  splitting: true,
  outdir: "out",
  bundle: true,
  plugins: [languages],
  minify: true,
  format: "esm",
  target: ["chrome123", "firefox121", "safari17.5"],
  legalComments: "none",
  banner: { js: LICENCES },
  preserveSymlinks: true, // so that the names are the same wherever the packages lie
  logLevel: "warning",
  write: false,
});
const files = new Map(outputFiles.map(({ path, contents }) => [basename(path), Buffer.from(contents)]));
const named = (ending) => [...files.keys()].find((name) => name.startsWith("dashboard-") && name.endsWith(ending));
const page = readFileSync(join(here, "src", "page.html"), "utf8")
  .replace("{{script}}", named(".js"))
  .replace("{{style}}", named(".css"));
files.set("page.html", Buffer.from(page));

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const [name, contents] of files) {
  writeFileSync(join(folder, name), contents);
  writeFileSync(join(folder, `${name}.gz`), await promisify(gzip)(contents, { numiterations: 30 }));
}
