// The pilot's wallet in a browser on a running city: what only a browser could do to it, and the first login.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { complaints, launch } from "./browser.mjs";
import { need } from "./need.mjs";
import { PATIENCE, shows, story } from "./story.mjs";

const city = process.env;
const PIN = "483726";

const people = {};
const known = {};
const found = [];
let browser, folder, film, person, wallet;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "yufu-camera-"));
  film = join(folder, "film.mjpeg");
  browser = await launch({ film });
  person = await browser.newContext({ locale: "en-GB", viewport: { width: 390, height: 844 } });
  wallet = await person.newPage();
  found.push(complaints(wallet));
  people.wallet = wallet;
  people.clerk = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
  people.visitor = await (await browser.newContext({ locale: "en-GB" })).newPage();
  for (const page of [people.clerk, people.visitor]) page.setDefaultTimeout(PATIENCE.timeout);
});
after(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

const session = () => wallet.evaluate(() => ({ hash: location.hash, cookie: document.cookie, proof: sessionStorage.getItem("yufu-proof") }));

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

const day = need(people, PIN, known);
story(people, PIN, known, day);
test("a camera that is not allowed is an ordinary state, and one that sees a site's code opens its request", async () => {
  const visitor = await (await browser.newContext({ deviceScaleFactor: 2 })).newPage();
  await visitor.goto(`${city.YUFU_SITE}/login`);
  const frame = await visitor.locator("#qr").screenshot({ type: "jpeg" });
  await writeFile(film, Buffer.concat(Array(30).fill(frame)));

  await wallet.locator("nav button").nth(1).click();
  await wallet.locator("#link-camera").click();
  await wallet.locator(".notice", { hasText: "There is no camera, or it was not allowed" }).waitFor(PATIENCE);
  await person.grantPermissions(["camera"]);
  await wallet.locator("#link-camera").click();
  await shows(wallet, "#agreed");
  assert.equal(await wallet.locator("video").count(), 0);
});

day.onANewPhone();

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
