// Says how large the built scripts and styles are, compressed, and fails when the scripts outgrow their budget.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET = 62_000;
const folder = new URL(`${process.argv[2] ?? "dist"}/assets/`, import.meta.url);
const size = (extension) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(extension))
    .reduce((sum, name) => sum + gzipSync(readFileSync(new URL(name, folder)), { level: 9 }).length, 0);

const [scripts, styles] = [size(".js"), size(".css")];
console.log(`Scripts: ${scripts} bytes compressed, of ${BUDGET}; styles: ${styles} bytes.`);
if (scripts >= BUDGET) {
  console.error("The scripts are larger than their budget.");
  process.exit(1);
}
