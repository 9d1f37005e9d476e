// Bundles the tests and runs them with Node's own test runner. `node tests/run.mjs`
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { languages } from "../bundling.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const names = readdirSync(here).filter((name) => name.endsWith(".test.ts"));
// These read the sources.
const plain = readdirSync(here).filter((name) => name.endsWith(".test.mjs"));
const folder = mkdtempSync(join(tmpdir(), "dashboard-tests-"));
try {
  await build({
    absWorkingDir: join(here, ".."),
    entryPoints: names.map((name) => `tests/${name}`),
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    plugins: [languages],
    format: "esm",
    platform: "node",
    sourcemap: "inline",
    logLevel: "warning",
  });
  const files = [...names.map((name) => join(folder, name.replace(/ts$/, "mjs"))), ...plain.map((name) => join(here, name))];
  // Tests expect the texts, numbers and dates of one language, whatever this machine's is.
  const env = { ...process.env, LC_ALL: "en_GB.UTF-8" };
  process.exitCode = spawnSync(process.execPath, ["--enable-source-maps", "--test", "--test-reporter=spec", ...files], { stdio: "inherit", env }).status ?? 1;
} finally {
  rmSync(folder, { recursive: true });
}
