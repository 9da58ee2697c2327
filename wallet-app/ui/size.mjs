// Says how large the built scripts and styles are, compressed, and fails when the scripts outgrow their budget: what is loaded before the first
// screen that a person can use, and all of them. Brotli of quality 9 is what the application carries: so Tauri embeds its assets in a release.
// Gzip is told beside it, for who compares.
import { readdirSync, readFileSync } from "node:fs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const [START, ALL] = [60_000, 70_000];
const folder = new URL(`${process.argv[2] ?? "dist"}/`, import.meta.url);
const read = (name) => readFileSync(new URL(`assets/${name}`, folder));
const names = readdirSync(new URL("assets/", folder));
const brotli = (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } });
const gzip = (bytes) => gzipSync(bytes, { level: 9 });
const size = (some, compress) => some.reduce((sum, name) => sum + compress(read(name)).length, 0);

// What the page names, and what that imports outright.
const start = [...readFileSync(new URL("index.html", folder), "utf8").matchAll(/src="[^"]*\/([^"/]+\.js)"/g)].map((found) => found[1]);
for (const name of start) {
  const imported = [...read(name).toString().matchAll(/(?:from|import)\s*["']\.\/([^"']+\.js)["']/g)].map((found) => found[1]);
  start.push(...imported.filter((one) => !start.includes(one)));
}
const scripts = names.filter((name) => name.endsWith(".js"));
const styles = names.filter((name) => name.endsWith(".css"));
const [first, all] = [size(start, brotli), size(scripts, brotli)];
console.log(
  `Scripts by brotli: ${first} bytes before the first screen, of ${START}; ${all} in all, of ${ALL} (gzip: ${size(start, gzip)}, ${size(scripts, gzip)}). Styles: ${size(styles, brotli)}.`,
);
if (start.length === 0 || first >= START || all >= ALL) {
  console.error("The scripts are larger than their budget.");
  process.exit(1);
}
