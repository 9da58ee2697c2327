// The built interface in a page whose wallet is made of fixtures: every screen can be reached, the rare ones too.

import { readFile } from "node:fs/promises";
import { answers } from "./fixtures.mjs";

const DIST = new URL("../../wallet-app/ui/dist/", import.meta.url);
const ORIGIN = "http://127.0.0.1:9";
const TYPES = { html: "text/html; charset=utf-8", js: "text/javascript", css: "text/css", svg: "image/svg+xml" };
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; require-trusted-types-for 'script'; trusted-types svelte-trusted-html";

/** Opens the interface in a context, with some answers in the place of others, at an address. */
export async function open(context, replaced = {}, address = "/") {
  const page = await context.newPage();
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
    await route.fulfill({ headers, body: await readFile(new URL(name, DIST)) });
  });
  await page.goto(ORIGIN + address);
  return page;
}
