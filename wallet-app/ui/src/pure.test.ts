// What is decided without a page: times, PINs, choices on the consent screen, and that both languages say something.

import assert from "node:assert/strict";
import { test } from "node:test";
import { answered, chooseCredential, chooseSet, isOptional } from "./consent";
import { claim, events, form, movedStates, stages, statementKinds, statuses, verdicts } from "./names";
import { pinFault } from "./pin";
import { countdown, day, moment, span } from "./time";
import { say, sides, words } from "./words";

const HAN = /\p{Script=Han}/u;
/** Texts that are the same in both languages on purpose. */
const SAME = new Set(["chooseLanguage", "pin"]);

test("every word is Chinese in Chinese and not in English", () => {
  const tables = { words, sides, events, statuses, verdicts, stages, movedStates, statementKinds };
  for (const [table, entries] of Object.entries(tables)) {
    for (const [name, text] of Object.entries(entries)) {
      if (SAME.has(name)) continue;
      assert.ok(HAN.test(text.zh), `${table}.${name} has no Chinese`);
      assert.ok(text.en.trim() !== "" && !HAN.test(text.en), `${table}.${name} has no English`);
    }
  }
});

test("a number is spoken in the singular and the plural", () => {
  assert.equal(say.attemptsLeft(1).en, "1 try before you have to wait.".replace("try", "more try"));
  assert.equal(say.attemptsLeft(3).en, "3 more tries before you have to wait.");
  assert.equal(say.atMostDays(1).en, "at most 1 day");
});

test("a span is told in its largest unit, and never below nothing", () => {
  assert.deepEqual([-5, 7, 120, 7200, 90000, 300000].map((s) => span(s).en), ["0 seconds", "7 seconds", "2 minutes", "2 hours", "25 hours", "3 days"]);
  assert.equal(span(1).en, "1 second");
  assert.equal(say.ago(span(61)).zh, "61 秒前");
});

test("moments are written as their language does", () => {
  assert.equal(moment(1_795_226_400, "en", "UTC"), "21 Nov 2026, 02:00");
  assert.equal(moment(1_795_226_400, "zh", "Asia/Shanghai"), "2026年11月21日 10:00");
  assert.equal(day(1_795_226_400, "en", "UTC"), "21 Nov 2026");
  assert.deepEqual([countdown(125), countdown(9), countdown(-1)], ["2:05", "0:09", "0:00"]);
});

test("a PIN is long enough, not the first that anybody would try, and typed twice", () => {
  assert.equal(pinFault("12345", "12345", 6), "short");
  for (const simple of ["111111", "123456", "987654", "abcdef"]) assert.equal(pinFault(simple, simple, 6), "simple", simple);
  assert.equal(pinFault("483726", "483727", 6), "differs");
  assert.equal(pinFault("483726", "483726", 6), null);
  assert.equal(pinFault("鱼符两半相合", "鱼符两半相合", 6), null, "characters are counted, not bytes");
});

const question = (id: string, chosen: string[]) => ({ id, multiple: false, options: [], chosen });

test("a part of a request is optional only where no required combination needs it", () => {
  const sets = [
    { required: true, options: [["a"], ["b", "c"]], chosen: 0 },
    { required: false, options: [["c"], ["d"]], chosen: null },
  ];
  assert.deepEqual(["a", "b", "c", "d", "e"].map((id) => isOptional({ sets }, id)), [false, false, false, true, false]);
});

test("choosing keeps the rest of the choice", () => {
  const sets = [{ required: false, options: [["b"]], chosen: 0 }];
  const view = { questions: [question("a", ["1"]), question("b", ["2"]), question("c", [])], sets } as unknown as Parameters<typeof chooseSet>[0];
  assert.deepEqual(answered(view).map((one) => one.id), ["a", "b"]);
  assert.deepEqual(chooseSet(view, 0, null), { credentials: { a: ["1"], b: ["2"] }, sets: { 0: null } });
  assert.deepEqual(chooseCredential(view, "a", "9"), { credentials: { a: ["9"], b: ["2"] }, sets: { 0: 0 } });
});

test("claims that nobody has words for keep their names", () => {
  assert.equal(claim("shoe_size").zh, "shoe_size");
  assert.deepEqual(form("urn:yufu:vct:marital-status:1").map((field) => field.name), ["family_name", "given_name", "marital_status", "since"]);
});
