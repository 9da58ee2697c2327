// The built interface in a page whose wallet is made of fixtures: every screen can be reached, the rare ones too. As the bridge serves it, or as
// the application's window has it, with Tauri's way to call commands in its place.

import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { answers } from "./fixtures.mjs";

const UI = new URL("../../wallet-app/ui/", import.meta.url);
const ORIGIN = "http://127.0.0.1:9";
const TYPES = { html: "text/html; charset=utf-8", js: "text/javascript", css: "text/css", svg: "image/svg+xml" };
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; require-trusted-types-for 'script'; trusted-types svelte-trusted-html";

/** Builds the interface of the application, which takes a second or two; that for the bridge is built by who starts the tests. */
let built = false;
export function application() {
  if (!built) execFileSync("npm", ["run", "build:app"], { cwd: UI, stdio: ["ignore", "ignore", "inherit"] });
  built = true;
}

/** Runs in the page: Tauri's call of a command, and its refusal. */
function tauri() {
  const invoke = async (name, input) => {
    const answer = await fetch(`/commands/${name}`, { method: "POST", body: JSON.stringify(input ?? {}) });
    const value = await answer.json();
    if (!answer.ok) throw value;
    return value;
  };
  window.__TAURI_INTERNALS__ = { invoke };
}

/** Opens the interface in a context, with some answers in the place of others, at an address. */
export async function open(context, replaced = {}, { address = "/", app = false } = {}) {
  const page = await context.newPage();
  if (app) {
    application();
    await page.addInitScript(tauri);
  }
  const dist = new URL(app ? "dist-app/" : "dist/", UI);
  const table = { ...answers, ...replaced };
  await page.route(`${ORIGIN}/**`, async (route) => {
    const { pathname } = new URL(route.request().url());
    if (route.request().method() === "POST") {
      const answer = table[pathname.replace("/commands/", "")];
      const value = typeof answer === "function" ? await answer(route.request().postDataJSON()) : answer;
      if (value?.failure) await route.fulfill({ status: 422, json: value.failure });
      else await route.fulfill({ json: value ?? null });
      return;
    }
    const name = pathname === "/" ? "index.html" : pathname.slice(1);
    const headers = { "content-type": TYPES[name.split(".").at(-1)] ?? "text/plain", "content-security-policy": POLICY };
    await route.fulfill({ headers, body: await readFile(new URL(name, dist)) });
  });
  await page.goto(ORIGIN + address);
  return page;
}
