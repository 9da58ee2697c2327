// Says how large the built scripts and styles are, compressed, and fails when the scripts outgrow their budget. Brotli of quality 9 is what the
// application carries: so Tauri embeds its assets in a release. Gzip is told beside it, for who compares.
import { readdirSync, readFileSync } from "node:fs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const BUDGET = 62_000;
const folder = new URL(`${process.argv[2] ?? "dist"}/assets/`, import.meta.url);
const size = (extension, compress) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(extension))
    .reduce((sum, name) => sum + compress(readFileSync(new URL(name, folder))).length, 0);

const brotli = (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } });
const gzip = (bytes) => gzipSync(bytes, { level: 9 });
const scripts = size(".js", brotli);
console.log(`Scripts: ${scripts} bytes by brotli, of ${BUDGET} (${size(".js", gzip)} by gzip); styles: ${size(".css", brotli)} (${size(".css", gzip)}).`);
if (scripts >= BUDGET) {
  console.error("The scripts are larger than their budget.");
  process.exit(1);
}
