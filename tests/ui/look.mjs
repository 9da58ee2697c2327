// What is looked for on every screen: what axe finds, contrasts that it leaves open, text that is cut off, and scrolling sidewards.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/** A context whose pages have axe: by the debugger, which no policy of the page stops. */
export async function seeing(browser, language) {
  const context = await browser.newContext({ reducedMotion: "reduce", locale: language === "zh" ? "zh-CN" : "en-GB" });
  await context.addInitScript(`${axe}; globalThis.tooLow = ${tooLow};`);
  return context;
}

/** What axe finds on a page, in words; and text whose contrast axe cannot tell, where it is too low somewhere. */
export async function violations(page) {
  return page.evaluate(async (tags) => {
    const { violations, incomplete } = await globalThis.axe.run(document, { runOnly: tags, resultTypes: ["violations", "incomplete"], elementRef: true });
    const told = violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(" ")).join(", ")}`);
    const open = incomplete.filter((one) => one.id === "color-contrast").flatMap((one) => one.nodes);
    return [...told, ...globalThis.tooLow(open)];
  }, TAGS);
}

/** Runs in the page: the elements whose text is too close to any colour that may be behind it (WCAG 1.4.3). */
function tooLow(nodes) {
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const over = (top, below) => {
    const mix = (name) => top[name] * top.a + below[name] * (1 - top.a);
    return { r: mix("r"), g: mix("g"), b: mix("b"), a: 1 };
  };
  const luminance = ({ r, g, b }) => {
    const [red, green, blue] = [r, g, b].map((one) => (one / 255 <= 0.04045 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  /** Every colour that can be behind an element: its own ground, each stop of its gradients on it, on all that is below. */
  const grounds = (element) => {
    if (element === null) return [parse("rgb(255, 255, 255)")];
    const { backgroundColor, backgroundImage } = getComputedStyle(element);
    const own = parse(backgroundColor);
    const below = own.a === 1 ? [own] : grounds(element.parentElement).map((one) => over(own, one));
    const stops = (backgroundImage.match(/rgba?\([^)]*\)/g) ?? []).map(parse);
    return [...below, ...stops.flatMap((stop) => below.map((one) => over(stop, one)))];
  };
  // What has gone meanwhile, like a countdown that ended, is not on the screen.
  return nodes.filter(({ element }) => element.isConnected).flatMap(({ element, target }) => {
    const style = getComputedStyle(element);
    const ratios = grounds(element).map((ground) => {
      const [darker, lighter] = [luminance(over(parse(style.color), ground)), luminance(ground)].sort((one, other) => one - other);
      return (lighter + 0.05) / (darker + 0.05);
    });
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const worst = Math.min(...ratios);
    return worst < needed ? [`contrast of ${worst.toFixed(2)}: ${target.join(" ")}`] : [];
  });
}

/** Texts that reach out of an element which shows no more than its own area, and does not scroll. */
export const clipped = (page) =>
  page.evaluate(() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    while (texts.nextNode()) {
      const { currentNode: text } = texts;
      const parent = text.parentElement;
      if (text.data.trim() === "" || !parent.checkVisibility() || parent.closest("svg, .spoken, .skip, script, [aria-hidden=true]")) continue;
      const range = document.createRange();
      range.selectNodeContents(text);
      const { left, right, top, bottom } = range.getBoundingClientRect();
      for (let around = parent; around !== document.documentElement; around = around.parentElement) {
        const style = getComputedStyle(around);
        const box = around.getBoundingClientRect();
        const hides = (overflow) => overflow === "hidden" || overflow === "clip" || style.clipPath !== "none";
        const sides = hides(style.overflowX) && (left < box.left - 1 || right > box.right + 1);
        if (sides || (hides(style.overflowY) && (top < box.top - 1 || bottom > box.bottom + 1))) found.push(text.data.trim());
      }
    }
    return found;
  });

/** By how much the page or its content is wider than it shows. */
export const sidewards = (page) =>
  page.evaluate(() => Math.max(...["html", "main"].map((name) => document.querySelector(name)).map((one) => one.scrollWidth - one.clientWidth)));
