// What people do without a pointer, and what happens beside the straight way: links from elsewhere, what comes late, what runs out.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { test } from "node:test";
import { answers, consent, failure, secretWords } from "./fixtures.mjs";
import { application, open } from "./harness.mjs";
import { speaking } from "./screens.mjs";

const PORTRAIT = { name: "me.png", mimeType: "image/png", buffer: Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64") };
const absent = { status: { ...answers.status, stage: "absent" }, identity: answers.identity, credentials: [], requests: [], unsent: [], poll_issuances: [] };
/** A request from this very device: no code is picked. */
const onThisDevice = { ...consent, other_device: null, match_codes: [] };
const shown = (page) => page.locator("main").getAttribute("data-screen");
const add = async (page, text) => {
  await page.locator("nav button").nth(1).click();
  await page.locator("#link").fill(text);
  await page.locator("form .button.first").click();
};
/** A promise that somebody else keeps. */
const later = () => {
  let keep;
  return [new Promise((done) => (keep = done)), (value) => keep(value)];
};

/** Runs a story on a page of its own. */
function story(browser, name, tell, { context: how = {} } = {}) {
  test(name, async () => {
    const context = await browser().newContext({ locale: "en-GB", ...how });
    await tell((replaced = {}, opened = {}) => open(context, speaking("en", replaced), opened), context);
    await context.close();
  });
}

/** A keyboard: Tab until something has the focus, and a key on it. */
function keys(page) {
  const has = (selector) => page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector);
  const on = async (selector, key) => {
    await page.locator(selector).first().waitFor();
    for (let step = 0; step < 80 && !(await has(selector)); step += 1) await page.keyboard.press("Tab");
    assert.ok(await has(selector), `${selector} cannot be reached by Tab`);
    if (key) await page.keyboard.press(key);
  };
  const type = async (selector, text) => {
    await on(selector);
    await page.keyboard.press("Control+A");
    await page.keyboard.type(text);
  };
  const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim());
  return { has, on, type, focused };
}

export function paths(browser) {
  byKeyboard(browser);
  linksFromElsewhere(browser);
  lateAndOver(browser);
  withoutASilence(browser);
}

function byKeyboard(browser) {
  story(browser, "by keyboard alone a wallet is made, and a PIN that is not taken is told where the focus is", async (opened) => {
    const page = await opened(absent);
    const { on, type, focused } = keys(page);
    await on("#create", "Enter");
    await page.locator("input.pin").first().waitFor();
    assert.equal(await focused(), "Choose a PIN");
    await type("input.pin", "111111");
    await on("form .button.first", "Enter");
    await page.locator(".fault[role=alert]").waitFor();
    await page.waitForFunction(() => document.activeElement?.matches("input.pin[aria-invalid=true]"));
    await type("input.pin", "483726");
    await type(".field:nth-child(2) input.pin", "483726");
    await on("form .button.first", "Enter");
    await page.locator("#apply").waitFor();
  });

  story(browser, "by keyboard alone a department is asked for a card", async (opened) => {
    const declared = [];
    const page = await opened({ declare: (input) => (declared.push(input), answers.declare) });
    page.on("filechooser", (chooser) => chooser.setFiles(PORTRAIT));
    const { on, type } = keys(page);
    await on("#apply", "Enter");
    await on(".link-row", "Enter");
    for (const name of ["family_name", "given_name", "id_number"]) await type(`#${name}`, "若兰");
    await on("#birth_date");
    await page.keyboard.type("05051990");
    await on("#gender input", "ArrowDown");
    await type("#address", "滨河市");
    await on("[aria-describedby=portrait]", "Enter");
    await page.locator("img.portrait").waitFor();
    await on("form > .button.first", "Enter");
    await on("#confirm", "Enter");
    await page.locator("[data-stage=pending]").waitFor();
    assert.deepEqual([declared[0].claims.gender, declared[0].claims.birth_date], ["男", "1990-05-05"]);
  });

  story(browser, "by keyboard alone a device is given a name, which is what it is called from then on", async (opened) => {
    const asked = [];
    const page = await opened({ name_device: (input) => (asked.push(input), answers.name_device(input)) });
    const { on, type } = keys(page);
    await on("nav li:nth-child(4) button", "Enter");
    await on("#devices", "Enter");
    await on(".device:not(.this) .button:not(.danger)", "Enter");
    await type(".device:not(.this) input", "爷爷的旧手机");
    await page.keyboard.press("Enter");
    await page.locator(".device:not(.this) h2", { hasText: "爷爷的旧手机" }).waitFor();
    await page.locator(".device:not(.this) form").waitFor({ state: "detached" });
    assert.deepEqual(asked, [{ key: answers.devices.devices[1].key, name: "爷爷的旧手机" }]);
  });

  story(browser, "by keyboard alone a device is removed and a card revoked, after a question that has the focus and gives it back", async (opened) => {
    const asked = [];
    const page = await opened({ remove_device: (input) => (asked.push(input.key), answers.remove_device), kill: (input) => (asked.push(input.credential), answers.kill) });
    const { on, has, focused } = keys(page);
    await on("nav li:nth-child(4) button", "Enter");
    await on("#devices", "Enter");
    await on(".device:not(.this) .button.danger", "Enter");
    await page.locator("[role=alertdialog]").waitFor();
    assert.equal(await focused(), "Cancel");
    await on("[data-sure]", "Enter");
    await page.locator(".notice.good").waitFor();
    await on("nav li:nth-child(1) button", "Enter");
    await on(".tally", "Enter");
    await on(".button.danger", "Enter");
    assert.equal(await focused(), "Cancel");
    await page.keyboard.press("Escape");
    await page.locator("[role=alertdialog]").waitFor({ state: "detached" });
    await page.waitForFunction(() => document.activeElement?.matches(".button.danger"));
    await page.keyboard.press("Enter");
    assert.equal(asked.length, 1, "a question that was left did nothing");
    await on("[data-sure]", "Enter");
    await page.locator(".working").waitFor({ state: "detached" });
    await page.waitForFunction(() => document.activeElement !== document.body);
    assert.deepEqual(asked, [answers.devices.devices[1].key, "card-1"]);
    assert.ok(await has(".button.danger, h1"));
  });

  story(browser, "by keyboard alone the words are written down, the backup saved and tried", async (opened) => {
    const page = await opened();
    page.on("filechooser", (chooser) => chooser.setFiles({ name: "b.yufu", mimeType: "application/octet-stream", buffer: Buffer.from("x") }));
    const { on, type } = keys(page);
    await on("nav li:nth-child(4) button", "Enter");
    await on("#recovery", "Enter");
    await on("[data-step=words] .button", "Enter");
    await type("input.pin", "483726");
    await page.keyboard.press("Enter");
    await on("#written", "Enter");
    for (const at of [1, 2, 3]) await type(`.field:nth-child(${at}) [data-word]`, "able");
    await on("form .button.first", "Enter");
    await on("#save-backup", "Enter");
    await page.waitForFunction(() => document.querySelector(".field .button") && document.activeElement?.id === "step");
    await on(".field .button", "Enter");
    await on("#rehearse:not([disabled])", "Enter");
    await on("#done", "Enter");
    await page.locator("[data-step=guardians]").waitFor();
  });

  story(browser, "by keyboard alone an identity is restored in a new wallet", async (opened) => {
    const asked = [];
    const page = await opened({ ...absent, identity: null, recover: (input) => (asked.push(input.did), answers.recover) });
    const { on, type } = keys(page);
    await on("#move", "Enter");
    await type("input.pin", "483726");
    await type(".field:nth-child(2) input.pin", "483726");
    await page.keyboard.press("Enter");
    await type("textarea", secretWords.en.join(" "));
    await type("#did-typed", answers.identity.did);
    await on("#restore", "Enter");
    await page.locator("#recovered").waitFor();
    assert.deepEqual(asked, [answers.identity.did]);
  });

  story(browser, "the way past the functions leads to the content and changes nothing else", async (opened) => {
    const page = await opened();
    await add(page, "openid4vp://?x");
    await page.locator("#agreed").waitFor();
    await page.evaluate(() => (globalThis.same = true));
    await page.locator(".skip").focus();
    await page.keyboard.press("Enter");
    await page.waitForTimeout(300);
    assert.deepEqual(await page.evaluate(() => [globalThis.same, document.activeElement?.id, location.hash]), [true, "content", ""]);
    assert.equal(await shown(page), "consent");
    // A fragment that somebody types is no way back either.
    await page.evaluate(() => (location.hash = "#content"));
    await page.waitForTimeout(300);
    assert.equal(await shown(page), "consent");
  });

  story(browser, "the browser's way forward shows nothing again, and its way back still goes one screen back", async (opened) => {
    const page = await opened();
    await page.locator("nav button").nth(3).click();
    await page.locator("#recovery").click();
    await page.locator("[data-step=words]").waitFor();
    await page.goBack();
    await page.locator("#lock").waitFor();
    await page.goForward();
    await page.waitForTimeout(300);
    assert.equal(await shown(page), "settings");
    await page.goBack();
    await page.locator(".tally").first().waitFor();
    assert.equal(await shown(page), "home");
  });
}

function linksFromElsewhere(browser) {
  const elsewhere = { kind: "request", link: "openid4vp://?client_id=x&request_uri=https%3A%2F%2Fshop.example%3A8443%2Fr" };
  /** A system that leads to the application by links, one after the other. */
  const system = () => {
    const [sent, waiting] = [[], []];
    const opened_link = () => (sent.length ? sent.shift() : new Promise((done) => waiting.push(done)));
    return { opened_link, send: (link) => (waiting.length ? waiting.shift()(link) : sent.push(link)) };
  };

  story(browser, "a link from elsewhere opens at once only where nothing is being done", async (opened) => {
    const { opened_link, send } = system();
    const asked = [];
    const page = await opened({ opened_link, open_request: (input) => (asked.push(input.link), consent) }, { app: true });
    await page.locator(".tally").first().waitFor();
    send(elsewhere);
    await page.locator("#agreed").waitFor();
    assert.deepEqual(asked, [elsewhere.link]);
    // During a consent it waits, and says from where.
    send({ ...elsewhere, link: elsewhere.link.replace("shop", "other") });
    await page.locator(".arrived", { hasText: "other.example:8443" }).waitFor();
    assert.deepEqual([await shown(page), asked.length], ["consent", 1], "nothing was fetched");
    await page.locator("#ignore-link").click();
    assert.equal(await page.locator(".arrived").count(), 0);
    assert.equal(await shown(page), "consent");
    send(elsewhere);
    await page.locator("#open-link").click();
    await page.waitForFunction(() => !document.querySelector(".arrived"));
    await page.locator("#agreed").waitFor();
    assert.equal(asked.length, 2);
  });

  story(browser, "a link from elsewhere does not take the recovery words away", async (opened) => {
    const { opened_link, send } = system();
    const asked = [];
    const page = await opened({ opened_link, open_request: (input) => (asked.push(input.link), consent) }, { app: true });
    await page.locator("nav button").nth(3).click();
    await page.locator("#recovery").click();
    await page.locator("[data-step=words] .button").click();
    await page.locator("input.pin").fill("483726");
    await page.locator("form .button.first").click();
    await page.locator(".slips").waitFor();
    send(elsewhere);
    await page.locator("#open-link").waitFor();
    assert.ok(await page.locator(".slips").isVisible());
    assert.deepEqual(asked, []);
    await page.locator("#open-link").click();
    await page.locator("#agreed").waitFor();
    assert.equal(await page.locator(".slips").count(), 0);
  });

  story(browser, "a link that came while the wallet was locked opens when it is unlocked", async (opened) => {
    const { opened_link, send } = system();
    const page = await opened({ opened_link, status: { ...answers.status, stage: "locked" } }, { app: true });
    await page.locator("input.pin").waitFor();
    send(elsewhere);
    await page.locator("input.pin").fill("483726");
    await page.locator(".button.first").click();
    await page.locator("#agreed").waitFor();
  });

  story(browser, "the first device's answer, scanned as any link, joins by one press and makes no other code", async (opened) => {
    const asked = [];
    const page = await opened({ ask_to_join: () => (asked.push("code"), answers.ask_to_join()), join: (input) => (asked.push(input.link), answers.identity) });
    await add(page, "yufu-device://welcome?x");
    await page.locator("#answered .button").click();
    await page.locator(".tally").first().waitFor();
    assert.deepEqual(asked, ["yufu-device://welcome?x"]);
  });

  story(browser, "after a lost network the link is opened again without being given again", async (opened) => {
    let tries = 0;
    const lost = failure("request-not-fetched", "网站无法连接。", "The site cannot be reached.", { side: "website" });
    const page = await opened({ open_request: () => (tries++ === 0 ? lost : consent) });
    await add(page, "openid4vp://?x");
    await page.locator("[data-slug] .button").click();
    await page.locator("#agreed").waitFor();
    assert.equal(tries, 2);
  });

  story(browser, "from a page on this device its browser goes on by itself, from another one not", async (opened) => {
    for (const [view, went] of [[onThisDevice, true], [consent, false]]) {
      const gone = [];
      const page = await opened({ open_request: view, open_in_browser: (input) => (gone.push(input.url), {}) }, { app: true });
      await add(page, "openid4vp://?x");
      await page.locator("#agree").click();
      if (!went) await page.locator("[data-code]").first().click();
      await page.locator("[data-outcome]").waitFor();
      await page.waitForTimeout(100);
      assert.deepEqual(gone, went ? [answers.approve.redirect_uri] : []);
    }
  });

  test("the application says nothing of the pilot", async () => {
    application();
    const assets = new URL("../../wallet-app/ui/dist-app/assets/", import.meta.url);
    for (const [folder, expected] of [[assets, false], [new URL("../../wallet-app/ui/dist/assets/", import.meta.url), true]]) {
      const scripts = await Promise.all((await readdir(folder)).filter((name) => name.endsWith(".js")).map((name) => readFile(new URL(name, folder), "utf8")));
      assert.equal(/试点|pilot city|front page/i.test(scripts.join()), expected, folder.pathname);
    }
  });
}

function lateAndOver(browser) {
  story(browser, "what comes late opens nothing where somebody has gone on", async (opened) => {
    const [sent, site] = later();
    const [received, department] = later();
    const page = await opened({ approve: () => sent, receive: () => received });
    await add(page, "openid4vp://?x");
    await page.locator("#agree").click();
    await page.locator("[data-code]").first().click();
    await page.locator("nav button").nth(3).click();
    await page.locator("#lock").waitFor();
    site(answers.approve);
    await page.waitForTimeout(300);
    assert.equal(await shown(page), "settings");
    await add(page, "openid-credential-offer://?x");
    await page.locator("#code").fill("123456");
    await page.locator("form .button.first").click();
    await page.locator("nav button").nth(2).click();
    await page.locator(".timeline").waitFor();
    department(answers.credentials);
    await page.waitForTimeout(300);
    assert.equal(await shown(page), "activity");
  });

  story(browser, "codes say how long they are good, and none can be picked after a failure or their time", async (opened, context) => {
    const page = await opened({ approve: failure("response-not-delivered", "网站无法连接。", "The site cannot be reached.", { side: "website" }) });
    const codes = async () => Promise.all((await page.locator("[data-code]").all()).map((code) => code.isDisabled()));
    await add(page, "openid4vp://?x");
    await page.locator("#agree").click();
    await page.locator("main", { hasText: /The request ends in \d+:\d\d/ }).waitFor();
    assert.deepEqual(await codes(), [false, false, false]);
    await page.locator("[data-code]").first().click();
    await page.locator("#over").waitFor();
    assert.deepEqual(await codes(), [true, true, true]);
    await context.clock.install();
    const other = await opened({});
    await add(other, "openid4vp://?x");
    await other.locator("#agree").click();
    await other.locator("[data-code]").first().waitFor();
    await other.clock.fastForward(3_700_000);
    await other.locator("#over").waitFor();
    assert.ok(await other.locator("[data-code]").first().isDisabled());
    assert.ok(await other.locator("#none").isEnabled(), "it can still be declined");
  });

  story(browser, "ages grow while somebody looks, on the cards too", async (opened, context) => {
    await context.clock.install();
    const page = await opened({ credentials: () => answers.credentials.map((card) => ({ ...card, as_of: { height: 1, timestamp_ms: Date.now() - 7_000 } })) });
    const age = page.locator(".tally .age").first();
    await age.waitFor();
    const before = Number(/(\d+) seconds/.exec(await age.textContent())[1]);
    await page.clock.runFor(20_000);
    const after = Number(/(\d+) seconds/.exec(await age.textContent())[1]);
    assert.ok(after >= before + 19, `${before} and then ${after}`);
  });

  story(browser, "with less motion nothing moves, and without the fish reaches", async (opened) => {
    const never = () => new Promise(() => {});
    for (const reducedMotion of ["no-preference", "reduce"]) {
      const page = await opened({ refresh_credentials: never });
      await page.emulateMedia({ reducedMotion });
      await page.locator(".bar .round").last().click();
      await page.locator(".working").waitFor();
      const [moving, slides] = await page.evaluate(() => [document.getAnimations().length, getComputedStyle(document.querySelector(".tally .theirs")).transitionDuration]);
      assert.deepEqual([moving > 0, slides], reducedMotion === "reduce" ? [false, "0s"] : [true, "0.7s"]);
    }
  });
}

function withoutASilence(browser) {
  story(browser, "a file of another kind, and one that is too large, are told in words of their own", async (opened) => {
    const page = await opened();
    await page.locator("nav button").nth(1).click();
    const drop = (type) =>
      page.locator(".drop").evaluate((target, kind) => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File(["x"], "photo", { type: kind }));
        target.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
      }, type);
    await drop("image/heic");
    await page.locator(".notice[role=alert]", { hasText: "PNG or JPEG" }).waitFor();
    await drop("image/png");
    await page.locator("[data-slug=no-qr-code]").waitFor();
    await page.locator("nav button").nth(0).click();
    await page.locator("#apply").click();
    await page.locator(".link-row").first().click();
    const choose = (file) => page.locator("#portrait-file").setInputFiles(file);
    await choose({ name: "me.heic", mimeType: "image/heic", buffer: Buffer.from("x") });
    await page.locator(".fault", { hasText: "PNG or JPEG" }).waitFor();
    await choose({ ...PORTRAIT, buffer: Buffer.alloc(4 * 1024 * 1024 + 1) });
    await page.locator(".fault", { hasText: "more than 4 MiB" }).waitFor();
    await choose(PORTRAIT);
    await page.locator("img.portrait").waitFor();
    assert.equal(await page.locator(".fault").count(), 0);
  });

  story(browser, "a copy that did not come about is told", async (opened) => {
    const page = await opened();
    await page.evaluate(() => Object.defineProperty(navigator, "clipboard", { value: { writeText: () => Promise.reject(new Error("no")) } }));
    await add(page, "yufu-device://add?x");
    await page.locator("#device-code").fill("48210937");
    await page.locator("form .button.first").click();
    await page.locator("#welcome .button").click();
    await page.locator("[role=status]", { hasText: "could not be copied" }).waitFor();
  });

  story(browser, "a wallet that is not made yet speaks as its system does, and then as it is told", async (_, context) => {
    const asked = [];
    const status = { ...answers.status, stage: "absent", language: "zh" };
    const page = await open(context, { status, set_language: ({ language }) => (asked.push(language), { ...status, language }) });
    await page.locator("#create", { hasText: "Create my wallet" }).waitFor();
    assert.deepEqual(asked, ["en"]);
    await page.locator("button[lang=zh-CN]").click();
    await page.locator("#create", { hasText: "创建我的钱包" }).waitFor();
    assert.deepEqual(asked, ["en", "zh"]);
  });

  story(browser, "what is in the other language says so to screen readers", async (opened) => {
    const page = await opened();
    await page.locator(".tally").first().click();
    const languages = await page.locator(".values dd").evaluateAll((all) => all.map((one) => one.lang));
    assert.deepEqual(languages, ["zh-CN", "zh-CN", "", "", "zh-CN", "zh-CN"]);
    assert.equal(await page.locator(".tally .who").getAttribute("lang"), "zh-CN");
  });

  story(browser, "a closed wallet with a forgotten PIN says what is left, in either language", async (opened) => {
    const page = await opened({ status: { ...answers.status, stage: "locked" } });
    await page.locator("#forgotten summary").click();
    await page.locator("#forgotten", { hasText: "24 words or two guardians' cards" }).waitFor();
    await page.locator("button[lang=zh-CN]").click();
    await page.locator("#forgotten", { hasText: "恢复已有身份" }).waitFor();
  });
}
