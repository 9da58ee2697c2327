// Every screen, in both languages and three widths, looked at by axe; each reached by what a person does.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { complaints, launch } from "./browser.mjs";
import { answers, failure } from "./fixtures.mjs";
import { open } from "./harness.mjs";
import { screens, speaking } from "./screens.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const WIDTHS = [320, 768, 1440];
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

/** What axe finds on a page, in words. */
async function violations(page) {
  const found = await page.evaluate(async (tags) => {
    const { violations } = await globalThis.axe.run(document, { runOnly: tags, resultTypes: ["violations"] });
    return violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(" ")).join(", ")}`);
  }, TAGS);
  return found;
}

const sidewards = (page) =>
  page.evaluate(() => Math.max(...["html", "main"].map((name) => document.querySelector(name)).map((one) => one.scrollWidth - one.clientWidth)));

for (const language of ["zh", "en"]) {
  test(`axe finds nothing on any screen (${language})`, async () => {
    const context = await browser.newContext({ reducedMotion: "reduce", locale: language === "zh" ? "zh-CN" : "en-GB" });
    // By the debugger, which no policy of the page stops.
    await context.addInitScript(axe);
    for (const [number, [name, reach, replaced]] of screens.entries()) {
      const page = await open(context, speaking(language, replaced));
      const found = complaints(page);
      await page.setViewportSize({ width: WIDTHS[0], height: 800 });
      await page.emulateMedia({ colorScheme: number % 2 ? "dark" : "light" });
      await reach(page);
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 800 });
        for (const colorScheme of width === 768 ? ["dark", "light"] : ["light"]) {
          await page.emulateMedia({ colorScheme });
          assert.deepEqual(await violations(page), [], `${name} ${language} ${width} ${colorScheme}`);
        }
        assert.ok((await sidewards(page)) <= 0, `${name} ${language} is wider than ${width}`);
      }
      // WCAG 1.4.4: text of twice the size, on the smallest screen that would show it.
      await page.setViewportSize({ width: 640, height: 800 });
      await page.evaluate(() => document.documentElement.style.setProperty("font-size", "200%"));
      assert.ok((await sidewards(page)) <= 0, `${name} ${language} loses text at 200 %`);
      assert.equal(await page.locator("h1").count(), 1, `${name} has one heading`);
      assert.equal(await page.evaluate(() => document.documentElement.lang), language === "zh" ? "zh-CN" : "en");
      assert.deepEqual(found, [], `${name} complains`);
      await page.close();
    }
    await context.close();
  });
}

test("a login is approved by keyboard alone, and the focus follows the screens", async () => {
  const context = await browser.newContext();
  const page = await open(context, speaking("en", {}));
  await page.locator(".tally").first().waitFor();
  const until = async (selector) => {
    for (let step = 0; step < 60; step += 1) {
      if (await page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector)) return;
      await page.keyboard.press("Tab");
    }
    assert.fail(`${selector} cannot be reached by Tab`);
  };
  assert.equal(await page.evaluate(() => document.activeElement?.tagName), "H1");
  await until("nav li:nth-child(2) button");
  await page.keyboard.press("Enter");
  await until("#link");
  await page.keyboard.type("openid4vp://?x");
  await until("form .button.first");
  await page.keyboard.press("Enter");
  await page.locator("#agreed").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Show this?");
  await until("#agree");
  await page.keyboard.press("Enter");
  await until("[data-code='64']");
  await page.keyboard.press("Space");
  await page.locator("[data-outcome]").waitFor();
  await context.close();
});

test("who is unverified cannot be agreed to before that was accepted", async () => {
  const context = await browser.newContext();
  const asked = [];
  const page = await open(context, speaking("en", { approve: (input) => (asked.push(input), answers.approve) }));
  await page.locator("nav button").nth(1).click();
  await page.locator("#link").fill("openid4vp://?prizes");
  await page.locator("form .button.first").click();
  await page.locator("#unverified").waitFor();
  assert.ok(await page.locator("#agree").isDisabled());
  await page.locator("label.check", { hasText: "nobody vouches" }).locator("input").check();
  await page.locator("#agree").click();
  await page.locator("[data-outcome]").waitFor();
  assert.deepEqual(asked, [{ consent: "consent-2", match_code: null, accept_unverified: true }]);
  await context.close();
});

test("leaving an optional part out asks the wallet, with the rest of the choice", async () => {
  const context = await browser.newContext();
  const asked = [];
  const page = await open(context, speaking("en", { select: (input) => (asked.push(input.selection), answers.select) }));
  await page.locator("nav button").nth(1).click();
  await page.locator("#link").fill("openid4vp://?prizes");
  await page.locator("form .button.first").click();
  // Not `uncheck`: the wallet answers with another request here, in which this box is not.
  await page.locator("fieldset input[type=checkbox]").click();
  await page.waitForFunction(() => document.querySelector("[data-consent='consent-1']"));
  assert.deepEqual(asked, [{ credentials: { identity: ["card-1"], marital: ["card-2"] }, sets: { 0: 0, 1: null } }]);
  await context.close();
});

test("a wait of more than ten seconds says so and what for", async () => {
  const context = await browser.newContext();
  await context.clock.install();
  const slow = await open(context, speaking("en", { refresh_credentials: () => new Promise(() => {}) }));
  await slow.locator(".tally").first().waitFor();
  await slow.locator(".bar .round").last().click();
  await slow.locator(".working", { hasText: "Asking the ledger" }).waitFor();
  assert.ok(!(await slow.locator(".working").textContent()).includes("Slower"));
  await slow.clock.fastForward(10_500);
  await slow.locator(".working", { hasText: "Slower than usual. Still waiting: Asking the ledger" }).waitFor();
  await context.close();
});

test("a wallet that locked itself shows the lock and none of the cards", async () => {
  const context = await browser.newContext();
  const page = await open(context, speaking("en", { refresh_credentials: failure("wallet-locked", "钱包已锁定。", "Locked.") }));
  await page.locator(".tally").first().waitFor();
  await page.locator(".bar .round").last().click();
  await page.locator("input.pin").waitFor();
  assert.ok(!(await page.locator("body").textContent()).includes("若兰"));
  await context.close();
});

test("after too many wrong PINs the button waits", async () => {
  const context = await browser.newContext();
  const locked = { status: { ...answers.status, stage: "locked" }, unlock: failure("wallet-locked-out", "次数过多。", "Too many.", { attempts_left: 0, wait_seconds: 30 }) };
  const page = await open(context, speaking("en", locked));
  await page.locator("input.pin").fill("000001");
  await page.locator(".button.first").click();
  await page.locator("#attempts", { hasText: /0:\d\d/ }).waitFor();
  assert.ok(await page.locator(".button.first").isDisabled());
  await context.close();
});
