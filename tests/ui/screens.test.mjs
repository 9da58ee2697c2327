// Every screen, in both languages and three widths, looked at by axe; each reached by what a person does.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { complaints, launch } from "./browser.mjs";
import { answers, failure, secretWords } from "./fixtures.mjs";
import { open } from "./harness.mjs";
import { screens, speaking } from "./screens.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
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

/** How each is looked at: every width, and both colour schemes. */
const LOOKS = [[320, "light"], [768, "dark"], [1440, "light"]];

/** Reaches one screen, and looks at it in every way. */
async function look(context, language, [name, reach, replaced]) {
  const page = await open(context, speaking(language, replaced));
  const found = complaints(page);
  await page.setViewportSize({ width: LOOKS[0][0], height: 800 });
  await reach(page);
  for (const [width, colorScheme] of LOOKS) {
    await page.setViewportSize({ width, height: 800 });
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await violations(page), [], `${name} ${language} ${width} ${colorScheme}`);
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

for (const language of ["zh", "en"]) {
  test(`axe finds nothing on any screen (${language})`, async () => {
    const context = await browser.newContext({ reducedMotion: "reduce", locale: language === "zh" ? "zh-CN" : "en-GB" });
    // By the debugger, which no policy of the page stops.
    await context.addInitScript(axe);
    const wanted = (process.env.YUFU_SCREENS ?? "").split(",").filter(Boolean);
    const queue = screens.filter(([name]) => wanted.length === 0 || wanted.includes(name));
    assert.ok(queue.length > 0, "YUFU_SCREENS names no screen");
    const next = async () => {
      for (let screen = queue.shift(); screen; screen = queue.shift()) await look(context, language, screen);
    };
    await Promise.all([next(), next()]);
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

test("who is waited for is named as the wallet names it, and no longer than the wait", async () => {
  const context = await browser.newContext();
  await context.clock.install();
  const told = { side: "department", seconds: 10, limit_seconds: 180, sentence: { zh: "比平时慢：正在等待部门。", en: "Slower than usual: waiting for the department (10 seconds so far)." } };
  let answer;
  const page = await open(context, speaking("en", { refresh_credentials: () => new Promise((done) => (answer = done)), progress: () => told }));
  await page.locator(".tally").first().waitFor();
  await page.locator(".bar .round").last().click();
  await page.locator(".working").waitFor();
  assert.ok(!(await page.locator(".working").textContent()).includes("department"));
  await page.clock.fastForward(10_500);
  await page.locator(".working", { hasText: told.sentence.en }).waitFor();
  answer(answers.credentials);
  await page.locator(".working").waitFor({ state: "detached" });
  await context.close();
});

// WCAG 2.2, 2.2.1
test("an open wallet warns a minute before it closes itself, and any input keeps it open", async () => {
  const context = await browser.newContext();
  await context.clock.install();
  const said = speaking("en", {});
  let [left, touched] = [300, 0];
  const touch = () => {
    [left, touched] = [300, touched + 1];
    return { ...said.status, closes_in: left };
  };
  const page = await open(context, { ...said, status: () => ({ ...said.status, closes_in: left, stage: left === null ? "locked" : "open" }), touch });
  await page.locator(".tally").first().waitFor();
  assert.equal(await page.locator("#stay-open").count(), 0);
  left = 58;
  await page.clock.fastForward(15_500);
  const warning = page.locator("[role=alert]", { hasText: "about to lock itself" });
  await warning.waitFor();
  assert.match(await warning.textContent(), /Locks in 5\d s/);
  assert.equal(touched, 0, "what the page asks by itself is no use");
  await page.locator("#stay-open").focus();
  await page.locator("#stay-open").press("Enter");
  await page.locator("#stay-open").waitFor({ state: "detached" });
  assert.ok(touched > 0);
  // A key now and then while a form is filled in is use, and not every key a call.
  await page.clock.fastForward(11_000);
  const before = touched;
  for (const key of ["a", "b", "c"]) await page.keyboard.press(key);
  await page.waitForFunction(() => true);
  assert.equal(touched, before + 1);
  // What a script does is no person.
  await page.clock.fastForward(11_000);
  await page.evaluate(() => document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "a", bubbles: true })));
  assert.equal(touched, before + 1);
  // When the time is over the page does not wait for its next look.
  left = 3;
  await page.clock.fastForward(15_500);
  await warning.waitFor();
  left = null;
  await page.clock.fastForward(4_000);
  await page.locator("input.pin").waitFor();
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

/** Goes to the recovery words, as far as they are on the screen. */
async function toTheWords(page) {
  await page.locator("nav button").nth(3).click();
  await page.locator("#recovery").click();
  await page.locator("[data-step=words] .button").click();
  await page.locator("input.pin").fill("483726");
  await page.locator("form .button.first").click();
  await page.locator(".slips").waitFor();
}
/** Everything that a script of the page, or somebody who looks, could still find. */
const remains = (page) => page.evaluate(() => document.documentElement.outerHTML + JSON.stringify([{ ...localStorage }, { ...sessionStorage }, history.state, location.href]));

test("the recovery words are on their screen only, after the PIN, and gone when it is left", async () => {
  const context = await browser.newContext();
  const asked = [];
  const page = await open(context, speaking("en", { reveal_words: (input) => (asked.push(input), answers.reveal_words), confirm_words: (input) => (asked.push(input), {}) }));
  const told = [];
  page.on("console", (message) => told.push(message.text()));
  const unusual = secretWords.en[9];
  await toTheWords(page);
  assert.deepEqual(asked, [{ pin: "483726" }]);
  assert.ok((await remains(page)).includes(unusual), "what is looked for below is there now");
  // Written down: the words go, and three are typed from paper.
  await page.locator("#written").click();
  assert.ok(!(await remains(page)).includes(unusual));
  for (const input of await page.locator("[data-word]").all()) {
    await input.fill(secretWords.en[Number(await input.getAttribute("data-word")) - 1]);
  }
  await page.locator("form .button.first").click();
  await page.locator("#save-backup").waitFor();
  assert.deepEqual(asked[1], { words: [3, 11, 20].map((number) => secretWords.en[number - 1]) });
  // Left by the browser's own button, and looked for by going forward again.
  await page.goBack();
  await toTheWords(page);
  await page.goBack();
  await page.locator("[data-step=guardians]").waitFor();
  assert.ok(!(await remains(page)).includes(unusual));
  await page.goForward();
  assert.ok(!(await remains(page)).includes(unusual), "the way forward does not show them without the PIN");
  assert.deepEqual(told.filter((line) => line.includes(unusual)), [], "nothing of it was logged");
  await context.close();
});

test("three words that are too often wrong lead back to the PIN", async () => {
  const context = await browser.newContext();
  const again = failure("words-not-shown", "请先查看恢复词。", "Look at the words first.");
  const page = await open(context, speaking("en", { confirm_words: again }));
  await toTheWords(page);
  await page.locator("#written").click();
  for (const input of await page.locator("[data-word]").all()) await input.fill("wrong");
  await page.locator("form .button.first").click();
  await page.locator("input.pin").waitFor();
  await context.close();
});

test("guardians' cards are gone when their screen is left, and what is printed is the cards alone", async () => {
  const context = await browser.newContext();
  const page = await open(context, speaking("en", {}));
  await page.locator("nav button").nth(3).click();
  await page.locator("#recovery").click();
  await page.locator("[data-step=guardians] .button").click();
  await page.locator("input.pin").fill("483726");
  await page.locator("form .button.first").click();
  await page.locator("[data-guardian='3']").waitFor();
  await page.emulateMedia({ media: "print" });
  const printed = (await page.locator("body").innerText()).toLowerCase();
  assert.ok(printed.includes("card 3 of 3") && printed.includes("cylinder"));
  for (const beside of ["print all three", "settings", "guardians' cards", "copy card"]) assert.ok(!printed.includes(beside), `${beside} is printed`);
  await page.emulateMedia({ media: "screen" });
  await page.locator("#handed-out").click();
  await page.locator("#rehearse").waitFor();
  assert.ok(!(await remains(page)).includes("cylinder"));
  await context.close();
});

test("a wallet that is to recover or to join makes no identity of its own", async () => {
  for (const [button, screen] of [["#move", "restore"], ["#join", "join"]]) {
    const context = await browser.newContext();
    let made = 0;
    const absent = { status: { ...answers.status, stage: "absent" }, create: { ...answers.status, stage: "open" }, identity: null, credentials: [], create_identity: () => ((made += 1), answers.identity) };
    const page = await open(context, speaking("en", absent));
    await page.locator(button).click();
    for (const input of await page.locator("input.pin").all()) await input.fill("483726");
    await page.locator(".button.first").click();
    await page.locator(`[data-screen=${screen}]`).waitFor();
    await page.locator("nav button").first().click();
    await page.locator("#no-identity").waitFor();
    assert.equal(made, 0, `${screen} made an identity`);
    await context.close();
  }
});

test("a window that comes back from a department hands the address to the wallet's window, or shows it", async () => {
  const context = await browser.newContext();
  const asked = [];
  const [asked_for] = answers.review_offer.credentials;
  const credentials = [asked_for, { ...asked_for, type_name: { zh: "婚姻状况证明", en: "Marital status" }, department: null, expected: false }];
  const offer = { ...answers.review_offer, credentials, needs_sign_in: true, needs_pin: false, pin: null };
  const page = await open(context, speaking("en", { review_offer: offer, authorized: (input) => (asked.push(input), answers.authorized) }));
  await page.locator("nav button").nth(1).click();
  await page.locator("#link").fill("openid-credential-offer://?x");
  await page.locator("form .button.first").click();
  await page.locator("#sign-in").waitFor();
  assert.deepEqual(await page.locator(".sheet h2").allTextContents(), [asked_for.type_name.en, "Marital status"]);
  assert.equal(await page.locator(".notice.good").count(), 0, "one of them was not asked for");
  await page.locator("#sign-in").click();
  await page.locator("#open-browser").waitFor();
  const address = "/?code=c1&state=s1&iss=https%3A%2F%2Flogin.police.riverside.example";
  const came = await open(context, {}, address);
  await came.locator("#taken").waitFor();
  assert.equal(new URL(came.url()).search, "", "the code is not left in the window's address");
  await page.locator(".tally").first().waitFor();
  assert.deepEqual(asked, [{ address: `http://127.0.0.1:9${address}` }]);
  // No wallet waits any more.
  const late = await open(context, {}, address);
  assert.ok((await late.locator("#address").textContent()).includes("code=c1"));
  await context.close();
});

test("history and backup are saved as files, as the wallet gave them", async () => {
  const context = await browser.newContext({ acceptDownloads: true });
  const page = await open(context, speaking("en", {}));
  await page.locator("nav button").nth(2).click();
  const [saved] = await Promise.all([page.waitForEvent("download"), page.locator("#export").click()]);
  assert.match(saved.suggestedFilename(), /^yufu-history-\d{4}-\d{2}-\d{2}\.json$/);
  assert.deepEqual(JSON.parse(await readFile(await saved.path(), "utf8")), answers.export_history);
  await context.close();
});
