// Builds the scripts that the functions serve, plain and compressed, and the ES module for bundlers.
// `node build.mjs FOLDER` writes the script to another folder.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzip } from "@gfx/zopfli";
import { build } from "esbuild";
import { minify } from "terser";
import typescript from "typescript";

const here = dirname(fileURLToPath(import.meta.url));
const shared = { bundle: true, target: "es2021", logLevel: "warning", absWorkingDir: here };
/** Names of the script's parts in the order in which they compress best; order.mjs finds it. */
export const ORDER = join(here, "order.txt");

// The statement that begins has no name.
const BEGIN = "";

/** The script's parts by name: functions, constants and state with their values, and the statement that begins. */
export async function parts() {
  const {
    outputFiles: [{ text }],
  } = await build({ ...shared, entryPoints: ["src/script.ts"], format: "esm", minifySyntax: true, write: false });
  const unsafe = { unsafe: true, unsafe_arrows: true, unsafe_methods: true, pure_getters: true, booleans_as_integers: true };
  const compress = { ...unsafe, passes: 5, keep_fargs: false, lhs_constants: false };
  const readable = await small(text, { compress, mangle: false });
  const mangled = await small(readable, { compress: false });
  const names = statements(readable).map(([name]) => name);
  return new Map(statements(mangled).map(([, code], at) => [names[at], code]));
}

/** The script with its parts in this order. Parts that it does not name come first. */
export function script(parts, order) {
  // Other parts may be used before they have a value. These two are used, or use others, at once.
  const rank = (name) => (name == "guard" ? -2 : name == "tracker" ? Infinity : order.indexOf(name));
  const names = [...parts.keys()].filter((name) => name != BEGIN).sort((one, other) => rank(one) - rank(other));
  // A block keeps its names from the page, in fewer bytes than a function.
  return `{let ${names.map((name) => parts.get(name))};${parts.get(BEGIN)}}\n`;
}

const small = async (text, options) =>
  (await minify(text, { ecma: 2020, module: true, toplevel: true, ...options })).code;

/** Name and code of each variable and of each other statement of a script. */
function statements(text) {
  const source = typescript.createSourceFile("script.js", text, typescript.ScriptTarget.Latest);
  const code = (node) => node.getText(source).replace(/;$/, "");
  return source.statements.flatMap((statement) =>
    typescript.isVariableStatement(statement)
      ? statement.declarationList.declarations.map((part) => [part.name.text, code(part)])
      : [[BEGIN, code(statement)]],
  );
}

export const known = () => readFileSync(ORDER, "utf8").trim().split("\n");

if (process.argv[1] == fileURLToPath(import.meta.url)) {
  const folder = process.argv[2] ?? join(here, "..", "functions", "static");
  const code = script(await parts(), known());
  mkdirSync(folder, { recursive: true });
  const beside = async (name) => {
    const built = await build({ ...shared, entryPoints: [`src/${name}.ts`], format: "iife", minify: true, write: false });
    return [`t.${name}.js`, built.outputFiles[0].text];
  };
  for (const [name, text] of [["t.js", code], await beside("debug"), await beside("vitals")]) {
    writeFileSync(join(folder, name), text);
    writeFileSync(join(folder, `${name}.gz`), await promisify(gzip)(Buffer.from(text), { numiterations: 100 }));
  }
  await build({ ...shared, entryPoints: ["src/index.ts"], format: "esm", outfile: "dist/index.js" });
}
