// The day of need, told in a browser or the application between the parts of the first login: words, backup and guardians' cards at the first run; another
// device; what can be taken back after a visit; and a new phone. Other wallets of the same city, in a terminal, say whether it is so.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openLink, PATIENCE, shows } from "./story.mjs";
import { Window } from "./window.mjs";

const city = process.env;

/** Another wallet of the same city, in a terminal: what it says, or the slug of its refusal. */
const terminal = (name, ...words) =>
  new Promise((done, failed) => {
    const common = ["--dir", join(city.YUFU_KEPT, name), "--passphrase-file", city.YUFU_PASSPHRASE_FILE, "--json"];
    execFile(city.YUFU_CLI, [...common, ...words], { timeout: 90_000 }, (error, said, complained) => {
      if (!error) return done(JSON.parse(said));
      const slug = /"slug":"([a-z-]+)"/.exec(complained)?.[1];
      slug ? done({ slug }) : failed(new Error(`yufu-wallet ${words[0]}: ${complained}`));
    });
  });
const ofTheCity = () => [...JSON.parse(city.YUFU_NODES).flatMap((node) => ["--node", node]), "--genesis", city.YUFU_GENESIS, "--trust-anchors", city.YUFU_ANCHORS];
const kept = (name) => join(city.YUFU_KEPT, name);
const saved = async (wallet, name, click) => {
  // The application says where; a browser asks or says it by itself.
  if (wallet instanceof Window) {
    await click();
    const path = await wallet.locator("[data-path]").textContent(PATIENCE);
    assert.match(path, /\/Downloads\/yufu-[a-z]+-\d{4}-\d{2}-\d{2}\.[a-z]+$/);
    await copyFile(path, kept(name));
    return;
  }
  const [file] = await Promise.all([wallet.waitForEvent("download", PATIENCE), click()]);
  await file.saveAs(kept(name));
};
const pinAgain = async (wallet, typed) => {
  await wallet.locator("input.pin").fill(typed);
  await wallet.locator("form .button.first").click();
};

/** The day of need of the people of a story, whose `known` it uses. */
export function need(people, secret, known) {
  let recoveryWords;

  const atFirstRun = () => {
    test("at first run the citizen writes the words down, types some back, saves a sealed backup and tries a recovery from it", async () => {
      await people.wallet.locator("#protect .button").click(PATIENCE);
      await people.wallet.locator("[data-step=words] .button").click(PATIENCE);
      await pinAgain(people.wallet, "000000");
      await people.wallet.locator("#attempts[data-left='4']").waitFor(PATIENCE);
      await pinAgain(people.wallet, secret);
      await shows(people.wallet, ".slips");
      recoveryWords = await people.wallet.locator(".slips .word").allTextContents();
      assert.equal(recoveryWords.length, 24);
      await people.wallet.locator("#written").click();
      assert.equal(await people.wallet.locator(".slips").count(), 0, "the words are gone from the page");
      const asked = await people.wallet.locator("[data-word]").all();
      assert.equal(asked.length, 3);
      for (const input of asked) await input.fill("tally");
      await people.wallet.locator("form .button.first").click();
      await people.wallet.locator("[data-slug=words-differ]").waitFor(PATIENCE);
      for (const input of asked) await input.fill(recoveryWords[Number(await input.getAttribute("data-word")) - 1].toUpperCase());
      await people.wallet.locator("form .button.first").click();
      await shows(people.wallet, "#save-backup");
      await saved(people.wallet, "backup.yufu", () => people.wallet.locator("#save-backup").click());
      const file = await readFile(kept("backup.yufu"));
      assert.ok(file.toString("latin1").startsWith("yufu-backup"));
      assert.ok(!file.includes(known.did), "the backup is sealed");
      // Another file than the one that was saved does not pass for it.
      await people.wallet.locator("input.file").setInputFiles({ name: "other.yufu", mimeType: "application/octet-stream", buffer: Buffer.from([...file.subarray(0, -1), file.at(-1) ^ 1]) });
      await people.wallet.locator("#rehearse:not([disabled])").click(PATIENCE);
      await people.wallet.locator("[data-slug]").waitFor(PATIENCE);
      await people.wallet.locator("input.file").setInputFiles(kept("backup.yufu"));
      await people.wallet.locator("[role=status]", { hasText: "backup.yufu" }).waitFor();
      await people.wallet.locator("#rehearse").click();
      await people.wallet.locator("#rehearsed[data-ledger=asked]").waitFor(PATIENCE);
      assert.ok((await people.wallet.locator("#rehearsed").textContent()).includes(known.did));
      await people.wallet.locator("#done").click();
      await people.wallet.locator("[data-step=words][data-done=true]").waitFor(PATIENCE);
      await people.wallet.locator("[data-step=rehearse][data-done=true]").waitFor();
    });

    test("three cards are made for guardians, and two of them, one as a picture, rehearse a recovery", async () => {
      await people.wallet.locator("[data-step=guardians] .button").click();
      await pinAgain(people.wallet, secret);
      await shows(people.wallet, "[data-guardian='3']");
      const first = await people.wallet.locator("[data-guardian='1'] .share li").allTextContents();
      assert.equal(first.length, 33);
      const picture = await people.wallet.locator("[data-guardian='3'] svg.qr").screenshot();
      await people.wallet.locator("#handed-out").click();
      await people.wallet.locator("textarea").fill(`${known.did}\n${first.join(" ")}`);
      await people.wallet.locator("form .button").first().click();
      await shows(people.wallet, "[data-card='1']");
      assert.ok(await people.wallet.locator("#rehearse").isDisabled(), "one card is not enough");
      await people.wallet.locator(".drop input[type=file]").setInputFiles({ name: "card.png", mimeType: "image/png", buffer: picture });
      await shows(people.wallet, "[data-card='3']");
      await people.wallet.locator("#rehearse").click();
      await people.wallet.locator("#rehearsed[data-ledger=asked]").waitFor(PATIENCE);
    });

    test("another device joins by its link and code, and is dead as soon as it is removed", async () => {
      const shown = await terminal("phone", "join", ...ofTheCity());
      await openLink(people.wallet, shown.link);
      await shows(people.wallet, "#invite");
      await people.wallet.locator("#device-code").fill(shown.code === "1234 5678" ? "8765 4321" : "1234 5678");
      await people.wallet.locator("form .button.first").click();
      await people.wallet.locator("[data-slug]").waitFor(PATIENCE);
      assert.equal(await people.wallet.locator("[data-slug]").getAttribute("data-slug"), "device-code-wrong");
      await people.wallet.locator("#device-code").fill(shown.code);
      await people.wallet.locator("form input[maxlength='40']").fill("爷爷的旧手机");
      await people.wallet.locator("form .button.first").click();
      await shows(people.wallet, "#welcome");
      const joined = await terminal("phone", "join", await people.wallet.locator("#welcome").getAttribute("data-link"));
      assert.equal(joined.did, known.did);
      const [, phone] = (await terminal("phone", "devices")).devices;
      assert.deepEqual([phone.this_device, phone.name], [true, null], "a name stays on the device where it was given");
      assert.equal((await terminal("phone", "name-device", phone.key, "mine")).devices[1].name, "mine");
      await people.wallet.locator("nav button").nth(3).click();
      await people.wallet.locator("#devices").click();
      await people.wallet.locator(".device:not(.this) h2", { hasText: "爷爷的旧手机" }).waitFor(PATIENCE);
      await people.wallet.locator(".device:not(.this) .button.danger").click(PATIENCE);
      await people.wallet.locator("[data-sure]").click();
      await shows(people.wallet, ".notice.good");
      const left = await terminal("phone", "devices");
      assert.deepEqual(left.devices.map((one) => one.this_device), [false], "the ledger has the first device alone");
      assert.equal((await terminal("phone", "remove-device", left.devices[0].key, "--yes")).slug, "device-is-the-last");
      await people.wallet.locator("nav button").nth(0).click();
    });
  };

  const afterTheVisit = () => {
    test("the citizen reads again what was agreed to, takes the consent back, asks for deletion, reports the site and exports it all", async () => {
      await people.wallet.locator("nav button").nth(2).click();
      await people.wallet.locator("[data-event=released] .button").click(PATIENCE);
      await shows(people.wallet, "#agreed");
      assert.equal(await people.wallet.locator("#agreed").textContent(), known.sentence, "word for word");
      await people.wallet.locator("#withdraw").click();
      await shows(people.wallet, "[data-statement=withdrawal][data-state=acknowledged]");
      assert.ok(await people.wallet.locator("#withdraw").isDisabled());
      await people.wallet.locator("#ask-deletion").click();
      await shows(people.wallet, "[data-statement=deletion][data-state=acknowledged]");
      await people.wallet.locator("#report").click();
      await people.wallet.locator("#reason").fill("It asked for more than it needs.");
      await people.wallet.locator("form .button.danger").click();
      await shows(people.wallet, "[data-statement=report][data-state=acknowledged]");
      await people.wallet.locator("nav button").nth(2).click();
      await people.wallet.locator("[data-event=consent_withdrawn]").waitFor(PATIENCE);
      await saved(people.wallet, "history.json", () => people.wallet.locator("#export").click());
      const text = await readFile(kept("history.json"), "utf8");
      assert.ok(!text.includes("若兰") && !text.includes("990101199003074321"), "names, never values");
      const exported = JSON.parse(text);
      assert.equal(exported.format, "yufu-wallet-history/1");
      assert.deepEqual(exported.statements.map((one) => one.kind).sort(), ["deletion", "report", "withdrawal"]);
      const [withdrawal, report] = ["withdrawal", "report"].map((kind) => exported.statements.find((one) => one.kind === kind));
      const released = exported.entries.find((one) => one.event === "released");
      assert.equal(withdrawal.consent, released.consent);
      assert.equal(withdrawal.receipt, known.account);
      assert.equal(JSON.parse(Buffer.from(report.signed.split(".")[1], "base64url")).iss, known.did);
    });
  };

  const onANewPhone = () => {
    test("on a new phone the words and the backup bring the identity back, and the browser's wallet is dead", async () => {
      await writeFile(kept("words.txt"), recoveryWords.join(" "));
      const told = await terminal("new-phone", "recover", ...ofTheCity(), "--words-file", kept("words.txt"), "--backup", kept("backup.yufu"));
      assert.equal(told.identity.did, known.did);
      const devices = (await terminal("new-phone", "devices")).devices;
      assert.deepEqual(devices.map((one) => one.this_device), [true]);
      const events = (await terminal("new-phone", "history")).map((one) => one.event);
      assert.deepEqual(events, ["identity_created", "backup_made", "identity_recovered"]);
      await people.visitor.goto(`${city.YUFU_SITE}/login`);
      await openLink(people.wallet, await people.visitor.locator("#qr").getAttribute("data-link"));
      await people.wallet.locator("[data-slug=device-removed]").waitFor(PATIENCE);
    });
  };

  return { atFirstRun, afterTheVisit, onANewPhone };
}
