// The isolation frame's hook by itself: whatever it is given, it does not throw, and what comes out is a call of the form of a command.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import vm from "node:vm";

const source = await readFile(new URL("../../wallet-app/src-tauri/isolation/isolation.js", import.meta.url), "utf8");

/** The hook of a script, in a world of its own. */
const hookOf = (script) => {
  const world = vm.createContext({ window: {} });
  vm.runInContext(script, world, { timeout: 1_000 });
  return world.window.__TAURI_ISOLATION_HOOK__;
};

const call = { cmd: "unlock", callback: 1, error: 2, payload: { pin: "483726" }, options: { headers: {} } };
const throws = () => {
  throw new Error("hostile");
};
const circle = {};
circle.self = circle;

const HOSTILE = {
  nothing: undefined,
  null: null,
  number: 7,
  text: "unlock",
  symbol: Symbol("unlock"),
  function: () => call,
  list: [call],
  bytes: new Uint8Array(8),
  empty: {},
  "no name": { ...call, cmd: undefined },
  "a name that is no text": { ...call, cmd: ["unlock"] },
  "a name that becomes one": { ...call, cmd: { toString: () => "unlock" } },
  "Tauri's own": { ...call, cmd: "plugin:event|listen" },
  "a long name": { ...call, cmd: "a".repeat(41) },
  "two lines": { ...call, cmd: "unlock\n" },
  capitals: { ...call, cmd: "Unlock" },
  "no input": { ...call, payload: undefined },
  "a list": { ...call, payload: [1, 2] },
  holes: { ...call, payload: new Array(3) },
  "bytes as input": { ...call, payload: new Uint8Array(4) },
  "a text as input": { ...call, payload: "{}" },
  "more than a call": { ...call, key: "x" },
  "a getter that throws": Object.defineProperty({ ...call }, "cmd", { get: throws, enumerable: true }),
  "keys that throw": new Proxy({ ...call }, { ownKeys: throws }),
  "values that throw": new Proxy({ ...call }, { get: throws }),
  "a revoked one": (() => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  })(),
  circle,
};

/** What is wrong with a hook. */
function complaints(hook) {
  const found = [];
  for (const [name, hostile] of Object.entries(HOSTILE)) {
    try {
      const passed = hook(hostile);
      if (passed?.cmd !== "not_a_command" || JSON.stringify(passed.payload) !== "{}") found.push(`${name} passes`);
    } catch {
      found.push(`${name} throws`);
    }
  }
  return found;
}

test("whatever the hook is given, it does not throw and lets nothing pass but calls of commands", () => {
  assert.deepEqual(complaints(hookOf(source)), []);
});

test("a call of a command passes as it is, and the answer to what does not goes to who asked", () => {
  const hook = hookOf(source);
  assert.equal(hook(call), call);
  assert.equal(hook({ ...call, payload: Object.create(null) }).cmd, "unlock");
  const { callback, error } = hook({ ...call, payload: [1] });
  assert.deepEqual([callback, error], [1, 2]);
});

test("a hook that lets everything pass, and one that throws, would be found", () => {
  assert.equal(complaints(hookOf("window.__TAURI_ISOLATION_HOOK__ = (call) => call")).length, Object.keys(HOSTILE).length);
  assert.equal(complaints(hookOf("window.__TAURI_ISOLATION_HOOK__ = () => { throw new Error() }")).length, Object.keys(HOSTILE).length);
});
