// Packages of which one file is wanted, but not the hundreds that they depend on: each is fetched alone and checked.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const { unpacked } = JSON.parse(readFileSync("package.json", "utf8"));
for (const [name, { version, integrity }] of Object.entries(unpacked)) {
  const folder = mkdtempSync(join(tmpdir(), "unpack-"));
  try {
    const command = ["pack", `${name}@${version}`, "--ignore-scripts", "--loglevel=error", "--pack-destination", folder];
    const archive = join(folder, execFileSync("npm", command, { encoding: "utf8" }).trim());
    const found = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
    if (found !== integrity) throw new Error(`${name}@${version} is ${found}, not ${integrity}`);
    mkdirSync(join("node_modules", name), { recursive: true });
    execFileSync("tar", ["xzf", archive, "-C", join("node_modules", name), "--strip-components=1"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
