// How each screen is reached, by what a person does. The same list is looked at by axe and photographed.

import { answers, failure, movedCards, secretWords, unprepared } from "./fixtures.mjs";

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

/** Name, what a person does, and answers that differ. */
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
    await page.locator("#portrait-file").setInputFiles({ name: "me.png", mimeType: "image/png", buffer: Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64") });
    await page.locator("form > .button.first").click();
    await page.locator("#confirm").waitFor();
  }, {}],
  ["request", async (page) => {
    await page.locator(".link-row").nth(1).click();
    await page.locator("[data-stage]").waitFor();
  }, {}],
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
  ["gone", async (page) => page.locator("[data-slug=start-over]").waitFor(), { status: failure("start-over", "这个钱包链接已使用或已过期。请从城市首页重新打开钱包。", "This link to the wallet was used or is too old. Open it again from the city's front page.") }],
];

/** The same answers in another language. */
export function speaking(language, replaced) {
  const all = { ...answers, ...replaced };
  const status = all.status.failure ? all.status : { ...all.status, language };
  const inLanguage = (answer) => (answer.failure ? answer : { ...answer, language });
  const words = all.reveal_words;
  const reveal_words = typeof words === "function" ? (input) => words(input, language) : words;
  return { ...replaced, status, unlock: inLanguage(all.unlock), create: inLanguage(all.create), reveal_words };
}
