// How each screen is reached, by what a person does. The same list is looked at by axe and photographed.

import { answers, consent, failure, long, movedCards, secretWords, unprepared } from "./fixtures.mjs";
import { open } from "./harness.mjs";

const nav = (number) => async (page) => page.locator("nav button").nth(number).click();
const link = async (page, text) => {
  await nav(1)(page);
  await page.locator("#link").fill(text);
  await page.locator("form .button.first").click();
};
const consentReady = (page) => page.locator("#agreed").waitFor();
const form = async (page) => {
  await page.locator("#apply").click();
  await page.locator(".link-row").first().click();
  await page.locator("#family_name").waitFor();
};

const settings = (id) => async (page) => {
  await nav(3)(page);
  await page.locator(id).click();
};
const recovery = settings("#recovery");
const step = (name) => async (page) => {
  await recovery(page);
  await page.locator(`[data-step=${name}] .button`).click();
};
const pinAgain = async (page) => {
  await page.locator("input.pin").fill("483726");
  await page.locator("form .button.first").click();
};
const words = async (page) => {
  await step("words")(page);
  await pinAgain(page);
  await page.locator(".slips").waitFor();
};
const typed = async (page) => {
  await words(page);
  await page.locator("#written").click();
  for (const input of await page.locator("[data-word]").all()) await input.fill("able");
  await page.locator("form .button.first").click();
  await page.locator("#save-backup").waitFor();
};
const backup = { name: "yufu-backup.yufu", mimeType: "application/octet-stream", buffer: Buffer.from("yufu-backup") };
const absent = { status: { ...answers.status, stage: "absent" }, create: { ...answers.status, stage: "open" }, identity: null, credentials: [], requests: [], unsent: [], poll_issuances: [] };
const made = (button) => async (page) => {
  await page.locator(button).click();
  await page.locator("input.pin").nth(0).fill("483726");
  await page.locator("input.pin").nth(1).fill("483726");
  await page.locator(".button.first").click();
};
const visit = async (page) => {
  await nav(2)(page);
  await page.locator("[data-event=released] .button").click();
  await page.locator("#agreed").waitFor();
};

/** A command that is not answered while somebody looks. */
const never = () => new Promise(() => {});
const locked = { ...answers.status, stage: "locked" };
/** One of the requests at home; those that are over are folded away. */
const request = (stage) => [async (page) => {
  if (stage === "refused" || stage === "prepared") await page.locator("#closed summary").click();
  await page.locator(`.link-row[data-request=${stage}]`).click();
  await page.locator(`[data-stage=${stage}]`).waitFor();
}, {}];
/** Another window of the wallet, which takes the address that a browser came back with. */
const taker = async (page) => {
  const other = await open(page.context(), {});
  await other.evaluate(() => {
    globalThis.channel = new BroadcastChannel("yufu-signed-in");
    globalThis.channel.onmessage = (event) => event.data.address && globalThis.channel.postMessage("taken");
  });
  return other;
};

/** Name, what a person does, answers that differ, and how the interface is opened where that differs. */
export const screens = [
  ["welcome", async (page) => page.locator("#create").waitFor(), { status: { ...answers.status, stage: "absent" } }],
  ["choose-pin", async (page) => {
    await page.locator("#create").click();
    await page.locator("input.pin").first().fill("111111");
    await page.locator(".button.first").click();
    await page.locator(".fault").waitFor();
  }, { status: { ...answers.status, stage: "absent" } }],
  ["unlock", async (page) => {
    await page.locator("input.pin").fill("135790");
    await page.locator(".button.first").click();
    await page.locator("#attempts").waitFor();
  }, { status: { ...answers.status, stage: "locked" }, unlock: failure("wrong-passphrase", "口令不正确。", "Wrong.", { attempts_left: 3 }) }],
  ["home", async (page) => page.locator(".tally").first().waitFor(), {}],
  ["home-empty", async (page) => page.locator("#apply.first").waitFor(), { credentials: [], requests: [], unsent: [], poll_issuances: [] }],
  ["card", async (page) => {
    await page.locator(".tally").first().click();
    await page.locator(".button.danger").click();
    await page.locator(".notice.danger").waitFor();
  }, {}],
  ["add", async (page) => {
    await nav(1)(page);
    await page.locator("#link").waitFor();
  }, {}],
  ["failure", async (page) => {
    await link(page, "https://example.org/nothing");
    await page.locator("[data-slug]").waitFor();
  }, { read_text: failure("link-not-understood", "钱包无法识别这个链接。请确认是从登录页面或部门获得的完整链接。", "The wallet does not understand this link. Check that it is the whole link of the login page or department.") }],
  ["offer", async (page) => {
    await link(page, "openid-credential-offer://?x");
    await page.locator("#code").waitFor();
  }, {}],
  ["consent", async (page) => {
    await link(page, "openid4vp://?x");
    await consentReady(page);
  }, {}],
  ["consent-unverified", async (page) => {
    await link(page, "openid4vp://?prizes");
    await consentReady(page);
  }, {}],
  ["match", async (page) => {
    await link(page, "openid4vp://?x");
    await page.locator("#agree").click();
    await page.locator(".codes").waitFor();
  }, {}],
  ["outcome", async (page) => {
    await link(page, "openid4vp://?x");
    await page.locator("#agree").click();
    await page.locator("[data-code]").first().click();
    await page.locator("[data-verdict]").waitFor();
  }, {}],
  ["declined", async (page) => {
    await link(page, "openid4vp://?x");
    await page.locator("#agree").click();
    await page.locator("#none").click();
    await page.locator(".notice.danger").waitFor();
  }, {}],
  ["activity", async (page) => {
    await nav(2)(page);
    await page.locator(".timeline").waitFor();
  }, {}],
  ["receipts", async (page) => {
    await nav(2)(page);
    await page.locator(".tabs button").nth(1).click();
    await page.locator("[data-verdict]").first().waitFor();
  }, {}],
  ["apply", async (page) => {
    await page.locator("#apply").click();
    await page.locator(".link-row").first().waitFor();
  }, {}],
  ["form", form, {}],
  ["review", async (page) => {
    await form(page);
    for (const input of await page.locator(".field input[type=text], .field textarea").all()) await input.fill("若兰");
    await page.locator("#birth_date").fill("1990-03-07");
    await page.locator("#gender input").first().check();
    await page.locator("#portrait-file").setInputFiles({ name: "me.png", mimeType: "image/png", buffer: Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64") });
    await page.locator("form > .button.first").click();
    await page.locator("#confirm").waitFor();
  }, {}],
  ["request", ...request("refused")],
  ["request-prepared", ...request("prepared")],
  ["request-pending", ...request("pending")],
  ["request-attested", ...request("attested")],
  ["request-unknown", async (page) => {
    await page.locator(".link-row").first().click();
    await page.locator("main > .stack > .button").waitFor();
  }, { requests: (() => {
    let asked = 0;
    return () => (asked++ % 2 === 0 ? answers.requests : []);
  })() }],
  ["settings", async (page) => {
    await nav(3)(page);
    await page.locator("#lock").waitFor();
    await page.locator(".sheet .buttons .button").nth(1).click();
    await page.locator("form input.pin").first().waitFor();
  }, {}],
  ["my-data", async (page) => {
    await nav(3)(page);
    await page.locator("#my-data").click();
    await page.locator("#check").click();
    await page.locator("[data-integrity=confirmed]").first().waitFor();
    await page.locator("[data-show=portrait]").click();
    await page.locator("img.portrait").waitFor();
  }, {}],
  ["form-documents", async (page) => {
    await page.locator("#apply").click();
    await page.locator("[data-type='urn:yufu:vct:marital-status:1']").click();
    const register = page.locator("[data-kind=household_register] input[type=file]");
    await register.setInputFiles({ name: "page-1.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF-1.7 %%EOF") });
    await page.locator("[data-kind=household_register] .row").waitFor();
  }, {}],
  ["home-unprotected", async (page) => page.locator("#protect").waitFor(), { recovery_status: unprepared, moved: movedCards }],
  ["home-no-identity", async (page) => page.locator("#no-identity").waitFor(), { identity: null, credentials: [], requests: [], unsent: [], poll_issuances: [] }],
  ["devices", async (page) => {
    await settings("#devices")(page);
    await page.locator("#devices .button.danger").last().click();
    await page.locator("[data-sure]").waitFor();
  }, {}],
  ["device-name", async (page) => {
    await settings("#devices")(page);
    await page.locator("#devices [aria-expanded]", { hasText: /^(命名|Name it)$/ }).click();
    await page.locator("#devices form input").waitFor();
  }, {}],
  ["add-device", async (page) => {
    await settings("#devices")(page);
    await page.locator("#add-device").click();
    await page.locator("#device-link").fill("yufu-device://add?x");
    await page.locator("form .button.first").click();
    await page.locator("#device-code").waitFor();
  }, {}],
  ["device-added", async (page) => {
    await link(page, "yufu-device://add?x");
    await page.locator("#device-code").fill("48210937");
    await page.locator("form .button.first").click();
    await page.locator("#welcome").waitFor();
  }, {}],
  ["join", async (page) => {
    await made("#join")(page);
    await page.locator("#join-code").waitFor();
  }, absent],
  ["recovery", async (page) => {
    await recovery(page);
    await page.locator("#advice").waitFor();
  }, { recovery_status: unprepared }],
  ["recovery-prepared", async (page) => {
    await recovery(page);
    await page.locator("#rotate").click();
    await page.locator("[data-sure]").waitFor();
  }, {}],
  ["words-pin", async (page) => {
    await step("words")(page);
    await pinAgain(page);
    await page.locator("#attempts").waitFor();
  }, { reveal_words: failure("wrong-passphrase", "口令不正确。", "Wrong.", { attempts_left: 3 }) }],
  ["words", words, { reveal_words: (_, language) => ({ ...answers.reveal_words, words: secretWords[language].join(" ") }) }],
  ["words-typed", async (page) => {
    await words(page);
    await page.locator("#written").click();
    await page.locator("[data-word]").first().waitFor();
    for (const input of await page.locator("[data-word]").all()) await input.fill("able");
    await page.locator("form .button.first").click();
    await page.locator("[data-slug]").waitFor();
  }, { confirm_words: failure("words-differ", "有一个词与显示的不一样。请对照您抄写的纸，检查序号和写法。", "One of these is not the word that was shown. Look at your paper: the number, and how it is spelt.") }],
  ["words-save", typed, {}],
  ["words-try", async (page) => {
    await typed(page);
    await page.locator("#save-backup").click();
    await page.locator("input.file").setInputFiles(backup);
    await page.locator("#rehearse:not([disabled])").waitFor();
  }, {}],
  ["words-done", async (page) => {
    await typed(page);
    await page.locator("#save-backup").click();
    await page.locator("input.file").setInputFiles(backup);
    await page.locator("#rehearse").click();
    await page.locator("#rehearsed").waitFor();
  }, {}],
  ["guardians", async (page) => {
    await step("guardians")(page);
    await pinAgain(page);
    await page.locator("[data-guardian]").first().waitFor();
  }, {}],
  ["rehearse", async (page) => {
    await step("rehearse")(page);
    await page.locator("input[value=cards]").click();
    await page.locator("textarea").fill("yufu-guardian-card://card?x");
    await page.locator("form .button").first().click();
    await page.locator("[data-card]").waitFor();
  }, {}],
  ["restore", async (page) => {
    await made("#move")(page);
    await page.locator("textarea").fill(secretWords.en.join(" "));
    await page.locator("#did-typed").waitFor();
  }, absent],
  ["restored", async (page) => {
    await made("#move")(page);
    await page.locator("textarea").fill(secretWords.en.join(" "));
    // The words bring a field along, which moves the button.
    await page.locator("#did-typed").waitFor();
    await page.locator("#restore").click();
    await page.locator("#recovered").waitFor();
  }, absent],
  ["moved", async (page) => {
    await page.locator("#moved .button").click();
    await page.locator("[data-moved=ask_again] .button.danger").click();
    await page.locator("[data-sure]").waitFor();
  }, { moved: movedCards }],
  ["visit", async (page) => {
    await visit(page);
    await page.locator("#withdraw").click();
    await page.locator("[data-statement]").waitFor();
  }, {}],
  ["visit-report", async (page) => {
    await visit(page);
    await page.locator("#report").click();
    await page.locator("#reason").fill("x");
    await page.locator("form .button.danger").click();
    await page.locator("[data-statement=report]").waitFor();
  }, {}],
  ["sign-in", async (page) => {
    await link(page, "openid-credential-offer://?x");
    await page.locator("#sign-in").click();
    await page.locator("#open-browser").waitFor();
  }, { review_offer: { ...answers.review_offer, needs_sign_in: true, needs_pin: false, pin: null } }],
  ["closes-itself", async (page) => page.locator("#stay-open").waitFor(), { status: { ...answers.status, closes_in: 50 } }],
  ["choose-passphrase", async (page) => {
    await page.locator("#create").click();
    await page.locator("input.pin").first().waitFor();
  }, { status: { ...answers.status, stage: "absent", binds: false, pin_characters: 8 } }],
  ["unlock-wait", async (page) => {
    await page.locator("input.pin").fill("135790");
    await page.locator(".button.first").click();
    await page.locator("#attempts").waitFor();
    await page.locator("#forgotten summary").click();
  }, { status: locked, unlock: failure("wallet-locked-out", "次数过多。", "Too many.", { attempts_left: 0, wait_seconds: 30 }) }],
  ["unlock-passphrase", async (page) => {
    await page.locator("#forgotten summary").click();
  }, { status: { ...locked, binds: false } }],
  ["home-waiting", async (page) => {
    await page.locator(".bar .round").last().click();
    await page.locator(".working").waitFor();
  }, { refresh_credentials: never }],
  ["home-recovering", async (page) => page.locator("main .notice .button").first().waitFor(), { identity: { ...answers.identity, as_of: null, recovering: true }, credentials: [], requests: [], unsent: [] }],
  ["consent-expired", async (page) => {
    await link(page, "openid4vp://?x");
    await page.locator(".notice.danger[role=alert]").waitFor();
  }, { open_request: { ...consent, expires_at: consent.expires_at - 4000 } }],
  ["match-expired", async (page) => {
    await link(page, "openid4vp://?x");
    await page.locator("#agree").click();
    await page.locator("#over").waitFor();
  }, { open_request: () => ({ ...consent, expires_at: Math.floor(Date.now() / 1000) + 2 }) }],
  ["match-failed", async (page) => {
    await link(page, "openid4vp://?x");
    await page.locator("#agree").click();
    await page.locator("[data-code]").first().click();
    await page.locator("#over").waitFor();
  }, { approve: failure("response-not-taken", "网站没有接受您的答复。请在网站上重新开始。", "The site did not take your answer. Start again there.", { side: "website" }) }],
  ["join-expired", async (page) => {
    await made("#join")(page);
    await page.locator("#join-show").waitFor();
    await page.locator("#join-again").waitFor();
  }, { ...absent, ask_to_join: () => ({ ...answers.ask_to_join(), expires_at: 1 }) }],
  ["join-answered", async (page) => {
    await link(page, "yufu-device://welcome?x");
    await page.locator("#answered").waitFor();
  }, {}],
  ["scan", async (page) => {
    // A camera that shows a wall.
    await page.evaluate(() => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [640, 480];
      const paint = canvas.getContext("2d");
      setInterval(() => {
        paint.fillStyle = "#8a9a94";
        paint.fillRect(0, 0, 640, 480);
      }, 100);
      navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(10);
    });
    await nav(1)(page);
    await page.locator("#link-camera").click();
    await page.waitForFunction(() => document.querySelector("video")?.videoWidth > 0);
  }, {}],
  ["sign-in-answered", async (page) => {
    await link(page, "yufu-wallet://signed-in?code=c&state=s");
    await page.locator("#came-back").waitFor();
  }, {}],
  ["returned", async (page) => page.locator("#address").waitFor(), {}, { address: "/?code=c1&state=s1" }],
  ["returned-taken", async (page) => {
    const other = await taker(page);
    await page.goto(`${page.url()}?code=c1&state=s1`);
    await page.locator("#taken").waitFor();
    await other.close();
  }, {}, { address: "/?code=c1&state=s1" }],
  ["link-arrived", async (page) => {
    await link(page, "openid4vp://?x");
    await page.locator("#open-link").waitFor();
  }, { opened_link: () => new Promise((done) => setTimeout(done, 2_000, { kind: "request", link: "openid4vp://?client_id=x509_san_dns%3Aprizes.example&request_uri=https%3A%2F%2Fprizes.example%2Frequest%2F1" })) }, { app: true }],
  ["apply-empty", async (page) => {
    await page.locator("#apply").click();
    await page.locator("main .stack > p").waitFor();
  }, { departments: [] }],
  ["apply-nothing", async (page) => {
    await page.locator("#apply").click();
    await page.locator("li.help").waitFor();
  }, { departments: ["https://police.riverside.example/"], department: { ...long.departments, offerings: [] } }],
  ["home-long", async (page) => page.locator(".tally").first().waitFor(), { credentials: [long.card, { ...long.card, id: "card-2", usable: false, status: "revoked", as_of: null }] }],
  ["card-long", async (page) => {
    await page.locator(".tally").first().click();
    await page.locator(".values").waitFor();
  }, { credentials: [long.card] }],
  ["consent-long", async (page) => {
    await link(page, "openid4vp://?x");
    await consentReady(page);
  }, { open_request: long.consent }],
  ["devices-long", async (page) => {
    await settings("#devices")(page);
    await page.locator("#devices .button.danger").last().click();
    await page.locator("[data-sure]").waitFor();
  }, { known_devices: long.devices, devices: long.devices }],
  ["apply-long", async (page) => {
    await page.locator("#apply").click();
    await page.locator(".link-row").first().waitFor();
  }, { departments: ["https://police.riverside.example/"], department: long.departments }],
  ["gone", async (page) => page.locator("[data-slug=start-over]").waitFor(), { status: failure("start-over", "这个钱包链接已使用或已过期。请从城市首页重新打开钱包。", "This link to the wallet was used or is too old. Open it again from the city's front page.") }],
];

/** The same answers in another language. */
export function speaking(language, replaced) {
  const all = { ...answers, ...replaced };
  const status = all.status.failure ? all.status : { ...all.status, language };
  const inLanguage = (answer) => (answer.failure ? answer : { ...answer, language });
  const set_language = (input) => ({ ...status, language: input.language });
  const words = all.reveal_words;
  const reveal_words = typeof words === "function" ? (input) => words(input, language) : words;
  return { ...replaced, status, set_language, unlock: inLanguage(all.unlock), create: inLanguage(all.create), reveal_words };
}
