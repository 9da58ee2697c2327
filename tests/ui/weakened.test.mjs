// The negative of what window.test.mjs shows: in a window that was weakened for it, what is in vain there succeeds. So it is the policy, the
// guard and the frozen prototype that keep the page in.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { foreignScripts, opensAnother, pollutes, SOON_MS, somebodyElse, TO_NOBODY, tryAll, WAYS_ELSEWHERE, WAYS_OUT } from "./escapes.mjs";
import { Window } from "./window.mjs";

const { YUFU_APP: program, YUFU_SETUP: setup, YUFU_FOLDER: folder } = process.env;
let open, elsewhere, asked;
const there = () => `http://127.0.0.1:${elsewhere.address().port}`;
const HOME = "tauri://localhost";

before(async () => {
  ({ server: elsewhere, asked } = await somebodyElse());
  open = await Window.open(program, ["--setup", setup, "--folder", folder], { YUFU_TEST_WITHOUT: "policy,guard,frozen" });
  await open.locator("h1").waitFor();
});
after(async () => {
  elsewhere?.close();
  await open?.close();
});

test("without the policy the page reaches whom it wants", async () => {
  await tryAll(open, WAYS_OUT, there());
  assert.deepEqual([...new Set(asked.splice(0))].sort(), Object.keys(WAYS_OUT).map((name) => `/${name}`).sort());
});

test("without the policy every script runs", async () => {
  const ran = await open.evaluate(foreignScripts);
  assert.deepEqual(new Set(Object.values(ran)), new Set([true]), JSON.stringify(ran));
});

test("without its freezing, what every object inherits can be changed", async () => {
  assert.deepEqual(await open.evaluate(pollutes), { frozen: false, polluted: true });
});

test("without the guard the window goes elsewhere", async () => {
  for (const [name, leave] of Object.entries({ ...WAYS_ELSEWHERE, ...TO_NOBODY })) {
    await open.evaluate(leave, `${there()}/${name}`).catch(() => {});
    await new Promise((done) => setTimeout(done, SOON_MS));
    if (name in WAYS_ELSEWHERE) assert.deepEqual([...new Set(asked.splice(0))].filter((path) => path !== "/favicon.ico"), [`/${name}`]);
    else assert.ok(!(await open.url()).startsWith(HOME), name);
    await open.command("POST", "/url", { url: HOME });
  }
  await open.locator("h1").waitFor();
  await opensAnother(open, `${there()}/another`);
  assert.deepEqual(asked.filter((path) => path !== "/favicon.ico"), ["/another"], "in a window of its own");
  const [first, ...others] = await open.command("GET", "/window/handles");
  for (const handle of others) {
    await open.command("POST", "/window", { handle });
    await open.command("DELETE", "/window");
  }
  await open.command("POST", "/window", { handle: first });
});
