// How each screen is reached, by what a person does. The same list is looked at by axe and photographed.

import { answers, failure } from "./fixtures.mjs";

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
  ["gone", async (page) => page.locator("[data-slug=start-over]").waitFor(), { status: failure("start-over", "这个钱包链接已使用或已过期。请从城市首页重新打开钱包。", "This link to the wallet was used or is too old. Open it again from the city's front page.") }],
];

/** The same answers in another language. */
export function speaking(language, replaced) {
  const all = { ...answers, ...replaced };
  const status = all.status.failure ? all.status : { ...all.status, language };
  const unlock = all.unlock.failure ? all.unlock : { ...all.unlock, language };
  return { ...replaced, status, unlock };
}
