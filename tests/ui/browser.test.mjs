// The pilot's wallet in a browser on a running city: what only a browser could do to it, and the first login.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { complaints, launch } from "./browser.mjs";
import { need } from "./need.mjs";
import { PATIENCE, story } from "./story.mjs";

const city = process.env;
const PIN = "483726";

const people = {};
const known = {};
const found = [];
let browser, person, wallet;

before(async () => {
  browser = await launch();
  person = await browser.newContext({ locale: "en-GB", viewport: { width: 390, height: 844 } });
  wallet = await person.newPage();
  found.push(complaints(wallet));
  people.wallet = wallet;
  people.clerk = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
  people.visitor = await (await browser.newContext({ locale: "en-GB" })).newPage();
  for (const page of [people.clerk, people.visitor]) page.setDefaultTimeout(PATIENCE.timeout);
});
after(() => browser?.close());

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
