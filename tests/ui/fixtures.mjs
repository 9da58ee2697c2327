// Answers of a wallet that is not there: what each screen shows, with the hard cases that a city seldom has.

import * as codes from "./codes.mjs";

const now = Math.floor(Date.now() / 1000);
const text = (zh, en) => ({ zh, en });
const asOf = { height: 48213, timestamp_ms: (now - 7) * 1000 };
const resident = "urn:yufu:vct:resident-identity:1";
const marital = "urn:yufu:vct:marital-status:1";
const site = text("滨河市税务服务网", "Riverside City Tax Services");
const bureau = text("滨河市公安局", "Riverside City Public Security Bureau");
const affairs = text("滨河市民政局", "Riverside City Civil Affairs Bureau");
const origin = "https://tax.riverside.example";
const residentName = text("居民身份凭证", "Resident identity");
const maritalName = text("婚姻状况证明", "Marital status");

const claim = (name, zh, en, value) => ({ name, label: text(zh, en), value });
const claims = [
  claim("family_name", "姓", "Family name", "欧阳"),
  claim("given_name", "名", "Given name", "若兰"),
  claim("id_number", "公民身份号码", "Identity number", "990101199003074321"),
  claim("birth_date", "出生日期", "Date of birth", "1990-03-07"),
  claim("gender", "性别", "Gender", "女"),
  claim("address", "住址", "Address", "滨河市河东区青龙桥街道朝阳里社区第十二居民小组三号楼二单元五零一室"),
];

const card = {
  id: "card-1",
  attestation_type: resident,
  type_name: residentName,
  issuer: "https://police.riverside.example",
  issuer_name: bureau,
  received_at: now - 86400 * 3,
  valid_until: now + 86400 * 362,
  claims,
  copies: 3,
  copies_left: 2,
  usable: true,
  renewable: true,
  status: "active",
  as_of: asOf,
};
const revoked = {
  ...card,
  id: "card-2",
  attestation_type: marital,
  type_name: maritalName,
  issuer_name: affairs,
  claims: [claims[0], claims[1], claim("marital_status", "婚姻状况", "Marital status", "已婚")],
  usable: false,
  status: "revoked",
};

const shown = (type, name, list) => list.map((one) => ({ attestation_type: type, type_name: name, ...one }));
const option = (one) => ({ credential: one.id, type_name: one.type_name, issuer_name: one.issuer_name, claims: shown(one.attestation_type, one.type_name, one.claims.slice(0, 3)) });

export const consent = {
  id: "consent-1",
  party: "tax",
  unverified: null,
  name: site,
  origin,
  sponsor: affairs,
  purpose: text("登录税务服务并查询您的纳税记录", "sign you in to tax services and show your tax records"),
  retention_days: 30,
  claims: option(card).claims,
  questions: [{ id: "identity", multiple: false, options: [option(card), option({ ...card, id: "card-3" })], chosen: ["card-1"] }],
  sets: [],
  hidden: [],
  transactions: [],
  sentence: text(
    "您同意向“滨河市税务服务网”（https://tax.riverside.example，由滨河市民政局负责）出示：姓、名、公民身份号码（来自居民身份凭证）。用途：登录税务服务并查询您的纳税记录。对方最多保存 30 天。",
    "You agree to show Riverside City Tax Services (https://tax.riverside.example, answered for by Riverside City Civil Affairs Bureau): Family name, Given name, Identity number (from Resident identity). Purpose: sign you in to tax services and show your tax records. It keeps this for at most 30 days.",
  ),
  other_device: text(
    "您正在另一台设备的浏览器上登录“滨河市税务服务网”。请确认那台设备就在您面前，并选择其登录页面上显示的核对码。如果是别人发给您的二维码，请拒绝。",
    "You are logging in to Riverside City Tax Services in a browser on another device. Make sure that device is in front of you, and pick the code that its login page shows. If somebody sent you this QR code, decline.",
  ),
  match_codes: ["27", "64", "91"],
  last_time: { at: now - 86400, claims: ["family_name", "given_name"], sentence: text("上次（2026-11-26 08:10 UTC）您向其出示了：姓、名。", "Last time (2026-11-26 08:10 UTC) you showed it: Family name, Given name.") },
  warnings: [text("这次比上次多要求：公民身份号码。", "It asks for more than last time: Identity number.")],
  expires_at: now + 3600,
  as_of: asOf,
  seconds_ago: 7,
  freshness: text("账本核实：截至第 48213 个区块，7 秒前。", "Confirmed on the ledger as of block 48213, 7 seconds ago."),
};

/** Nobody vouches for who asks; one part may be left out; something else is to be agreed to. */
export const unverified = {
  ...consent,
  id: "consent-2",
  party: null,
  unverified: text(
    "未经证实：账本上没有登记请求方，任何人都可能自称是它。您的信息将发往 https://prizes.example。如有疑问，请拒绝。",
    "UNVERIFIED: the ledger knows nothing of who asks, and anybody could claim to be it. Your data would go to https://prizes.example. If in doubt, decline.",
  ),
  name: text("prizes.example", "prizes.example"),
  origin: "https://prizes.example",
  sponsor: text("无人负责", "nobody"),
  purpose: text("未登记用途", "no registered purpose"),
  retention_days: null,
  questions: [
    { id: "identity", multiple: false, options: [option(card)], chosen: ["card-1"] },
    { id: "marital", multiple: false, options: [option(revoked)], chosen: ["card-2"] },
  ],
  sets: [
    { required: true, options: [["identity"]], chosen: 0 },
    { required: false, options: [["marital"]], chosen: 0 },
  ],
  hidden: [{ credential: "card-4", type_name: maritalName, issuer_name: affairs, reason: text("已撤销", "revoked") }],
  transactions: [text("向平台付款 12 元", "Pay 12 yuan to the platform")],
  other_device: null,
  match_codes: [],
  last_time: null,
  warnings: [
    text("这个请求您已经答复过。同一请求不会作第二次答复；如需重新登录，请刷新网站页面后重新扫码。", "You have answered this very request before. It is not answered twice; to log in again, reload the site's page and scan anew."),
    text("对方没有提供加密密钥，您的信息在传输中仅由连接加密保护。", "The site gave no encryption key; on the way your data is protected by the connection alone."),
  ],
};

const receipt = {
  consent: "consent-1",
  at: now - 300,
  party: "tax",
  name: site,
  origin,
  purpose: consent.purpose,
  claims: ["family_name", "given_name", "id_number"],
  receipt: "q3Jx0m1bYc2Zk8w7Vt5uHn4LrP6sEfGaDiOyKlXzB9M",
  transaction: "yT7uWq3Jx0m1bYc2Zk8w7Vt5uHn4LrP6sEfGaDiOyKl",
  verdict: "verified",
  as_of: asOf,
};

const history = [
  { at: now - 90000, event: "identity_created" },
  { at: now - 89000, event: "attestation_requested", other_side: bureau, origin: "https://police.riverside.example", attestation_type: resident, claims: ["family_name", "given_name"] },
  { at: now - 88000, event: "credential_received", other_side: bureau, attestation_type: resident },
  { at: now - 400, event: "request_refused", origin: "https://prizes.example", reason: "over-asking" },
  { at: now - 300, event: "released", other_side: site, origin, claims: receipt.claims, purpose: consent.purpose, consent: "consent-1" },
];

const request = (id, stage) => ({ id, department: bureau, issuer: card.issuer, attestation_type: resident, type_name: residentName, changed_at: now - 60, transaction: null, anchored_height: 48190, cids: [], ...stage });
const requests = [
  request("request-1", { stage: "pending" }),
  request("request-2", { stage: "refused", reason: "名字与户籍登记不一致，请改用登记用字。" }),
  request("request-4", { stage: "prepared", anchored_height: null }),
  request("request-3", { stage: "attested", offer: "openid-credential-offer://?credential_offer_uri=https%3A%2F%2Fpolice.riverside.example" }),
];

const kinds = {
  claims: text("声明内容", "what you declare"),
  portrait: text("照片", "portrait"),
  identity_card: text("居民身份证", "identity card"),
  household_register: text("户口簿", "household register"),
  marriage_certificate: text("结婚证", "marriage certificate"),
};
const asked = (kind) => ({ kind, name: kinds[kind], document: kind !== "claims" && kind !== "portrait" });
const channels = [
  { channel: "counter", name: text("窗口：本人到场，工作人员核对证件原件", "at the counter: a clerk sees you and your original document") },
  { channel: "card", name: text("电子身份证：读卡并输入卡的 PIN", "by electronic identity card: it is read, and you enter its PIN") },
  { channel: "witness", name: text("可信见证人：由部门信任的人到场证明是您", "by a trusted person, who comes along and witnesses that it is you") },
];
const department = (name, url, attestation_type, type_name, needs, optional) => ({ url, name, offerings: [{ attestation_type, type_name, needs: needs.map(asked), optional: optional.map(asked), channels }], as_of: asOf });
const departments = {
  "https://police.riverside.example/": department(bureau, "https://police.riverside.example/", resident, residentName, ["claims"], ["portrait", "identity_card", "household_register"]),
  "https://affairs.riverside.example/": department(affairs, "https://affairs.riverside.example/", marital, maritalName, ["claims", "household_register"], ["marriage_certificate"]),
};

const preview = {
  id: "request-1",
  department: bureau,
  attestation_type: resident,
  type_name: residentName,
  attributes: [
    { kind: "claims", name: kinds.claims, file: "claims.json", media_type: "application/json", bytes: 320, claims: Object.fromEntries(claims.map((one) => [one.name, one.value])), cid: "bafkreih5aznjvttude6c3wbvqeebb6rlx5wkbzyppv7garjiubll2ceym4", notes: [] },
    { kind: "portrait", name: kinds.portrait, file: "portrait", media_type: "image/jpeg", bytes: 81234, claims: {}, cid: "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy", notes: [text("照片中含有相机信息（可能包括拍摄时间和地点），部门也会看到。", "The picture carries data of the camera, perhaps time and place, which the department will see too.")] },
  ],
  sentence: text("确认后：2 份加密文件将上传到滨河市公安局的存储，其指纹将写入账本，只有滨河市公安局能解密。", "On confirmation: 2 encrypted file(s) go to the store of the bureau, their fingerprints go on the ledger, and only it can read them."),
  as_of: asOf,
};

/** A picture of one pixel. */
export const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
const sealed = (attribute, integrity, zh, en) => ({ cid: attribute.cid, name: attribute.name, store: "https://police.riverside.example", transaction: "m3Jx0m1b", height: 48190, integrity, integrity_name: text(zh, en), as_of: integrity === "confirmed" ? asOf : null });
const ending = (way, subject, name, zh, en) => ({ way, subject, name, how: text(zh, en) });
const unchecked = ["unchecked", "本机副本完好；尚未向账本核对", "Your copy is whole; the ledger was not asked yet"];
const confirmed = ["confirmed", "账本上有此指纹，且与本机副本一致", "The ledger has this fingerprint, and your copy fits it"];
const dataAs = (integrity) => ({
  departments: [
    {
      name: bureau,
      issuer: "https://police.riverside.example",
      given: [{ id: "request-1", type_name: residentName, at: now - 89500, state: { stage: "received" }, attributes: preview.attributes.map((one) => ({ ...one, notes: [] })) }],
      issued: [card],
      uses: [...history].reverse().filter((one) => one.event !== "identity_created" && one.event !== "request_refused"),
      security: {
        sentences: [
          text("您提交的材料以密文保存在滨河市公安局的存储（https://police.riverside.example）和本机钱包中。", "What you gave is kept encrypted in the store of the bureau (https://police.riverside.example) and in this wallet."),
          text("能解密的只有您和滨河市公安局；账本上只有加盐的指纹，读不出任何内容。", "Only you and the bureau hold keys to it; the ledger has salted fingerprints, from which nothing can be read."),
        ],
        sealed: preview.attributes.map((one) => sealed(one, ...integrity)),
        endings: [
          ending("kill", "card-1", residentName, "您可自行作废，立即生效，不需要部门", "You can kill it yourself, at once, without the department"),
          ending("revoke", "card-1", residentName, "部门可撤销；请向部门提出", "The department can revoke it; ask the department"),
          ending("ask_site", "consent-1", site, "您可要求该网站删除所看到的信息", "You can ask the site to delete what it saw"),
        ],
      },
    },
  ],
});

// A code with its quiet zone, drawn as the wallet draws one.
const qr = (rows) => {
  const dark = (row, y) => [...row].flatMap((digit, at) => [8, 4, 2, 1].map((bit, of) => (parseInt(digit, 16) & bit ? `M${at * 4 + of + 4} ${y + 4}h1v1h-1z` : "")));
  return { side: rows.length + 8, path: rows.flatMap(dark).join("") };
};
const here = "ed25519:3wZb8kq7Yh6v5tT2mN9sX1cR4eF0gJ";
const devices = { devices: [{ key: here, name: "书房的电脑", this_device: true }, { key: "ed25519:9sX1cR4eF0gJ3wZb8kq7Yh6v5tT2mN", name: null, this_device: false }], as_of: asOf, seconds_ago: 7 };
const chinese = "的一是在不了有和人这中大为上个国我以要他时来用们".split("");
const english = "abandon ability able about above absent absorb abstract absurd abuse access accident account accuse achieve acid acoustic acquire across act action actor actress actual".split(" ");
/** The words of a wallet that is not there. */
export const secretWords = { zh: chinese, en: english };
const share = "shadow pistol academic always adequate wildlife fancy gross oasis cylinder mustang wrist rescue view short owner flip making coding armed expand costume flash texture carpet pleasure inherit venture dominant presence iris painting lecture";
const did = "did:yufu:riverside:zQmRkfqDnWvGUU8EPLhF4vmA3o2zZrFRdqJTSxyjqYwqUyA";
const guardian = (number) => ({
  number,
  of: 3,
  needed: 2,
  did,
  words: share,
  link: `yufu-guardian-card://card?did=${encodeURIComponent(did)}&words=${share.replaceAll(" ", "+")}`,
  sentence: text(
    "请妥善保管此卡，不要拍照或转发。3 张卡中任意 2 张可恢复对方的数字身份，单独一张没有用处。只有在当面确认是本人时才交出。",
    "Keep this card safe; do not photograph or forward it. Any 2 of 3 recover your friend's digital identity, one alone does nothing. Hand it over only to your friend in person.",
  ),
  qr: qr(codes.guardian),
});
const rehearsal = { at: now, did, as_of: asOf, backup: { made_at: now - 60, has: { credentials: 2, history: 41, receipts: 3 }, lacks: { credentials: 0, history: 1, receipts: 0 } } };
const prepared = { has_secret: true, words_at: now - 400, cards_at: null, backup_at: now - 300, rehearsed_at: now - 200, advice: [] };
export const unprepared = {
  has_secret: true,
  words_at: null,
  cards_at: null,
  backup_at: null,
  rehearsed_at: null,
  advice: [
    text("请抄写 24 个恢复词，或把恢复卡交给三位您信任的人。否则手机丢失后，身份将无法恢复。", "Write down the 24 words, or give cards to three people you trust. Without that the identity is lost with the phone."),
    text("请制作备份文件，以便记录、回执和凭证清单一同恢复。", "Make a backup file, so that history, receipts and the list of credentials come along."),
    text("请做一次恢复演练：用恢复词或恢复卡试一次，确认它们有效。不会改变任何内容。", "Rehearse the recovery: try your words or cards once, so that you know that they work. It changes nothing."),
  ],
};
const moved = (id, state, more = {}) => ({ id, attestation_type: resident, type_name: id === "moved-2" ? maritalName : residentName, issuer: card.issuer, issuer_name: id === "moved-2" ? affairs : bureau, state: { state, ...more } });
export const movedCards = [moved("moved-1", "renewable"), moved("moved-2", "ask_again"), moved("moved-3", "failed", { slug: "unreachable", side: "department", sentence: text("部门暂时无法连接。", "The department cannot be reached now.") })];
const welcome = `yufu-device://welcome?did=${did}`;
const deviceLink = "yufu-device://add?network=riverside&ledger=hVb0Kx3p7aQzT1mC9wY5uN8sD2fG4jL6rE0iO3kP7tA&key=ed25519%3A9sX1cR4eF0gJ3wZb8kq7Yh6v5tT2mN&made=1795226400&nonce=Yh6v5tT2mN9sX1cR4eF0gA";
const statement = (kind, zh, en, more = {}) => ({
  id: `statement-${kind}`,
  kind,
  at: now - 30,
  to: site,
  site,
  origin,
  consent: "consent-1",
  text: text(zh, en),
  references: ["m3Jx0m1bYc2Zk8w7Vt5uHn4LrP6sEfGaDiOyKlXzB9M"],
  receipt: "q3Jx0m1bYc2Zk8w7Vt5uHn4LrP6sEfGaDiOyKlXzB9M",
  state: "waiting",
  sending: text("无法连接到网站（tax.riverside.example）。请检查网络，稍后再试。声明已保存，可以再次发送。", "The website (tax.riverside.example) cannot be reached. Check the network and try again. The statement is kept: send it again."),
  ...more,
});
const withdrawal = statement("withdrawal", "我撤回向“滨河市税务服务网”出示信息的同意：姓、名、公民身份号码。", "I take back my consent to what I showed Riverside City Tax Services: Family name, Given name, Identity number.");
const report = statement("report", "我向主管部门举报“滨河市税务服务网”：要求的信息超出办理业务所需。", "I report Riverside City Tax Services to the department that answers for it: it asks for more than it needs.", { to: affairs, signed: "eyJhbGciOiJFZERTQSIsInR5cCI6Inl1ZnUtcmVwb3J0K2p3dCJ9.e30.sig", references: [] });

const identity = { did, device: here, as_of: asOf, recovering: false };
const status = { stage: "open", language: "zh", idle_seconds: 300, closes_in: 300, pin_characters: 6, binds: true, issued: 0 };

/** A failure, as a command ends with it. */
export const failure = (slug, zh, en, more = {}) => ({ failure: { slug, side: "you", sentence: text(zh, en), attempts_left: null, wait_seconds: null, ...more } });

/** Names as long as anybody could register, and one without a place to break it; a person of one language, an address of the other. */
const endless = "滨河市住房公积金管理与不动产登记及市民服务热线综合受理".repeat(8).slice(0, 200);
const longName = text(endless, "The Riverside City Joint Office for Housing, Registration and Citizens' Services ".repeat(3).slice(0, 200));
const unbroken = "x".repeat(64) + "-" + "Donaudampfschifffahrtsgesellschaft".repeat(3);
const longClaims = claims.map((one, at) => ({ ...one, value: at === 1 ? unbroken : one.value }));
export const long = {
  devices: { ...devices, devices: devices.devices.map((one, at) => ({ ...one, name: at ? unbroken.slice(0, 40) : endless.slice(0, 40) })) },
  card: { ...card, type_name: longName, issuer_name: longName, claims: longClaims, issuer: `https://${unbroken}.example` },
  consent: {
    ...consent,
    name: longName,
    sponsor: longName,
    origin: `https://${unbroken}.example`,
    purpose: longName,
    questions: [{ id: "identity", multiple: false, options: [option({ ...card, type_name: longName, issuer_name: longName, claims: longClaims })], chosen: ["card-1"] }],
  },
  departments: { url: "https://police.riverside.example/", name: longName, offerings: [{ attestation_type: resident, type_name: longName, needs: ["claims"] }], as_of: asOf },
};

/** What each command answers in an open wallet; a function gets the command's input. */
export const answers = {
  status,
  touch: status,
  progress: null,
  set_language: ({ language }) => ({ ...status, language }),
  unlock: status,
  create: status,
  lock: { ...status, stage: "locked" },
  change_pin: status,
  identity,
  create_identity: identity,
  devices,
  known_devices: devices,
  name_device: ({ key, name }) => ({ ...devices, devices: devices.devices.map((one) => (one.key === key ? { ...one, name: name || null } : one)) }),
  remove_device: { ...devices, devices: devices.devices.slice(0, 1) },
  ask_to_join: () => ({ link: deviceLink, code: "4821 0937", expires_at: Math.floor(Date.now() / 1000) + 600, qr: qr(codes.device) }),
  open_device_link: {
    key: devices.devices[1].key,
    expires_at: now + 600,
    sentence: text(
      "您将把另一台设备（密钥 ed25519:9sX1cR4eF0gJ3wZb8kq7Yh6v5tT2mN）加入您的数字身份。它能做本设备能做的一切，包括移除本设备。请确认新设备就在您手中。",
      "You are about to add another device (key ed25519:9sX1cR4eF0gJ3wZb8kq7Yh6v5tT2mN) to your identity. It can do all that this one can, removing this one included. Make sure that you hold the new device.",
    ),
  },
  add_device: { devices, welcome, qr: qr(codes.welcome) },
  join: identity,
  recovery_status: prepared,
  reveal_words: { words: english.join(" "), did, asked: [3, 11, 20] },
  confirm_words: {},
  reveal_cards: [1, 2, 3].map(guardian),
  read_card: ({ text: given }) => ({ number: given?.includes("second") ? 2 : 1, needed: 2, did }),
  backup: { name: "yufu-backup.yufu", contents: "eXVmdS1iYWNrdXA=" },
  rehearse_written: rehearsal,
  rehearse: rehearsal,
  rotate_recovery: unprepared,
  recover: { identity, restored: { did, made_at: now - 86400, credentials: 2, history: 41, receipts: 3 }, moved: movedCards },
  moved: [],
  rebind: movedCards.map((one) => ({ ...one, state: { state: "done" } })),
  kill_moved: movedCards.slice(1),
  forget_moved: movedCards.slice(1),
  authorize: ({ link }) => ({ id: "issuance-1", issuer: card.issuer, sign_in_at: "https://login.police.riverside.example", type_names: [residentName], url: "https://login.police.riverside.example/authorize?request_uri=x", expires_at: now + 600, link }),
  authorized: [card],
  renew: card,
  export_history: { format: "yufu-wallet-history/1", made_at: now, network: "riverside", ledger: "x", entries: [], receipts: [], statements: [] },
  agreed: ({ consent: id }) => (id === "consent-1" ? { consent: id, sentence: consent.sentence.zh, agreed_at: now - 301, hash: "m3Jx0m1bYc2Zk8w7Vt5uHn4LrP6sEfGaDiOyKlXzB9M" } : null),
  withdraw_consent: withdrawal,
  request_deletion: statement("deletion", "请删除我出示的信息：姓、名、公民身份号码。", "Please delete what I showed: Family name, Given name, Identity number."),
  report_site: report,
  send_statement: withdrawal,
  statements: [],
  departments: Object.keys(departments),
  department: ({ url }) => departments[url],
  declare: preview,
  confirm: requests[0],
  my_data: dataAs(unchecked),
  check_my_data: dataAs(confirmed),
  my_document: ({ cid }) => (cid === preview.attributes[1].cid ? { name: "portrait.png", media_type: "image/png", contents: PIXEL } : { name: "claims.json", media_type: "application/json", contents: "e30=" }),
  requests,
  ask_department: ({ id }) => requests.find((one) => one.id === id),
  opened_link: () => new Promise(() => {}),
  open_in_browser: {},
  read_text: ({ text }) => ({ kind: text.includes("signed-in") ? "signed_in" : text.includes("offer") ? "offer" : text.includes("device://add") ? "device" : text.includes("welcome") ? "welcome" : "request", link: text }),
  read_picture: failure("no-qr-code", "图片中没有找到可用的二维码。请让二维码清晰完整地显示在画面中。", "No usable QR code was found in the picture. Make sure that the whole code is sharp and visible."),
  review_offer: { issuer: card.issuer, credentials: [{ attestation_type: resident, type_name: residentName, department: bureau, expected: true }], needs_pin: true, pin: { numeric: true, length: 6, description: "短信发送" }, needs_sign_in: false },
  receive: failure("pin-or-offer", "领取码不正确，或链接已失效。", "The code is wrong, or the offer is void.", { side: "department" }),
  poll_issuances: [{ id: "p1", issuer: card.issuer, attestation_type: marital, type_name: maritalName, started_at: now - 50, stage: { stage: "waiting", not_before: now + 600 } }, { id: "p2", issuer: card.issuer, attestation_type: resident, type_name: residentName, started_at: now - 50, stage: { stage: "signing_in" } }],
  forget_issuance: {},
  credentials: [card, revoked],
  refresh_credentials: [card, revoked],
  kill: { ...card, usable: false, status: "broken_by_holder" },
  delete: {},
  open_request: ({ link }) => (link.includes("prizes") ? unverified : consent),
  select: consent,
  approve: { consent: "consent-1", redirect_uri: `${origin}/login/done`, receipt, warnings: [] },
  decline: { site_told: true, redirect_uri: null },
  unsent: [{ consent: "consent-9", name: site, origin, expires_at: now + 50 }],
  resend: { consent: "consent-9", redirect_uri: null, receipt, warnings: [] },
  history,
  receipts: [receipt, { ...receipt, consent: "consent-0", verdict: "not_on_ledger" }],
  verify_receipts: [receipt],
};
