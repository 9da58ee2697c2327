// What is decided without a page: times, PINs, choices on the consent screen, and that both languages say something.

import assert from "node:assert/strict";
import { test } from "node:test";
import { answered, chooseCredential, chooseSet, isOptional } from "./consent";
import app from "./backend/app";
import bridge from "./backend/bridge";
import { langOf } from "./language.svelte";
import { hostOf } from "./links";
import { claim, events, form, linkKinds, movedStates, reason, stages, statementKinds, statuses, verdicts } from "./names";
import { pinFault } from "./pin";
import { countdown, day, moment, span } from "./time";
import { say, secrets, sides, words } from "./words";

const HAN = /\p{Script=Han}/u;
/** Texts that are the same in both languages on purpose. */
const SAME = new Set(["chooseLanguage", "name"]);

test("every word is Chinese in Chinese and not in English", () => {
  const hosts = { app: app.about, appAway: app.away, bridge: bridge.about, bridgeAway: bridge.away };
  const tables = { words, ...secrets, hosts, sides, events, statuses, verdicts, stages, movedStates, statementKinds, linkKinds };
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

test("a link says which host it leads to, where it names one", () => {
  const host = (link: string) => hostOf({ link });
  assert.equal(host("openid4vp://?client_id=x509_san_dns%3Ashop.example&request_uri=https%3A%2F%2Fshop.example%3A8443%2Fr"), "shop.example:8443");
  assert.equal(host("openid-credential-offer://?credential_offer_uri=https%3A%2F%2Fpolice.example%2Foffer"), "police.example");
  assert.equal(host(`openid-credential-offer://?credential_offer=${encodeURIComponent('{"credential_issuer":"https://police.example"}')}`), "police.example");
  assert.equal(host("yufu-wallet://signed-in?code=c&state=s&iss=https%3A%2F%2Flogin.example"), "login.example");
  for (const link of ["openid4vp://?request_uri=javascript%3Aalert(1)", "openid-credential-offer://?credential_offer=%7B", "yufu-device://add?key=x", "no link"]) {
    assert.equal(host(link), null, link);
  }
});

test("a text from elsewhere says which language it is in, when it is not the one that is spoken", () => {
  assert.deepEqual(["若兰", "Ruolan O'Brien", "滨河 3 号", "1990-03-07", "did:yufu:x", "https://a.example"].map((text) => langOf(text, "en")), ["zh-CN", undefined, "zh-CN", undefined, undefined, undefined]);
  assert.deepEqual(["若兰", "Ruolan O'Brien", "滨河 3 号", "1990-03-07", "did:yufu:x", "https://a.example"].map((text) => langOf(text, "zh")), [undefined, "en", undefined, undefined, undefined, undefined]);
});

test("a reason that nobody has words for is another one, whatever it is called", () => {
  assert.equal(reason("over-asking").zh, "要求的信息超出其登记范围");
  for (const slug of ["never-heard-of", "constructor", "__proto__"]) assert.deepEqual(reason(slug), words.otherReason, slug);
});

test("what has few answers is chosen among them", () => {
  const choices = [...form("urn:yufu:vct:resident-identity:1"), ...form("urn:yufu:vct:marital-status:1")].filter((field) => field.kind === "choice");
  assert.deepEqual(choices.map((field) => [field.name, field.options?.length]), [["gender", 2], ["marital_status", 4]]);
});
