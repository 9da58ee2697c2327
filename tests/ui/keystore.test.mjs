// The application on a desktop with a key store: a PIN is enough there, and the wallet opens nowhere else.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { PATIENCE } from "./story.mjs";
import { Window } from "./window.mjs";

const city = process.env;
const PIN = "483726";

let wallet;
const open = async (environment) => (wallet = await Window.open(city.YUFU_APP, ["--setup", city.YUFU_SETUP, "--folder", city.YUFU_FOLDER], environment));
afterEach(() => wallet?.close());

const unlock = async () => {
  await wallet.locator("input.pin").fill(PIN);
  await wallet.locator(".button.first").click();
};

test("a PIN makes a wallet that is bound to this device", async () => {
  await open();
  await wallet.locator("button[lang=en]").click();
  await wallet.locator("#create").click();
  await wallet.locator("h1", { hasText: "Choose a PIN" }).waitFor(PATIENCE);
  // By the keys of a keyboard, one after the other.
  await wallet.locator("input.pin").nth(0).type(PIN);
  await wallet.locator("input.pin").nth(1).type(PIN);
  await wallet.locator(".button.first").click();
  await wallet.locator("#apply").waitFor(PATIENCE);
});

test("the same PIN opens it the next time, from the key store that outlives the application", async () => {
  await open();
  await unlock();
  await wallet.locator("nav button").first().waitFor(PATIENCE);
});

test("without the key store the right PIN opens nothing, and the wallet says why", async () => {
  await open({ DBUS_SESSION_BUS_ADDRESS: "unix:path=/nowhere" });
  await unlock();
  await wallet.locator("[data-slug=device-key-store]").waitFor(PATIENCE);
  assert.equal(await wallet.locator("nav").count(), 0);
});
