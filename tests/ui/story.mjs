// The first login: a citizen, a clerk and a site, each in a window of their own. The citizen's is a browser's or the application's.

import assert from "node:assert/strict";
import { test } from "node:test";

const city = process.env;
// The ledger's finality, key derivation and a busy machine.
export const PATIENCE = { timeout: 60_000 };

/** Reads a link into the wallet. */
export const openLink = async (wallet, text) => {
  await wallet.locator("nav button").nth(1).click();
  await wallet.locator("#link").fill(text);
  await wallet.locator("form .button.first").click();
};
/** Waits for what a screen shows next; a failure in words ends it at once. */
export const shows = async (wallet, selector) => {
  const failed = wallet.locator("[data-slug]");
  await wallet.locator(selector).first().or(failed).first().waitFor(PATIENCE);
  assert.equal(await failed.count(), 0, (await failed.allTextContents()).join());
};

/**
 * Tells it; `people` are there when the tests run, and `secret` opens the wallet. What came out of it goes into `known`: the identity, the
 * sentence that was agreed to, and the receipt. `more` tells what belongs in between.
 */
export function story(people, secret, known = {}, more = {}) {

  test("the citizen makes a wallet and an identity, in English, with a PIN", async () => {
    const { wallet } = people;
    await wallet.locator("button[lang=en]").click();
    await wallet.locator("#create", { hasText: "Create my wallet" }).click();
    await wallet.locator("input.pin").nth(0).fill("12345678");
    await wallet.locator("input.pin").nth(1).fill("12345678");
    await wallet.locator(".button.first").click();
    await wallet.locator(".fault", { hasText: "easy to guess" }).waitFor();
    await wallet.locator("input.pin").nth(0).fill(secret);
    await wallet.locator("input.pin").nth(1).fill(secret);
    await wallet.locator(".button.first").click();
    await wallet.locator("#apply").waitFor(PATIENCE);
    await wallet.locator(".notice", { hasText: "not on the ledger yet" }).waitFor({ state: "detached", ...PATIENCE });
    await wallet.locator(".working").waitFor({ state: "detached", ...PATIENCE });
    await wallet.locator("nav button").nth(3).click();
    known.did = await wallet.locator("#did").textContent(PATIENCE);
    assert.match(known.did, /^did:yufu:riverside:/);
  });

  test("the wallet locks, counts a wrong PIN and opens with the right one", async () => {
    const { wallet } = people;
    await wallet.locator("#lock").click();
    await wallet.locator("input.pin").fill("000000");
    await wallet.locator(".button.first").click();
    await wallet.locator("#attempts[data-left='4']").waitFor(PATIENCE);
    await wallet.locator("input.pin").fill(secret);
    await wallet.locator(".button.first").click();
    await wallet.locator("#apply").waitFor(PATIENCE);
  });

  more.atFirstRun?.();

  test("the citizen asks public security, sees what will happen, and confirms", async () => {
    const { wallet } = people;
    await wallet.locator("#apply").click();
    await wallet.locator("[data-type='urn:yufu:vct:resident-identity:1']").click(PATIENCE);
    await wallet.locator("#family_name").waitFor(PATIENCE);
    for (const [name, value] of Object.entries(JSON.parse(city.YUFU_RESIDENT))) {
      const choice = wallet.locator(`#${name} input[value="${value}"]`);
      await ((await choice.count()) ? choice.click() : wallet.locator(`#${name}`).fill(value));
    }
    await wallet.locator("#portrait-file").setInputFiles(city.YUFU_PORTRAIT);
    await wallet.locator("img.portrait").waitFor();
    // X034: documents too, from the web and from the application's window.
    const pdf = { name: "hukou.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF-1.7\n1 0 obj <<>> endobj\n%%EOF\n") };
    await wallet.locator("[data-kind=household_register] input[type=file]").setInputFiles(pdf);
    await wallet.locator("form > .button.first").click();
    await wallet.locator("#confirm").waitFor(PATIENCE);
    assert.match(await wallet.locator("main").textContent(), /hukou\.pdf/);
    assert.match(await wallet.locator(".slip").textContent(), /fingerprints go on the ledger/);
    await wallet.locator("#confirm").click();
    await wallet.locator("[data-stage=pending]").waitFor(PATIENCE);
  });

  more.beforeTheClerk?.();

  let pin;
  test("a clerk compares it with the register and attests", async () => {
    const { clerk } = people;
    await clerk.goto(`${city.YUFU_CONSOLE}/console/sign-in`);
    await clerk.locator("[name=name]").fill(city.YUFU_CLERK);
    await clerk.locator("[name=password]").fill(city.YUFU_PASSWORD);
    await clerk.locator("form[action$='/console/sign-in'] [type=submit], form[action$='/console/sign-in'] button").first().click();
    await clerk.locator("a.row[href^='/console/requests/']").first().click();
    assert.equal(await clerk.locator("a[download][href$='/papers/0']").count(), 1);
    const form = clerk.locator("form[action$='/attest']");
    await form.locator("[name=channel][value=register]").check();
    await form.locator("button").last().click();
    pin = (await clerk.locator("#pin").textContent(PATIENCE)).trim();
  });

  more.afterTheClerk?.();

  test("the wallet hears of it by itself, and receives the card with the pickup code", async () => {
    const { wallet } = people;
    await wallet.locator("#receive").click(PATIENCE);
    await wallet.locator("#code").fill(pin, PATIENCE);
    assert.match(await wallet.locator(".notice.good").textContent(), /what you asked for/);
    await wallet.locator("form .button.first").click();
    await wallet.locator(".tally[data-fit=joined]").waitFor(PATIENCE);
    await wallet.locator(".tally").click();
    await wallet.locator("main", { hasText: "3 of 3 unused" }).waitFor(PATIENCE);
    await wallet.locator(".help", { hasText: "Nobody so far" }).waitFor(PATIENCE);
  });

  test("the citizen reads all own data, and the ledger confirms each fingerprint", async () => {
    const { wallet } = people;
    await wallet.locator("nav button").nth(3).click();
    await wallet.locator("#my-data").click();
    await wallet.locator("[data-integrity=unchecked]").nth(2).waitFor(PATIENCE);
    await wallet.locator("#check").click();
    await wallet.locator("[data-integrity=confirmed]").nth(2).waitFor(PATIENCE);
    await wallet.locator("[data-show=portrait]").click();
    await wallet.locator("img.portrait").waitFor(PATIENCE);
  });

  test("the citizen opens the site's QR code, reads who asks, picks the code, and is logged in", async () => {
    const { wallet, visitor } = people;
    await visitor.goto(`${city.YUFU_SITE}/login`);
    const link = await visitor.locator("#qr").getAttribute("data-link");
    const code = (await visitor.locator("#match-code").textContent()).trim();
    // As a screenshot of the login page, on an ordinary screen, that is pasted into the wallet.
    const picture = await visitor.locator("#qr").screenshot();
    await wallet.locator("nav button").nth(1).click();
    await wallet.locator(".drop input[type=file]").setInputFiles({ name: "login.png", mimeType: "image/png", buffer: picture });
    await shows(wallet, "#agreed");
    known.sentence = await wallet.locator("#agreed").textContent();
    const text = await wallet.locator("main").textContent();
    for (const expected of ["Riverside City Tax Services", "Registered on the ledger", city.YUFU_SITE, "Riverside City Civil Affairs Bureau", "at most 30 days", "若兰", "Required"]) {
      assert.ok(text.includes(expected), `${expected} is on the consent screen of ${link}`);
    }
    await wallet.locator("#other-device").waitFor();
    await wallet.locator("#agree").click();
    assert.equal(await wallet.locator("[data-code]").count(), 3);
    await wallet.locator(`[data-code='${code}']`).click();
    await shows(wallet, "[data-outcome] [data-verdict=verified]");
    await visitor.waitForURL(`${city.YUFU_SITE}/account`, PATIENCE);
    known.account = (await visitor.locator("#receipt-id").textContent()).trim();
    assert.ok((await wallet.locator("[data-outcome]").textContent()).includes(known.account), "both sides hold the same receipt");
  });

  test("the wallet knows what happened, who saw the card, and proves the receipt again", async () => {
    const { wallet } = people;
    await wallet.locator("#done").click();
    await wallet.locator(".tally").click();
    await wallet.locator("main", { hasText: "2 of 3 unused" }).waitFor(PATIENCE);
    await wallet.locator(".list li", { hasText: "Riverside City Tax Services" }).waitFor(PATIENCE);
    await wallet.locator("nav button").nth(2).click();
    await wallet.locator("[data-event=released]").waitFor(PATIENCE);
    const history = await wallet.locator(".timeline").textContent();
    assert.ok(!history.includes("若兰") && !history.includes("990101199003074321"), "names, never values");
    await wallet.locator(".tabs button").nth(1).click();
    await wallet.locator("#verify").click(PATIENCE);
    await wallet.locator("[data-verdict=verified]", { hasText: known.account }).waitFor(PATIENCE);
  });

  more.afterTheVisit?.();

  test("a second login where none of the codes fits is declined, and the site hears it", async () => {
    const { wallet, visitor } = people;
    await visitor.context().clearCookies();
    await visitor.goto(`${city.YUFU_SITE}/login`);
    await openLink(wallet, await visitor.locator("#qr").getAttribute("data-link"));
    await shows(wallet, "#agreed");
    await wallet.locator("main", { hasText: "Last time" }).waitFor();
    await wallet.locator("#agree").click();
    await wallet.locator("#none").click();
    await wallet.locator(".notice.danger", { hasText: "nothing was sent" }).waitFor(PATIENCE);
    await visitor.locator("#login[data-stage]:not([data-stage=waiting]):not([data-stage=opened])").waitFor(PATIENCE);
  });
}
