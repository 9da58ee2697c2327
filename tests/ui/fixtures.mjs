// Answers of a wallet that is not there: what each screen shows, with the hard cases that a city seldom has.

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
  transactions: [text("向平台付款 12 元", "Pay 12 yuan to the platform")],
  other_device: null,
  match_codes: [],
  last_time: null,
  warnings: [text("对方没有提供加密密钥，您的信息在传输中仅由连接加密保护。", "The site gave no encryption key; on the way your data is protected by the connection alone.")],
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
  request("request-3", { stage: "attested", offer: "openid-credential-offer://?credential_offer_uri=https%3A%2F%2Fpolice.riverside.example" }),
];

const department = (name, url, attestation_type, type_name, needs) => ({ url, name, offerings: [{ attestation_type, type_name, needs }], as_of: asOf });
const departments = {
  "https://police.riverside.example/": department(bureau, "https://police.riverside.example/", resident, residentName, ["claims", "portrait"]),
  "https://affairs.riverside.example/": department(affairs, "https://affairs.riverside.example/", marital, maritalName, ["claims"]),
};

const preview = {
  id: "request-1",
  department: bureau,
  attestation_type: resident,
  type_name: residentName,
  attributes: [
    { kind: "claims", file: "claims.json", media_type: "application/json", bytes: 320, claims: Object.fromEntries(claims.map((one) => [one.name, one.value])), cid: "bafkreih5aznjvttude6c3wbvqeebb6rlx5wkbzyppv7garjiubll2ceym4", notes: [] },
    { kind: "portrait", file: "portrait", media_type: "image/jpeg", bytes: 81234, claims: {}, cid: "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy", notes: [text("照片中含有相机信息（可能包括拍摄时间和地点），部门也会看到。", "The picture carries data of the camera, perhaps time and place, which the department will see too.")] },
  ],
  sentence: text("确认后：2 份加密文件将上传到滨河市公安局的存储，其指纹将写入账本，只有滨河市公安局能解密。", "On confirmation: 2 encrypted file(s) go to the store of the bureau, their fingerprints go on the ledger, and only it can read them."),
  as_of: asOf,
};

const identity = { did: "did:yufu:riverside:zQmRkfqDnWvGUU8EPLhF4vmA3o2zZrFRdqJTSxyjqYwqUyA", device: "ed25519:3wZb8kq7Yh6v5tT2mN9sX1cR4eF0gJ", as_of: asOf };
const status = { stage: "open", language: "zh", idle_seconds: 300, pin_characters: 6, binds: true };

/** A failure, as a command ends with it. */
export const failure = (slug, zh, en, more = {}) => ({ failure: { slug, side: "you", sentence: text(zh, en), attempts_left: null, wait_seconds: null, ...more } });

/** What each command answers in an open wallet; a function gets the command's input. */
export const answers = {
  status,
  set_language: ({ language }) => ({ ...status, language }),
  unlock: status,
  create: status,
  lock: { ...status, stage: "locked" },
  change_pin: status,
  identity,
  create_identity: identity,
  devices: { devices: [{ key: identity.device, this_device: true }], as_of: asOf },
  departments: Object.keys(departments),
  department: ({ url }) => departments[url],
  declare: preview,
  confirm: requests[0],
  requests,
  ask_department: ({ id }) => requests.find((one) => one.id === id),
  read_text: ({ text }) => ({ kind: text.includes("offer") ? "offer" : "request", link: text }),
  read_picture: failure("no-qr-code", "图片中没有找到可用的二维码。请让二维码清晰完整地显示在画面中。", "No usable QR code was found in the picture. Make sure that the whole code is sharp and visible."),
  review_offer: { issuer: card.issuer, department: bureau, attestation_type: resident, type_name: residentName, needs_pin: true, pin: { numeric: true, length: 6, description: "短信发送" }, needs_sign_in: false, expected: true },
  receive: failure("pin-or-offer", "领取码不正确，或链接已失效。", "The code is wrong, or the offer is void.", { side: "department" }),
  poll_issuances: [{ id: "p1", issuer: card.issuer, attestation_type: marital, type_name: maritalName, started_at: now - 50, stage: { stage: "waiting", not_before: now + 600 } }],
  forget_issuance: {},
  credentials: [card, revoked],
  refresh_credentials: [card, revoked],
  kill: { ...card, usable: false, status: "broken_by_holder" },
  delete: {},
  open_request: ({ link }) => (link.includes("prizes") ? unverified : consent),
  select: consent,
  approve: { consent: "consent-1", redirect_uri: `${origin}/login/done`, receipt, warnings: [] },
  decline: true,
  unsent: [{ consent: "consent-9", name: site, origin, expires_at: now + 50 }],
  resend: { consent: "consent-9", redirect_uri: null, receipt, warnings: [] },
  history,
  receipts: [receipt, { ...receipt, consent: "consent-0", verdict: "not_on_ledger" }],
  verify_receipts: [receipt],
};
