// Words for what the core names by a word of its own: closed sets, so a new one does not compile until it has words here.

import type { AttestationStatus, Event, LinkKind, Localized, MovedState, RequestStage, StatementKind, Verdict } from "./commands.gen";
import { words } from "./words.ts";

const both = (zh: string, en: string): Localized => ({ zh, en });

export const events: Record<Event, Localized> = {
  identity_created: both("数字身份已创建", "Identity created"),
  declared: both("申请已准备（尚未离开设备）", "Request prepared (still on this device)"),
  anchored: both("属性指纹已登记到账本", "Fingerprints registered on the ledger"),
  attestation_requested: both("已向部门提交申请", "Sent to the department"),
  attested: both("部门已审核通过", "Approved by the department"),
  attestation_refused: both("部门未予通过", "Refused by the department"),
  credential_received: both("凭证已领取", "Card received"),
  credential_renewed: both("凭证副本已更新", "Card renewed"),
  issuance_deferred: both("部门将稍后签发", "Promised for later"),
  issuance_ended: both("部门未签发凭证", "Not issued by the department"),
  credential_rejected: both("凭证未被接受", "Card not accepted"),
  request_failed: both("请求未能打开", "Request could not be opened"),
  request_refused: both("钱包拒绝了请求", "Request refused by the wallet"),
  consented: both("您已同意", "You agreed"),
  released: both("信息已出示", "Shown to the site"),
  not_taken: both("网站未接受", "Not taken by the site"),
  declined: both("您已拒绝", "You declined"),
  credential_killed: both("凭证已由您永久作废", "Card revoked by you"),
  credential_deleted: both("凭证已从钱包删除", "Card removed from the wallet"),
  requested: both("网站请求信息", "A site asked for data"),
  issuance_failed: both("凭证暂未领取成功", "Card not received"),
  not_delivered: both("暂未送达网站", "Not delivered to the site"),
  device_added: both("已添加设备", "Device added"),
  device_removed: both("已移除设备", "Device removed"),
  joined_identity: both("这台设备已加入数字身份", "This device joined the identity"),
  backup_made: both("已制作备份", "Backup made"),
  guardian_cards_made: both("已制作恢复卡", "Guardians' cards made"),
  recovery_rehearsed: both("已演练恢复", "Recovery rehearsed"),
  identity_recovered: both("身份已恢复到这台设备，其他设备已失效", "Identity restored here; other devices stopped working"),
  recovery_rotated: both("恢复密钥已更换", "Recovery key replaced"),
  old_copies_killed: both("另一台设备上的凭证副本已作废", "Another device's copies revoked"),
  consent_withdrawn: both("您已撤回同意", "You withdrew your consent"),
  deletion_requested: both("您已要求网站删除信息", "You asked for deletion"),
  site_reported: both("您已举报网站", "You reported a site"),
  statement_acknowledged: both("对方已确认", "Acknowledged"),
  statement_not_delivered: both("声明暂未送达", "Statement not delivered"),
  statement_refused: both("对方未接受声明", "Statement not accepted"),
};

export const verdicts: Record<Verdict, Localized> = {
  verified: both("已在账本核实", "Verified on the ledger"),
  about_something_else: both("回执与您出示的内容不符", "Not about what you showed"),
  not_on_ledger: both("账本上没有这份回执", "Not on the ledger"),
  unchecked: both("暂时无法核实", "Could not be checked now"),
};

export const statuses: Record<AttestationStatus, Localized> = {
  active: both("有效", "In force"),
  suspended: both("已暂停", "Suspended"),
  revoked: both("已撤销", "Revoked"),
  superseded: both("已被新凭证取代", "Replaced by a newer one"),
  broken_by_holder: both("已由您永久作废", "Revoked by you"),
};

export const stages: Record<RequestStage["stage"], Localized> = {
  prepared: both("已准备，尚未确认", "Prepared, not confirmed"),
  confirmed: both("已确认，处理中", "Confirmed, under way"),
  pending: both("等待部门审核", "The department is looking at it"),
  attested: both("已通过，可以领取", "Approved: ready to receive"),
  refused: both("部门未予通过", "Refused by the department"),
  received: both("凭证已领取", "Received"),
};

export const movedStates: Record<MovedState["state"], Localized> = {
  renewable: both("可以重新领取", "Can be received anew"),
  ask_again: both("请向部门重新申请", "Ask the department again"),
  old_copies_left: both("已重新领取，旧副本待作废", "Received anew; the old copies are still to be revoked"),
  done: both("已重新领取，旧副本已作废", "Received anew; the old copies are revoked"),
  failed: both("暂未领取成功", "Not received just now"),
};

export const statementKinds: Record<StatementKind, Localized> = {
  withdrawal: both("撤回同意", "Withdrawal"),
  deletion: both("要求删除", "Request for deletion"),
  report: both("举报", "Report"),
};

/** What a link is for. */
export const linkKinds: Record<LinkKind, Localized> = {
  request: both("请您出示信息", "A request to show something"),
  offer: both("领取凭证", "An offer of a card"),
  device: both("添加设备", "A device that wants to be added"),
  welcome: both("第一台设备的回复", "The answer of your first device"),
  signed_in: both("部门登录的回复", "The answer of a department where you signed in"),
  card: both("恢复卡", "A guardian's card"),
};

/** Why something was refused or failed, by the core's slug. What is not here is told as another reason, and its slug among the details. */
const reasons: Record<string, Localized> = {
  "over-asking": both("要求的信息超出其登记范围", "it asked for more than it is registered for"),
  "no-credential": both("钱包里没有所需的凭证", "this wallet has no card that answers it"),
  "party-unregistered": both("请求方未在账本登记", "who asked is not on the ledger"),
  "party-differs": both("请求方与登记不符", "who asked is not who the ledger says"),
  "party-suspended": both("请求方已被暂停", "who asked is suspended"),
  "purpose-unregistered": both("用途未登记", "its purpose is not registered"),
  "response-address-foreign": both("接收地址不属于请求方", "the answer would have gone elsewhere"),
  "request-expired": both("请求已过期", "the request had ended"),
  "request-gone": both("请求已使用或已失效", "the request was used before, or is void"),
  "request-not-fetched": both("无法取得请求内容", "the request could not be fetched"),
  "request-signature": both("请求的签名无效", "its signature is not valid"),
  "request-certificate": both("请求的证书不受信任", "its certificate is not trusted"),
  "request-client-id": both("请求方与其证书不符", "it is not whom its certificate names"),
  "request-malformed": both("请求内容不合规范", "it was not as a request must be"),
  "request-query": both("请求内容无法识别", "what it asked for cannot be understood"),
  "request-time": both("请求的时间不合规", "its time is not acceptable"),
  "request-transaction": both("待同意事项无法完整显示", "it wanted your consent to what cannot be shown"),
  "request-encryption-key": both("请求缺少可用的加密密钥", "it has no key to encrypt for"),
  "response-not-taken": both("网站拒收", "the site refused it"),
  "response-not-delivered": both("网站无法连接", "the site could not be reached"),
  "response-unclear": both("网站没有确认是否收到", "the site has not said whether it got it"),
  "credential-not-in-force": both("凭证当时无效", "the card was not in force"),
  "credential-denied": both("部门不予签发", "the department does not issue it"),
  "credential-does-not-verify": both("凭证签名无效", "the card's signature is not valid"),
  "credential-of-another-issuer": both("凭证由其他机构签发", "another issuer signed it"),
  "credential-claim-differs": both("凭证内容与申请不一致", "it says something else than you asked for"),
  "credential-not-valid-now": both("凭证不在有效期内", "it is not valid now"),
  "issuer-not-accredited": both("签发方无权签发此类凭证", "its issuer is not accredited for this"),
  "issuer-unknown": both("签发方未在账本登记", "its issuer is not on the ledger"),
  "attestation-missing": both("账本上没有这张凭证的登记", "the ledger does not have it"),
};

/** A reason in words, where it has any. */
export function reason(slug: string): Localized {
  return Object.hasOwn(reasons, slug) ? (reasons[slug] ?? words.otherReason) : words.otherReason;
}

/** Claims that a person fills in, and how. What is not here is typed as plain text under its own name. */
export type Field = {
  name: string;
  label: Localized;
  kind: "text" | "date" | "long" | "choice";
  /** For a choice: what registers hold is Chinese, whatever language it is chosen in. */
  options?: Localized[];
};

const fields: Record<string, Omit<Field, "name">> = {
  family_name: { label: both("姓", "Family name"), kind: "text" },
  given_name: { label: both("名", "Given name"), kind: "text" },
  id_number: { label: both("公民身份号码", "Identity number"), kind: "text" },
  birth_date: { label: both("出生日期", "Date of birth"), kind: "date" },
  gender: { label: both("性别", "Gender"), kind: "choice", options: [both("女", "Female"), both("男", "Male")] },
  address: { label: both("住址", "Address"), kind: "long" },
  marital_status: {
    label: both("婚姻状况", "Marital status"),
    kind: "choice",
    options: [both("未婚", "Single"), both("已婚", "Married"), both("离异", "Divorced"), both("丧偶", "Widowed")],
  },
  since: { label: both("自何时起", "Since"), kind: "date" },
  verified_by: { label: both("核验方式", "Verified by"), kind: "text" },
  portrait_sha256: { label: both("照片指纹", "Fingerprint of the portrait"), kind: "text" },
};

const documents: Record<string, string[]> = {
  "urn:yufu:vct:resident-identity:1": ["family_name", "given_name", "id_number", "birth_date", "gender", "address"],
  "urn:yufu:vct:marital-status:1": ["family_name", "given_name", "marital_status", "since"],
};

/** What a person fills in for a type of credential. */
export function form(attestationType: string): Field[] {
  const names = documents[attestationType] ?? ["family_name", "given_name"];
  return names.map((name) => ({ name, ...(fields[name] ?? { label: both(name, name), kind: "text" as const }) }));
}

/** The label of a claim; one that nobody has words for keeps its own name. */
export function claim(name: string): Localized {
  return fields[name]?.label ?? both(name, name);
}
