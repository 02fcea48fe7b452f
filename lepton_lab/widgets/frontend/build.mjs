// Bundles each folder that has an `index.tsx` into one self-contained ES module, `../static/<folder>.js`.
// Usage: node build.mjs [NAME...]
import { build } from "esbuild";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const all = readdirSync(here, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(join(here, entry.name, "index.tsx")))
  .map((entry) => entry.name);
const names = process.argv.slice(2).length ? process.argv.slice(2) : all;
const unknown = names.filter((name) => !all.includes(name));
if (unknown.length) {
  console.error(`no such widget: ${unknown.join(", ")}; there are ${all.join(", ")}`);
  process.exit(1);
}
const result = await build({
  absWorkingDir: here,
  entryPoints: names.map((name) => ({ in: join(here, name, "index.tsx"), out: name })),
  outdir: join(here, "..", "static"),
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  jsx: "automatic",
  jsxImportSource: "preact",
  loader: { ".css": "text" },
  legalComments: "inline",
  metafile: true,
  logLevel: "warning",
});
for (const [path, output] of Object.entries(result.metafile.outputs)) {
  console.log(`${path.split("/").pop()}  ${(output.bytes / 1000).toFixed(1)} kB`);
}
