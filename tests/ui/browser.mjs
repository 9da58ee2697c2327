// Debian's Chromium, driven by playwright-core: nothing is downloaded.

import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const PLACES = [process.env.YUFU_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** A headless browser; a test that is done closes it. `film`: a Motion JPEG that its camera shows, which need not be there yet. */
export async function launch({ film } = {}) {
  const executablePath = PLACES.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error("Chromium is not installed (apt-get install chromium), nor named by YUFU_CHROMIUM");
  // Everything is on loopback or answered by the test: nothing is to be looked up or reported elsewhere.
  const args = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"];
  if (film) args.push("--use-fake-device-for-media-stream", `--use-file-for-fake-video-capture=${film}`);
  return chromium.launch({ executablePath, args });
}

/** Collects what a page complains about: uncaught errors, refused policies, console errors. */
export function complaints(page) {
  const found = [];
  page.on("pageerror", (error) => found.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" && !/status of (401|403|422)/.test(message.text())) found.push(`console: ${message.text()}`);
  });
  return found;
}
