// The first login, told in the wallet in a browser on a running city: a citizen, a clerk and a site, each in a browser of their own.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { complaints, launch } from "./browser.mjs";

const city = process.env;
const PIN = "483726";
// The ledger's finality, key derivation and a busy machine.
const PATIENCE = { timeout: 60_000 };

let browser, person, wallet, clerk, visitor;
const found = [];

before(async () => {
  browser = await launch();
  person = await browser.newContext({ locale: "en-GB", viewport: { width: 390, height: 844 } });
  wallet = await person.newPage();
  found.push(complaints(wallet));
  clerk = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
  visitor = await (await browser.newContext({ locale: "en-GB" })).newPage();
});
after(() => browser?.close());

const openLink = async (text) => {
  await wallet.locator("nav button").nth(1).click();
  await wallet.locator("#link").fill(text);
  await wallet.locator("form .button.first").click();
};
/** Waits for what a screen shows next; a failure in words ends it at once. */
const shows = async (selector) => {
  const failed = wallet.locator("[data-slug]");
  await wallet.locator(selector).first().or(failed).first().waitFor(PATIENCE);
  assert.equal(await failed.count(), 0, (await failed.allTextContents()).join());
};
const session = () => wallet.evaluate(() => ({ hash: location.hash, cookie: document.cookie, proof: sessionStorage.getItem("yufu-proof") }));

/** Another wallet of the same city, in a terminal: what it says, or the slug of its refusal. */
const terminal = (name, ...words) =>
  new Promise((done, failed) => {
    const common = ["--dir", join(city.YUFU_FOLDER, name), "--passphrase-file", city.YUFU_PASSPHRASE, "--json"];
    execFile(city.YUFU_CLI, [...common, ...words], { timeout: 90_000 }, (error, said, complained) => {
      if (!error) return done(JSON.parse(said));
      const slug = /"slug":"([a-z-]+)"/.exec(complained)?.[1];
      slug ? done({ slug }) : failed(new Error(`yufu-wallet ${words[0]}: ${complained}`));
    });
  });
const ofTheCity = () => [...JSON.parse(city.YUFU_NODES).flatMap((node) => ["--node", node]), "--genesis", city.YUFU_GENESIS, "--trust-anchors", city.YUFU_ANCHORS];
const kept = (name) => join(city.YUFU_FOLDER, name);
const saved = async (name, click) => {
  const [file] = await Promise.all([wallet.waitForEvent("download", PATIENCE), click()]);
  await file.saveAs(kept(name));
};
const recoveryScreen = async () => {
  await wallet.locator("nav button").nth(3).click();
  await wallet.locator("#recovery").click();
  await wallet.locator(".steps").waitFor(PATIENCE);
};
const pinAgain = async (typed) => {
  await wallet.locator("input.pin").fill(typed);
  await wallet.locator("form .button.first").click();
};

test("the link opens the wallet once, and its token is gone from the address", async () => {
  await wallet.goto(city.YUFU_WALLET);
  await wallet.locator("#create").waitFor(PATIENCE);
  const { hash, cookie, proof } = await session();
  assert.equal(hash, "");
  assert.equal(cookie, "", "scripts cannot read the cookie");
  assert.ok(proof);
  const [kept] = await person.cookies();
  assert.deepEqual([kept.httpOnly, kept.sameSite], [true, "Strict"]);

  const again = await (await browser.newContext()).newPage();
  await again.goto(city.YUFU_WALLET);
  await again.locator("[data-slug=start-over]").waitFor(PATIENCE);
  // A tab of the same browser has the cookie and not the proof.
  const beside = await person.newPage();
  await beside.goto(new URL("/", city.YUFU_WALLET).href);
  await beside.locator("[data-slug=start-over]").waitFor(PATIENCE);
  await beside.close();
});

test("a page of another port cannot ask the wallet, though the browser sends its cookie there", async () => {
  const cookies = [];
  const elsewhere = createServer((request, answer) => {
    cookies.push(request.headers.cookie ?? "");
    answer.setHeader("content-type", "text/html").end("<p>Elsewhere</p>");
  });
  await new Promise((ready) => elsewhere.listen(0, "127.0.0.1", ready));
  const page = await person.newPage();
  await page.goto(`http://127.0.0.1:${elsewhere.address().port}/`);
  assert.match(cookies[0], /yufu_wallet=/, "why a cookie alone opens nothing");
  const ends = (url, more) =>
    page.evaluate(([to, options]) => fetch(to, { method: "POST", credentials: "include", body: "{}", ...options }).then(() => "answered", () => "refused"), [url, more]);
  const target = new URL("/commands/status", city.YUFU_WALLET).href;
  assert.equal(await ends("/", {}), "answered", "what is refused is not refused by this page");
  assert.equal(await ends(target, { mode: "no-cors" }), "refused");
  assert.equal(await ends(target, { headers: { "content-type": "application/json" } }), "refused");
  await page.close();
  elsewhere.close();
});

let did;
test("the citizen makes a wallet and an identity, in English, with a PIN", async () => {
  await wallet.locator("button[lang=en]").click();
  await wallet.locator("#create", { hasText: "Create my wallet" }).click();
  await wallet.locator("input.pin").nth(0).fill("123456");
  await wallet.locator("input.pin").nth(1).fill("123456");
  await wallet.locator(".button.first").click();
  await wallet.locator(".fault", { hasText: "easy to guess" }).waitFor();
  await wallet.locator("input.pin").nth(0).fill(PIN);
  await wallet.locator("input.pin").nth(1).fill(PIN);
  await wallet.locator(".button.first").click();
  await wallet.locator("#apply").waitFor(PATIENCE);
  await wallet.locator(".notice", { hasText: "not on the ledger yet" }).waitFor({ state: "detached", ...PATIENCE });
  await wallet.locator(".working").waitFor({ state: "detached", ...PATIENCE });
  await wallet.locator("nav button").nth(3).click();
  did = await wallet.locator("#did").textContent(PATIENCE);
  assert.match(did, /^did:yufu:riverside:/);
});

test("the wallet locks, counts a wrong PIN and opens with the right one", async () => {
  await wallet.locator("#lock").click();
  await wallet.locator("input.pin").fill("000000");
  await wallet.locator(".button.first").click();
  await wallet.locator("#attempts[data-left='4']").waitFor(PATIENCE);
  await wallet.locator("input.pin").fill(PIN);
  await wallet.locator(".button.first").click();
  await wallet.locator("#apply").waitFor(PATIENCE);
});

let recoveryWords;
test("at first run the citizen writes the words down, types some back, saves a sealed backup and tries a recovery from it", async () => {
  await wallet.locator("#protect .button").click(PATIENCE);
  await wallet.locator("[data-step=words] .button").click(PATIENCE);
  await pinAgain("000000");
  await wallet.locator("#attempts[data-left='4']").waitFor(PATIENCE);
  await pinAgain(PIN);
  await shows(".slips");
  recoveryWords = await wallet.locator(".slips .word").allTextContents();
  assert.equal(recoveryWords.length, 24);
  await wallet.locator("#written").click();
  assert.equal(await wallet.locator(".slips").count(), 0, "the words are gone from the page");
  const asked = await wallet.locator("[data-word]").all();
  assert.equal(asked.length, 3);
  for (const input of asked) await input.fill("tally");
  await wallet.locator("form .button.first").click();
  await wallet.locator("[data-slug=words-differ]").waitFor(PATIENCE);
  for (const input of asked) await input.fill(recoveryWords[Number(await input.getAttribute("data-word")) - 1].toUpperCase());
  await wallet.locator("form .button.first").click();
  await shows("#save-backup");
  await saved("backup.yufu", () => wallet.locator("#save-backup").click());
  const file = await readFile(kept("backup.yufu"));
  assert.ok(file.toString("latin1").startsWith("yufu-backup"));
  assert.ok(!file.includes(did), "the backup is sealed");
  // Another file than the one that was saved does not pass for it.
  await wallet.locator("input.file").setInputFiles({ name: "other.yufu", mimeType: "application/octet-stream", buffer: Buffer.from([...file.subarray(0, -1), file.at(-1) ^ 1]) });
  await wallet.locator("#rehearse:not([disabled])").click(PATIENCE);
  await wallet.locator("[data-slug]").waitFor(PATIENCE);
  await wallet.locator("input.file").setInputFiles(kept("backup.yufu"));
  await wallet.locator("[role=status]", { hasText: "backup.yufu" }).waitFor();
  await wallet.locator("#rehearse").click();
  await wallet.locator("#rehearsed[data-ledger=asked]").waitFor(PATIENCE);
  assert.ok((await wallet.locator("#rehearsed").textContent()).includes(did));
  await wallet.locator("#done").click();
  await wallet.locator("[data-step=words][data-done=true]").waitFor(PATIENCE);
  await wallet.locator("[data-step=rehearse][data-done=true]").waitFor();
});

test("three cards are made for guardians, and two of them, one as a picture, rehearse a recovery", async () => {
  await wallet.locator("[data-step=guardians] .button").click();
  await pinAgain(PIN);
  await shows("[data-guardian='3']");
  const first = await wallet.locator("[data-guardian='1'] .share li").allTextContents();
  assert.equal(first.length, 33);
  const picture = await wallet.locator("[data-guardian='3'] svg.qr").screenshot();
  await wallet.locator("#handed-out").click();
  await wallet.locator("textarea").fill(`${did}\n${first.join(" ")}`);
  await wallet.locator("form .button").first().click();
  await shows("[data-card='1']");
  assert.ok(await wallet.locator("#rehearse").isDisabled(), "one card is not enough");
  await wallet.locator(".drop input[type=file]").setInputFiles({ name: "card.png", mimeType: "image/png", buffer: picture });
  await shows("[data-card='3']");
  await wallet.locator("#rehearse").click();
  await wallet.locator("#rehearsed[data-ledger=asked]").waitFor(PATIENCE);
});

test("another device joins by its link and code, and is dead as soon as it is removed", async () => {
  const shown = await terminal("phone", "join", ...ofTheCity());
  await openLink(shown.link);
  await shows("#invite");
  await wallet.locator("#device-code").fill(shown.code === "1234 5678" ? "8765 4321" : "1234 5678");
  await wallet.locator("form .button.first").click();
  await wallet.locator("[data-slug]").waitFor(PATIENCE);
  assert.equal(await wallet.locator("[data-slug]").getAttribute("data-slug"), "device-code-wrong");
  await wallet.locator("#device-code").fill(shown.code);
  await wallet.locator("form .button.first").click();
  await shows("#welcome");
  const joined = await terminal("phone", "join", await wallet.locator("#welcome").getAttribute("data-link"));
  assert.equal(joined.did, did);
  assert.equal((await terminal("phone", "devices")).devices.length, 2);
  await wallet.locator("nav button").nth(3).click();
  await wallet.locator("#devices").click();
  await wallet.locator(".device:not(.this) .button.danger").click(PATIENCE);
  await wallet.locator("[data-sure]").click();
  await shows(".notice.good");
  const left = await terminal("phone", "devices");
  assert.deepEqual(left.devices.map((one) => one.this_device), [false], "the ledger has the first device alone");
  assert.equal((await terminal("phone", "remove-device", left.devices[0].key, "--yes")).slug, "device-is-the-last");
  await wallet.locator("nav button").nth(0).click();
});

test("the citizen asks public security, sees what will happen, and confirms", async () => {
  await wallet.locator("#apply").click();
  await wallet.locator("[data-type='urn:yufu:vct:resident-identity:1']").click(PATIENCE);
  for (const [name, value] of Object.entries(JSON.parse(city.YUFU_RESIDENT))) await wallet.locator(`#${name}`).fill(value);
  await wallet.locator("#portrait-file").setInputFiles(city.YUFU_PORTRAIT);
  await wallet.locator("img.portrait").waitFor();
  await wallet.locator("form > .button.first").click();
  await wallet.locator("#confirm").waitFor(PATIENCE);
  assert.match(await wallet.locator(".slip").textContent(), /fingerprints go on the ledger/);
  await wallet.locator("#confirm").click();
  await wallet.locator("[data-stage=pending]").waitFor(PATIENCE);
});

let pin;
test("a clerk compares it with the register and attests", async () => {
  await clerk.goto(`${city.YUFU_CONSOLE}/console/sign-in`);
  await clerk.locator("[name=name]").fill(city.YUFU_CLERK);
  await clerk.locator("[name=password]").fill(city.YUFU_PASSWORD);
  await clerk.locator("form[action$='/console/sign-in'] [type=submit], form[action$='/console/sign-in'] button").first().click();
  await clerk.locator("a.row[href^='/console/requests/']").first().click();
  const form = clerk.locator("form[action$='/attest']");
  await form.locator("[name=channel][value=register]").check();
  await form.locator("button").last().click();
  pin = (await clerk.locator("#pin").textContent(PATIENCE)).trim();
});

test("the wallet hears of it by itself, and receives the card with the transaction code", async () => {
  await wallet.locator("#receive").click(PATIENCE);
  await wallet.locator("#code").fill(pin, PATIENCE);
  assert.match(await wallet.locator(".notice.good").textContent(), /what you asked for/);
  await wallet.locator("form .button.first").click();
  await wallet.locator(".tally[data-fit=joined]").waitFor(PATIENCE);
  await wallet.locator(".tally").click();
  assert.match(await wallet.locator("main").textContent(), /3 of 3 unused/);
  await wallet.locator(".help", { hasText: "Nobody so far" }).waitFor(PATIENCE);
});

let account, sentence;
test("the citizen opens the site's QR code, reads who asks, picks the code, and is logged in", async () => {
  await visitor.goto(`${city.YUFU_SITE}/login`);
  const link = await visitor.locator("#qr").getAttribute("data-link");
  const code = (await visitor.locator("#match-code").textContent()).trim();
  // As a screenshot of the login page, on an ordinary screen, that is pasted into the wallet.
  const picture = await visitor.locator("#qr").screenshot();
  await wallet.locator("nav button").nth(1).click();
  await wallet.locator(".drop input[type=file]").setInputFiles({ name: "login.png", mimeType: "image/png", buffer: picture });
  await shows("#agreed");
  sentence = await wallet.locator("#agreed").textContent();
  const text = await wallet.locator("main").textContent();
  for (const expected of ["Riverside City Tax Services", "Registered on the ledger", city.YUFU_SITE, "Riverside City Civil Affairs Bureau", "at most 30 days", "若兰", "Required"]) {
    assert.ok(text.includes(expected), `${expected} is on the consent screen of ${link}`);
  }
  await wallet.locator("#other-device").waitFor();
  await wallet.locator("#agree").click();
  assert.equal(await wallet.locator("[data-code]").count(), 3);
  await wallet.locator(`[data-code='${code}']`).click();
  await shows("[data-outcome] [data-verdict=verified]");
  await visitor.waitForURL(`${city.YUFU_SITE}/account`, PATIENCE);
  account = (await visitor.locator("#receipt-id").textContent()).trim();
  assert.ok((await wallet.locator("[data-outcome]").textContent()).includes(account), "both sides hold the same receipt");
});

test("the wallet knows what happened, who saw the card, and proves the receipt again", async () => {
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
  await wallet.locator("[data-verdict=verified]", { hasText: account }).waitFor(PATIENCE);
});

test("the citizen reads again what was agreed to, takes the consent back, asks for deletion, reports the site and exports it all", async () => {
  await wallet.locator("nav button").nth(2).click();
  await wallet.locator("[data-event=released] .button").click(PATIENCE);
  await shows("#agreed");
  assert.equal(await wallet.locator("#agreed").textContent(), sentence, "word for word");
  await wallet.locator("#withdraw").click();
  await shows("[data-statement=withdrawal]");
  assert.ok(await wallet.locator("#withdraw").isDisabled());
  await wallet.locator("#ask-deletion").click();
  await shows("[data-statement=deletion]");
  await wallet.locator("#report").click();
  await wallet.locator("#reason").fill("It asked for more than it needs.");
  await wallet.locator("form .button.danger").click();
  await shows("[data-statement=report]");
  await wallet.locator("nav button").nth(2).click();
  await wallet.locator("[data-event=consent_withdrawn]").waitFor(PATIENCE);
  await saved("history.json", () => wallet.locator("#export").click());
  const text = await readFile(kept("history.json"), "utf8");
  assert.ok(!text.includes("若兰") && !text.includes("990101199003074321"), "names, never values");
  const exported = JSON.parse(text);
  assert.equal(exported.format, "yufu-wallet-history/1");
  assert.deepEqual(exported.statements.map((one) => one.kind).sort(), ["deletion", "report", "withdrawal"]);
  const [withdrawal, report] = ["withdrawal", "report"].map((kind) => exported.statements.find((one) => one.kind === kind));
  const released = exported.entries.find((one) => one.event === "released");
  assert.equal(withdrawal.consent, released.consent);
  assert.equal(withdrawal.receipt, account);
  assert.equal(JSON.parse(Buffer.from(report.signed.split(".")[1], "base64url")).iss, did);
});

test("a second login where none of the codes fits is declined, and the site hears it", async () => {
  await visitor.context().clearCookies();
  await visitor.goto(`${city.YUFU_SITE}/login`);
  await openLink(await visitor.locator("#qr").getAttribute("data-link"));
  await shows("#agreed");
  await wallet.locator("main", { hasText: "Last time" }).waitFor();
  await wallet.locator("#agree").click();
  await wallet.locator("#none").click();
  await wallet.locator(".notice.danger", { hasText: "nothing was sent" }).waitFor(PATIENCE);
  await visitor.locator("#login[data-stage]:not([data-stage=waiting]):not([data-stage=opened])").waitFor(PATIENCE);
});

test("on a new phone the words and the backup bring the identity back, and the browser's wallet is dead", async () => {
  await writeFile(kept("words.txt"), recoveryWords.join(" "));
  const told = await terminal("new-phone", "recover", ...ofTheCity(), "--words-file", kept("words.txt"), "--backup", kept("backup.yufu"));
  assert.equal(told.identity.did, did);
  const devices = (await terminal("new-phone", "devices")).devices;
  assert.deepEqual(devices.map((one) => one.this_device), [true]);
  const events = (await terminal("new-phone", "history")).map((one) => one.event);
  assert.deepEqual(events, ["identity_created", "backup_made", "identity_recovered"]);
  await visitor.goto(`${city.YUFU_SITE}/login`);
  await openLink(await visitor.locator("#qr").getAttribute("data-link"));
  await wallet.locator("[data-slug=device-removed]").waitFor(PATIENCE);
});

test("a new link ends the old session and locks the wallet", async () => {
  const other = await (await browser.newContext({ locale: "en-GB" })).newPage();
  await other.goto(city.YUFU_WALLET_AGAIN);
  await other.locator("input.pin").waitFor(PATIENCE);
  // It hears of it at the next command, or by itself within a quarter of a minute, whichever is first.
  const [home, over] = [wallet.locator("nav button").nth(0), wallet.locator("[data-slug=start-over]")];
  await home.or(over).first().waitFor(PATIENCE);
  if (await over.isHidden()) await home.click({ timeout: 5_000 }).catch(() => undefined);
  await over.waitFor(PATIENCE);
});

test("no page broke its own policy or threw", async () => {
  assert.deepEqual(found.flat(), []);
});
