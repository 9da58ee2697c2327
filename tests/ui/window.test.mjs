// The first login, told in the application's own window on a running city; and what the page in that window cannot do.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch } from "./browser.mjs";
import { foreignScripts, opensAnother, pollutes, SOON_MS, somebodyElse, TO_NOBODY, tryAll, WAYS_ELSEWHERE, WAYS_OUT } from "./escapes.mjs";
import { need } from "./need.mjs";
import { PATIENCE, story } from "./story.mjs";
import { Window } from "./window.mjs";

const city = process.env;
// No key store answers here, so the wallet cannot be bound to its device, and wants more than a PIN.
const PASSPHRASE = city.YUFU_PASSPHRASE;

const people = {};
const known = {};
const downloads = join(city.HOME, "Downloads");
let browser, wallet, elsewhere, asked;

before(async () => {
  browser = await launch();
  wallet = await Window.open(city.YUFU_APP, ["--setup", city.YUFU_SETUP, "--folder", city.YUFU_FOLDER]);
  people.wallet = wallet;
  people.clerk = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
  people.visitor = await (await browser.newContext({ locale: "en-GB", deviceScaleFactor: 2 })).newPage();
  for (const page of [people.clerk, people.visitor]) page.setDefaultTimeout(PATIENCE.timeout);
  ({ server: elsewhere, asked } = await somebodyElse());
});
after(async () => {
  elsewhere?.close();
  await wallet?.close();
  await browser?.close();
});

test("the window shows the interface, from the program itself", async () => {
  await wallet.locator("#create").waitFor(PATIENCE);
  assert.match(await wallet.url(), /^tauri:\/\/localhost/);
  const [shown, all] = await wallet.evaluate(() => [innerHeight, document.documentElement.scrollHeight]);
  assert.equal(all, shown, "nothing is below the interface");
});

/** What the page gets when it asks the wallet past the interface. */
const asks = (name, input) =>
  wallet.evaluate(
    ([cmd, args]) =>
      Promise.race([
        window.__TAURI_INTERNALS__.invoke(cmd, args).then((value) => ({ value }), (why) => ({ refused: JSON.stringify(why) })),
        new Promise((done) => setTimeout(() => done({ hangs: true }), 10_000)),
      ]),
    [name, input],
  );
const there = () => `http://127.0.0.1:${elsewhere.address().port}`;
const nobodyAsked = async (what) => {
  await new Promise((done) => setTimeout(done, SOON_MS));
  assert.deepEqual(asked, [], what);
};

// SEC-W5
test("the page may call the table's commands and none of Tauri's, and nothing hangs", async () => {
  assert.equal((await asks("status", {})).value.stage, "absent", "what is refused below is not refused by this way of asking");
  for (const name of ["plugin:event|listen", "plugin:window|close", "plugin:opener|open_url", "plugin:deep-link|register", "plugin:app|version", "plugin:webview|create_webview_window"]) {
    const { refused } = await asks(name, { url: there(), event: "x" });
    // The isolation frame put a call of nothing in its place: Tauri's own refusal would name the command.
    assert.match(refused ?? "", /not_a_command/, name);
  }
  assert.match((await asks("delete_all", {})).refused, /delete_all not/, "one of the form of a command is refused by the permissions");
  // Had the frame thrown at what is not of the form of a command's input, these would hang; had it let them pass, the wallet would complain.
  for (const input of [[1, 2], new Array(3)]) {
    const answer = await asks("unlock", input);
    assert.match(answer.refused ?? "", /not_a_command/, `${JSON.stringify(input)}: ${JSON.stringify(answer)}`);
  }
  assert.match((await asks("unlock", { pin: { deep: 1 } })).refused, /command-malformed/);
  for (const url of ["file:///etc/passwd", "javascript:alert(1)", "openid4vp://?x", "", 7]) {
    assert.match((await asks("open_in_browser", { url })).refused, /address-not-opened/, String(url));
  }
  assert.equal(await wallet.evaluate(() => typeof window.__TAURI__), "undefined");
});

// SEC-W5
test("the page reaches nothing but the wallet", async () => {
  assert.match(await (await fetch(there())).text(), /Elsewhere/, "who is not reached is there");
  assert.deepEqual(asked.splice(0), ["/"]);
  await tryAll(wallet, WAYS_OUT, there());
  await nobodyAsked("the content security policy lets nothing out");
});

// SEC-W5
test("no script runs that the program was not built with", async () => {
  const ran = await wallet.evaluate(foreignScripts);
  assert.deepEqual(new Set(Object.values(ran)), new Set([false]), JSON.stringify(ran));
});

// SEC-W5
test("the window goes nowhere else, and opens no other", async () => {
  const home = await wallet.url();
  for (const [name, leave] of Object.entries({ ...WAYS_ELSEWHERE, ...TO_NOBODY })) {
    await wallet.evaluate(leave, `${there()}/${name}`);
    await nobodyAsked(name);
    assert.equal(await wallet.url(), home, name);
  }
  await opensAnother(wallet, `${there()}/open`);
  await nobodyAsked("a new window");
  // WebDriver itself is no way round the guard either.
  await wallet.command("POST", "/timeouts", { pageLoad: 2_000 });
  await wallet.command("POST", "/url", { url: `${there()}/driver` }).catch(() => {});
  await nobodyAsked("the driver");
  await wallet.locator("#create").waitFor(PATIENCE);
  assert.equal((await wallet.command("GET", "/window/handles")).length, 1);
});

// SEC-W5
test("what every object inherits cannot be changed, and a frame has no way to the wallet", async () => {
  assert.deepEqual(await wallet.evaluate(pollutes), { frozen: true, polluted: false });
  const inside = await wallet.evaluate(() => {
    const frame = document.createElement("iframe");
    document.body.append(frame);
    const inside = typeof frame.contentWindow.__TAURI_INTERNALS__?.invoke;
    frame.remove();
    return inside;
  });
  assert.equal(inside, "undefined");
});

test("where no key store answers, a PIN is too short", async () => {
  const { value } = await asks("status", {});
  assert.deepEqual([value.binds, value.pin_characters], [false, 8]);
  await wallet.locator("button[lang=en]").click();
  await wallet.locator("#create").click();
  await wallet.locator("h1", { hasText: "Choose a passphrase" }).waitFor();
  await wallet.locator("input.pin").nth(0).type("483726");
  await wallet.locator("input.pin").nth(1).type("483726");
  await wallet.locator(".button.first").click();
  await wallet.locator(".fault", { hasText: "at least 8 characters" }).waitFor();
  assert.match((await asks("create", { pin: "483726" })).refused, /passphrase/, "the interface is not what refuses");
  await wallet.locator("form .button", { hasText: "Back" }).click();
});

// What cannot be saved is not said to be.
test("a file is saved among the downloads and never in the place of another, and what cannot be written is refused in words", async () => {
  const file = (contents) => ({ name: "yufu-history-2026-11-28.json", contents: Buffer.from(contents).toString("base64") });
  await writeFile(downloads, "a file and no folder");
  const { refused } = await asks("save_file", file("{}"));
  await rm(downloads);
  for (const expected of ["file-not-saved", "cannot be written", downloads]) assert.ok(refused.includes(expected), refused);
  await mkdir(downloads);
  for (const contents of ["first", "second"]) assert.ok((await asks("save_file", file(contents))).value.path);
  assert.deepEqual((await readdir(downloads)).sort(), ["yufu-history-2026-11-28-2.json", "yufu-history-2026-11-28.json"]);
  assert.equal(await readFile(join(downloads, "yufu-history-2026-11-28.json"), "utf8"), "first");
  for (const name of ["../yufu-x.txt", "yufu-x.desktop", ".profile", "/etc/yufu-x.txt"]) {
    assert.match((await asks("save_file", { name, contents: "" })).refused, /file-not-saved/, name);
  }
  await rm(downloads, { recursive: true });
});

/** What is asked of the desktop's notifications, as its bus hears it. */
let notifications;
const beforeTheClerk = () =>
  test("the citizen puts the window away", async () => {
    notifications = spawn("dbus-monitor", ["--session", "type='method_call',interface='org.freedesktop.Notifications'"], { stdio: ["ignore", "pipe", "ignore"] });
    notifications.heard = "";
    notifications.stdout.on("data", (text) => (notifications.heard += text));
    await wallet.command("POST", "/window/minimize", {});
    assert.equal(await wallet.evaluate(() => document.hasFocus()), false);
  });
const afterTheClerk = () =>
  test("the desktop tells that a card is ready, and nothing of whom or what", async () => {
    try {
      for (const until = Date.now() + PATIENCE.timeout; !notifications.heard.includes("member=Notify"); await new Promise((done) => setTimeout(done, 200))) {
        assert.ok(Date.now() < until, `the desktop heard: ${notifications.heard}`);
      }
      assert.match(notifications.heard, /A credential is ready or has arrived\. Open the wallet to see it\./);
      for (const secret of ["若兰", "990101199003074321", "Public Security", "公安", "127.0.0.1", known.did]) assert.ok(!notifications.heard.includes(secret), secret);
    } finally {
      notifications.kill();
      await wallet.command("POST", "/window/rect", { width: 420, height: 860 });
    }
  });

const { atFirstRun, afterTheVisit } = need(people, PASSPHRASE, known);
story(people, PASSPHRASE, known, { atFirstRun, beforeTheClerk, afterTheClerk, afterTheVisit });

/** Starts the program again, as a desktop does for a link; how it ended. */
const startedAgain = (...links) =>
  new Promise((done, fail) => {
    const program = spawn(city.YUFU_APP, links, { stdio: "ignore" });
    const timer = setTimeout(() => program.kill("SIGKILL"), 20_000);
    program.on("error", fail);
    program.on("exit", (code, signal) => {
      clearTimeout(timer);
      done(code ?? signal);
    });
  });

test("a link opens its screen in the window that is there, once the wallet is open, and does nothing by itself", async () => {
  const { visitor } = people;
  await wallet.locator("nav button").nth(3).click();
  await wallet.locator("#lock").click();
  await wallet.locator("input.pin").waitFor(PATIENCE);
  await visitor.context().clearCookies();
  await visitor.goto(`${city.YUFU_SITE}/login`);
  const link = await visitor.locator("#qr").getAttribute("data-link");
  assert.equal(await startedAgain(link), 0, "a second start hands its link over and ends");
  assert.equal(await startedAgain("https://evil.example/?client_id=x", "--help", "file:///etc/passwd"), 0);
  await wallet.locator("input.pin").fill(PASSPHRASE);
  await wallet.locator(".button.first").click();
  await wallet.locator("#agreed").waitFor(PATIENCE);
  assert.match(await visitor.locator("#login").getAttribute("data-stage"), /waiting|opened/);
  assert.equal((await asks("unsent", {})).value.length, 0);
  if (city.YUFU_PICTURES) await wallet.screenshot({ path: `${city.YUFU_PICTURES}/window.png` });
});

test("the answer of a department opens its screen with nothing sent, and a forged one is refused there", async () => {
  const answer = "yufu-wallet://signed-in?code=c&state=of-nobody";
  assert.equal(await startedAgain(answer), 0);
  await wallet.locator("#open-link").click(PATIENCE);
  await wallet.locator("#came-back").waitFor(PATIENCE);
  const shown = await wallet.evaluate(() => [document.querySelector("#came-back").value, document.querySelectorAll(".danger").length]);
  assert.deepEqual(shown, [answer, 0]);
  await wallet.locator("form .button.first").click();
  await wallet.locator(".danger", { hasText: "belongs to no request of this wallet" }).waitFor(PATIENCE);
});

test("without a camera the window says so and goes on", async () => {
  await wallet.locator("nav button").nth(1).click();
  await wallet.locator("#link-camera").click();
  await wallet.locator(".notice", { hasText: "There is no camera, or it was not allowed" }).waitFor(PATIENCE);
  await wallet.locator("#link-camera", { hasText: "Scan with the camera" }).waitFor(PATIENCE);
});

/** Puts a picture on the desktop's clipboard, as long as the program that is given back runs. */
async function onClipboard(picture) {
  const path = join(wallet.folder, "clipboard.png");
  await writeFile(path, picture);
  return spawn("xclip", ["-quiet", "-selection", "clipboard", "-target", "image/png", "-in", path], { stdio: "ignore" });
}
const pasteKeys = () => {
  const [control, key] = ["\uE009", "v"];
  const actions = [{ type: "keyDown", value: control }, { type: "keyDown", value: key }, { type: "keyUp", value: key }, { type: "keyUp", value: control }];
  return wallet.command("POST", "/actions", { actions: [{ type: "key", id: "keyboard", actions }] });
};

test("a picture on the clipboard is read, by the button and by the keys that paste", async () => {
  await people.visitor.goto(`${city.YUFU_SITE}/login`);
  const clipboard = await onClipboard(await people.visitor.locator("#qr").screenshot());
  try {
    for (const paste of [() => wallet.locator(".drop .button", { hasText: "on the clipboard" }).click(), pasteKeys]) {
      await paste();
      await wallet.locator("#agreed").waitFor(PATIENCE);
      await wallet.locator("nav button").nth(1).click();
      await wallet.locator("#link").waitFor(PATIENCE);
    }
  } finally {
    clipboard.kill();
  }
});

test("a camera's frames are read until there is something to read", async () => {
  const picture = (await people.visitor.locator("#qr").screenshot()).toString("base64");
  await wallet.close();
  wallet = await Window.open(city.YUFU_APP, ["--setup", city.YUFU_SETUP, "--folder", city.YUFU_FOLDER], { YUFU_TEST_WITHOUT: "real-camera" });
  await wallet.locator("input.pin").fill(PASSPHRASE, PATIENCE);
  await wallet.locator(".button.first").click();
  await wallet.locator("nav button").nth(1).click(PATIENCE);
  // The webview's made-up camera shows no code of ours: after some frames, one with the code is put in their place.
  await wallet.evaluate((picture) => {
    const encode = OffscreenCanvas.prototype.convertToBlob;
    window.frames_of_camera = [];
    OffscreenCanvas.prototype.convertToBlob = async function (options) {
      const frame = await encode.call(this, options);
      window.frames_of_camera.push([frame.type, frame.size, this.width]);
      return window.frames_of_camera.length < 4 ? frame : new Blob([Uint8Array.from(atob(picture), (one) => one.charCodeAt(0))]);
    };
  }, picture);
  await wallet.locator("#link-camera").click();
  await wallet.locator("#agreed").waitFor(PATIENCE);
  const frames = await wallet.evaluate(() => window.frames_of_camera);
  assert.equal(frames.length, 4);
  for (const [type, size, width] of frames) assert.ok(type === "image/jpeg" && size > 1_000 && width >= 320, JSON.stringify(frames));
});
