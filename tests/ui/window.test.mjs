// The first login, told in the application's own window on a running city; and what the page in that window cannot do.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { launch } from "./browser.mjs";
import { PATIENCE, story } from "./story.mjs";
import { Window } from "./window.mjs";

const city = process.env;
// No key store answers here, so the wallet cannot be bound to its device, and wants more than a PIN.
const PASSPHRASE = city.YUFU_PASSPHRASE;

const people = {};
let browser, wallet, elsewhere, asked;

before(async () => {
  browser = await launch();
  wallet = await Window.open(city.YUFU_APP, ["--setup", city.YUFU_SETUP, "--folder", city.YUFU_FOLDER]);
  people.wallet = wallet;
  people.clerk = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
  people.visitor = await (await browser.newContext({ locale: "en-GB", deviceScaleFactor: 2 })).newPage();
  for (const page of [people.clerk, people.visitor]) page.setDefaultTimeout(PATIENCE.timeout);
  // Somebody else on this machine, who would answer whatever the page asks of him.
  asked = [];
  elsewhere = createServer((request, answer) => {
    asked.push(request.url);
    answer.writeHead(200, { "content-type": "text/html", "access-control-allow-origin": "*" }).end("<p id=elsewhere>Elsewhere</p>");
  });
  await new Promise((ready) => elsewhere.listen(0, "127.0.0.1", ready));
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
/** Time enough for a request that would be made. */
const SOON_MS = 400;
const nobodyAsked = async (what) => {
  await new Promise((done) => setTimeout(done, SOON_MS));
  assert.deepEqual(asked, [], what);
};

// SEC-W5
test("the page may call the table's commands and none of Tauri's, and nothing hangs", async () => {
  assert.equal((await asks("status", {})).value.stage, "absent", "what is refused below is not refused by this way of asking");
  for (const name of ["not_a_command", "plugin:event|listen", "plugin:window|close", "plugin:opener|open_url", "plugin:deep-link|register", "plugin:app|version", "plugin:webview|create_webview_window"]) {
    const { refused } = await asks(name, { url: there(), event: "x" });
    assert.match(refused ?? "", /not allowed|not_a_command|command-malformed|not found/, name);
  }
  // The isolation frame answers for what is not of the form of a command: had it thrown, these would hang.
  for (const input of [[1, 2], new Array(3), { pin: { deep: 1 } }]) {
    const answer = await asks("unlock", input);
    assert.ok(answer.refused, `${JSON.stringify(input)}: ${JSON.stringify(answer)}`);
  }
  for (const url of ["file:///etc/passwd", "javascript:alert(1)", "openid4vp://?x", "", 7]) {
    assert.match((await asks("open_in_browser", { url })).refused, /address-not-opened/, String(url));
  }
  assert.equal(await wallet.evaluate(() => typeof window.__TAURI__), "undefined");
});

// SEC-W5
test("the page reaches nothing but the wallet", async () => {
  assert.match(await (await fetch(there())).text(), /Elsewhere/, "who is not reached is there");
  assert.deepEqual(asked.splice(0), ["/"]);
  const ends = await wallet.evaluate(async (url) => {
    const ended = {};
    const tries = {
      fetch: () => fetch(`${url}/fetch`),
      blind: () => fetch(`${url}/blind`, { mode: "no-cors", method: "POST", body: "x" }),
      image: () => new Promise((done, fail) => Object.assign(new Image(), { onload: done, onerror: fail }).setAttribute("src", `${url}/image`) ?? setTimeout(fail, 300)),
      socket: () => new Promise((done, fail) => Object.assign(new WebSocket(url.replace("http", "ws")), { onopen: done, onerror: fail })),
      worker: () => new Promise((done, fail) => Object.assign(new Worker(`${url}/worker`), { onmessage: done, onerror: fail })),
    };
    for (const [name, attempt] of Object.entries(tries)) ended[name] = await attempt().then(() => "reached", () => "refused").catch(() => "refused");
    const frame = document.createElement("iframe");
    frame.src = `${url}/frame`;
    document.body.append(frame);
    const style = Object.assign(document.createElement("link"), { rel: "stylesheet", href: `${url}/style` });
    document.head.append(style);
    navigator.sendBeacon?.(`${url}/beacon`, "x");
    setTimeout(() => [frame, style].forEach((one) => one.remove()), 300);
    return ended;
  }, there());
  assert.deepEqual(new Set(Object.values(ends)), new Set(["refused"]), JSON.stringify(ends));
  await nobodyAsked("the content security policy lets nothing out");
});

// SEC-W5
test("no script runs that the program was not built with", async () => {
  const ran = await wallet.evaluate(async (url) => {
    const ran = {};
    const attempt = (name, story) => {
      try {
        story();
      } catch (why) {
        ran[name] = why.name;
      }
    };
    attempt("eval", () => (0, eval)("window.ranEval = true"));
    attempt("function", () => new Function("window.ranFunction = true")());
    attempt("inline", () => {
      const script = document.createElement("script");
      script.append("window.ranInline = true");
      document.head.append(script);
    });
    attempt("handler", () => {
      const button = document.createElement("button");
      button.setAttribute("onclick", "window.ranHandler = true");
      document.body.append(button);
      button.click();
      button.remove();
    });
    attempt("foreign", () => {
      const script = document.createElement("script");
      script.setAttribute("src", `${url}/script`);
      document.head.append(script);
    });
    attempt("html", () => (document.createElement("div").innerHTML = "<img src=x onerror='window.ranHtml = true'>"));
    await new Promise((done) => setTimeout(done, 300));
    for (const name of ["ranEval", "ranFunction", "ranInline", "ranHandler", "ranHtml"]) ran[name] = window[name] === true;
    return ran;
  }, there());
  for (const name of ["ranEval", "ranFunction", "ranInline", "ranHandler", "ranHtml"]) assert.equal(ran[name], false, `${name}: ${JSON.stringify(ran)}`);
  assert.ok(ran.eval && ran.function, JSON.stringify(ran));
  await nobodyAsked("no script comes from elsewhere");
});

// SEC-W5
test("the window goes nowhere else, and opens no other", async () => {
  const home = await wallet.url();
  for (const leave of [
    (url) => void (location.href = `${url}/assign`),
    (url) => void location.replace(`${url}/replace`),
    (url) => void window.open(`${url}/open`),
    (url) => {
      const link = Object.assign(document.createElement("a"), { href: `${url}/link`, target: "_blank" });
      document.body.append(link);
      link.click();
      link.remove();
    },
    (url) => {
      const form = Object.assign(document.createElement("form"), { action: `${url}/form`, method: "post" });
      document.body.append(form);
      form.submit();
      form.remove();
    },
    () => void (location.href = "data:text/html,<p>data</p>"),
    () => void (location.href = "about:blank"),
  ]) {
    await wallet.evaluate(leave, there());
    await nobodyAsked(String(leave));
    assert.equal(await wallet.url(), home, String(leave));
  }
  // WebDriver itself is no way round the guard either.
  await wallet.command("POST", "/timeouts", { pageLoad: 2_000 });
  await wallet.command("POST", "/url", { url: `${there()}/driver` }).catch(() => {});
  await nobodyAsked("the driver");
  await wallet.locator("#create").waitFor(PATIENCE);
  assert.equal((await wallet.command("GET", "/window/handles")).length, 1);
});

// SEC-W5
test("what every object inherits cannot be changed, and a frame has no way to the wallet", async () => {
  const found = await wallet.evaluate(() => {
    try {
      Object.prototype.polluted = true;
    } catch {
      // Refused loudly in a strict script.
    }
    const frame = document.createElement("iframe");
    document.body.append(frame);
    const inside = typeof frame.contentWindow.__TAURI_INTERNALS__?.invoke;
    frame.remove();
    return { frozen: Object.isFrozen(Object.prototype), polluted: "polluted" in {}, inside };
  });
  assert.deepEqual(found, { frozen: true, polluted: false, inside: "undefined" });
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

story(people, PASSPHRASE);

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
