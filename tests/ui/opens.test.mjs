// Programs that open the application's window: the one in the package, and `cargo city wallet`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PATIENCE } from "./story.mjs";
import { Window } from "./window.mjs";

for (const [name, program, ...args] of JSON.parse(process.env.YUFU_OPENS)) {
  test(`${name} opens the wallet`, async () => {
    const window = await Window.open(program, args);
    try {
      await window.locator("#create").waitFor(PATIENCE);
      assert.match(await window.url(), /^tauri:\/\/localhost/);
    } finally {
      await window.close();
    }
  });
}
