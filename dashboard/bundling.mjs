// What the page and its tests are bundled with: the module `languages`, which has the texts of each file in src/languages
// by the file's name, so that a language is one file.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("src/languages", import.meta.url));

export const languages = {
  name: "languages",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^languages$/ }, ({ path }) => ({ path, namespace: "languages" }));
    onLoad({ filter: /.*/, namespace: "languages" }, () => {
      const names = readdirSync(FOLDER).map((file) => file.replace(/\.ts$/, "")).sort();
      const imports = names.map((name) => `import ${name} from ${JSON.stringify(join(FOLDER, name))};`);
      return { contents: `${imports.join("\n")}\nexport default { ${names.join(", ")} };`, resolveDir: FOLDER };
    });
  },
};
