// Every screen, in both languages and three widths, looked at by axe; each reached by what a person does.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { complaints, launch } from "./browser.mjs";
import { answers, failure, secretWords } from "./fixtures.mjs";
import { open } from "./harness.mjs";
import { clipped, seeing, sidewards, violations } from "./look.mjs";
import { paths } from "./paths.mjs";
import { screens, speaking } from "./screens.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

/** How each is looked at: every width, and both colour schemes on the narrowest. */
const LOOKS = [[320, "light"], [320, "dark"], [768, "dark"], [1440, "light"]];

/** Reaches one screen, and looks at it in every way. */
async function look(language, [name, reach, replaced, how]) {
  const context = await seeing(browser, language);
  const page = await open(context, speaking(language, replaced), how);
  const found = complaints(page);
  await page.setViewportSize({ width: LOOKS[0][0], height: 800 });
  await reach(page);
  for (const [width, colorScheme] of LOOKS) {
    await page.setViewportSize({ width, height: 800 });
    await page.emulateMedia({ colorScheme });
    const where = `${name} ${language} ${width} ${colorScheme}`;
    assert.deepEqual(await violations(page), [], where);
    assert.deepEqual(await clipped(page), [], `${where} hides text`);
    assert.ok((await sidewards(page)) <= 0, `${where} is wider than its window`);
  }
  assert.equal(await page.locator("h1").count(), 1, `${name} has one heading`);
  assert.equal(await page.evaluate(() => document.documentElement.lang), language === "zh" ? "zh-CN" : "en");
  await lookAtTwiceTheSize(page, `${name} ${language} at 200 %`);
  assert.deepEqual(found, [], `${name} complains`);
  await context.close();
}

/** WCAG 1.4.4: text of twice the size, on the smallest screen that would show it. Nothing is lost, and one gets about. */
async function lookAtTwiceTheSize(page, where) {
  await page.setViewportSize({ width: 640, height: 800 });
  await page.evaluate(() => document.documentElement.style.setProperty("font-size", "200%"));
  assert.deepEqual(await violations(page), [], where);
  assert.deepEqual(await clipped(page), [], `${where} hides text`);
  assert.ok((await sidewards(page)) <= 0, `${where} is wider than its window`);
  if ((await page.locator("nav").count()) === 0) return;
  await page.locator("nav button").nth(2).click();
  await page.locator("[data-screen=activity]").waitFor();
}

for (const language of ["zh", "en"]) {
  test(`axe finds nothing on any screen (${language})`, async () => {
    const wanted = (process.env.YUFU_SCREENS ?? "").split(",").filter(Boolean);
    const queue = screens.filter(([name]) => wanted.length === 0 || wanted.includes(name));
    assert.ok(queue.length > 0, "YUFU_SCREENS names no screen");
    const failed = [];
    const next = async () => {
      for (let screen = queue.shift(); screen; screen = queue.shift()) {
        await look(language, screen).catch((why) => failed.push(`${screen[0]}: ${why.message}`));
      }
    };
    await Promise.all([next(), next()]);
    assert.equal(failed.length, 0, failed.join("\n\n"));
  });
}

test("what is looked for above is found where it is planted", async () => {
  const context = await seeing(browser, "en");
  const page = await open(context, speaking("en", {}));
  await page.locator(".tally").first().waitFor();
  assert.deepEqual(await violations(page), []);
  const plant = (style, text = "planted") =>
    page.evaluate(([css, words]) => {
      document.querySelector("#planted")?.remove();
      const planted = Object.assign(document.createElement("p"), { id: "planted", textContent: words });
      planted.style.cssText = css;
      document.querySelector("main").prepend(planted);
    }, [style, text]);
  await plant("color: #999; background-color: #bbb");
  assert.match((await violations(page)).join(), /color-contrast: #planted/);
  // What axe calls incomplete: text on a gradient.
  await plant("color: #000; background-image: linear-gradient(#fff, #ddd)");
  assert.deepEqual(await violations(page), []);
  await plant("color: #000; background-image: linear-gradient(#fff, #333)");
  assert.match((await violations(page)).join(), /contrast of 1\.\d+: #planted/);
  await plant("width: 2rem; overflow: hidden; white-space: nowrap", "a word that is cut off");
  assert.match((await clipped(page)).join(), /a word that is cut off/);
  await plant("width: 200rem");
  assert.ok((await sidewards(page)) > 0);
  await context.close();
});

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

/** X034: from a page, on a telephone or a computer, documents go to the wallet with what they are; a required one must be there. */
test("documents are uploaded with their kind, and nobody is held up for want of a portrait", async () => {
  const context = await browser.newContext();
  const given = [];
  const page = await open(context, speaking("en", { declare: (input) => (given.push(input), answers.declare) }));
  const go = async (type) => {
    await page.locator("#apply").click();
    await page.locator(`[data-type='urn:yufu:vct:${type}:1']`).click();
    for (const field of await page.locator("form input:not([type=file], [type=radio]), form textarea").all()) {
      await field.fill((await field.getAttribute("type")) === "date" ? "1990-03-07" : "若兰");
    }
    for (const choice of await page.locator("form fieldset").all()) await choice.locator("input").first().check();
  };
  const submit = () => page.locator("form > .button.first").click();
  await go("marital-status");
  await submit();
  await page.locator("[role=alert]", { hasText: "required" }).waitFor();
  assert.deepEqual(given, []);
  const pdf = { name: "hukou.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF-1.7\n%%EOF") };
  const large = { name: "large.pdf", mimeType: "application/pdf", buffer: Buffer.alloc(8 * 1024 * 1024 + 1) };
  await page.locator("[data-kind=household_register] input[type=file]").setInputFiles([pdf, { ...pdf, name: "page-2.pdf" }, large]);
  await page.locator("[data-kind=household_register] [role=alert]", { hasText: "8 MiB" }).waitFor();
  await page.locator("[data-kind=household_register] .row").nth(1).locator("button").click();
  await page.locator("[data-kind=marriage_certificate] input[type=file]").setInputFiles({ ...pdf, name: "certificate.pdf" });
  await submit();
  await page.locator("#confirm").waitFor();
  const contents = pdf.buffer.toString("base64");
  assert.deepEqual(given[0].documents, [
    { kind: "household_register", name: "hukou.pdf", contents },
    { kind: "marriage_certificate", name: "certificate.pdf", contents },
  ]);
  // X074: with three ways to be verified on the screen, and without a portrait.
  await page.locator("nav button").first().click();
  await go("resident-identity");
  assert.deepEqual(await page.locator("[data-channel]").evaluateAll((all) => all.map((one) => one.dataset.channel)), ["counter", "card", "witness"]);
  await submit();
  await page.locator("#confirm").waitFor();
  assert.deepEqual([given[1].portrait, given[1].documents], [null, []]);
  await context.close();
});

/** X037, X073: all own data in one place, by department: data, business, security; checked on demand, opened and saved. */
test("my data shows what departments have, what for, and how it is protected", async () => {
  const context = await browser.newContext();
  const page = await open(context, speaking("en", {}));
  await page.locator("nav button").nth(3).click();
  await page.locator("#my-data").click();
  const department = page.locator("[data-department]");
  await department.locator("h2", { hasText: "Bureau" }).waitFor();
  assert.deepEqual(await department.locator("h3").allTextContents(), ["Data", "Business", "Security"]);
  assert.match(await department.locator("[data-part=data]").textContent(), /若兰/);
  assert.match(await department.locator("[data-part=business]").textContent(), /Shown to the site.*Tax Services/s);
  assert.equal(await department.locator("[data-integrity=unchecked]").count(), 2);
  await page.locator("#check").click();
  await department.locator("[data-integrity=confirmed]").nth(1).waitFor();
  assert.match(await department.locator("[data-integrity]").first().textContent(), /as of block/);
  await page.locator("[data-show=portrait]").click();
  await page.locator("img.portrait").waitFor();
  assert.ok(await page.locator("img.portrait").evaluate(async (picture) => (await picture.decode(), picture.naturalWidth > 0)));
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator("[data-save=claims]").click()]);
  assert.equal(download.suggestedFilename(), "claims.json");
  await page.locator("[data-end=kill]").click();
  await page.locator("main[data-screen=card]").waitFor();
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
  const came = await open(context, {}, { address });
  await came.locator("#taken").waitFor();
  assert.equal(new URL(came.url()).search, "", "the code is not left in the window's address");
  await page.locator(".tally").first().waitFor();
  assert.deepEqual(asked, [{ address: `http://127.0.0.1:9${address}` }]);
  // No wallet waits any more.
  const late = await open(context, {}, { address });
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

test("a statement that has not got there says so, is sent again by its button, and then says what came of it", async () => {
  const context = await browser.newContext();
  const sending = { zh: "网站已确认。", en: "The site confirmed: what you showed is deleted." };
  const sent = { ...answers.withdraw_consent, state: "acknowledged", sending };
  const page = await open(context, speaking("en", { send_statement: sent }));
  await page.locator("nav button").nth(2).click();
  await page.locator("[data-event=released] .button").click();
  await page.locator("#withdraw").click();
  const slip = page.locator("[data-statement=withdrawal]");
  assert.match(await slip.locator(".notice").textContent(), /cannot be reached.*send it again/u);
  await slip.getByRole("button", { name: "Send again" }).click();
  await page.locator("[data-statement=withdrawal][data-state=acknowledged]").waitFor();
  assert.equal(await slip.locator(".notice").textContent(), sending.en);
  assert.equal(await slip.getByRole("button", { name: "Send again" }).count(), 0);
  assert.equal(await slip.count(), 1, "it is the same statement");
  await context.close();
});

paths(() => browser);
