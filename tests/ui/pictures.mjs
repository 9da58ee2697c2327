// Photographs every screen, for people who want to look: node pictures.mjs FOLDER [screen …]

import { mkdirSync } from "node:fs";
import { complaints, launch } from "./browser.mjs";
import { open } from "./harness.mjs";
import { screens, speaking } from "./screens.mjs";

const [folder = "pictures", ...names] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const browser = await launch();
const looks = [["zh", 360, "light"], ["en", 360, "dark"], ["zh", 1280, "dark"], ["en", 1280, "light"]];
for (const [language, width, colorScheme] of looks) {
  const context = await browser.newContext({ viewport: { width, height: width < 700 ? 740 : 860 }, colorScheme, locale: language === "zh" ? "zh-CN" : "en-GB", reducedMotion: "reduce" });
  for (const [name, reach, replaced, how] of screens) {
    if (names.length && !names.includes(name)) continue;
    const page = await open(context, speaking(language, replaced), how);
    const found = complaints(page);
    await reach(page);
    // The content scrolls by itself: a window as high as it shows all of it.
    const height = await page.evaluate(() => document.querySelector("main").scrollHeight + (document.querySelector("nav")?.clientHeight ?? 0));
    if (width < 700) await page.setViewportSize({ width, height: Math.max(740, height) });
    await page.waitForTimeout(120);
    await page.screenshot({ path: `${folder}/${name}-${language}-${width}-${colorScheme}.png` });
    await page.setViewportSize({ width, height: width < 700 ? 740 : 860 });
    if (found.length) console.log(name, language, width, found);
    await page.close();
  }
  await context.close();
}
await browser.close();
