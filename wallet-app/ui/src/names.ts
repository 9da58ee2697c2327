// Words for what the core names by a word of its own: closed sets, so a new one does not compile until it has words here.

import type { AttestationStatus, Event, Localized, MovedState, RequestStage, StatementKind, Verdict } from "./commands.gen";

const both = (zh: string, en: string): Localized => ({ zh, en });

export const events: Record<Event, Localized> = {
  identity_created: both("数字身份已创建", "Identity created"),
  declared: both("属性已准备（尚未离开设备）", "Attributes prepared (still on this device)"),
  anchored: both("属性指纹已上链", "Fingerprints anchored on the ledger"),
  attestation_requested: both("已向部门申请认证", "Attestation asked for"),
  attested: both("部门已认证", "Attested by the department"),
  attestation_refused: both("部门拒绝认证", "Refused by the department"),
  credential_received: both("凭证已接收", "Card received"),
  credential_renewed: both("凭证副本已更新", "Card renewed"),
  issuance_deferred: both("部门将稍后签发", "Promised for later"),
  issuance_ended: both("部门未签发凭证", "Not issued by the department"),
  credential_rejected: both("凭证未被接受", "Card not accepted"),
  request_refused: both("钱包拒绝了请求", "Request refused by the wallet"),
  consented: both("您已同意", "You agreed"),
  released: both("信息已提供", "Shown to the site"),
  not_taken: both("对方未接收", "Not taken by the site"),
  declined: both("您已拒绝", "You declined"),
  credential_killed: both("凭证已由您作废", "Card killed by you"),
  credential_deleted: both("凭证已从钱包删除", "Card removed from the wallet"),
  requested: both("网站请求信息", "A site asked for data"),
  issuance_failed: both("暂未领取凭证", "Card not received"),
  not_delivered: both("暂未送达网站", "Not delivered to the site"),
  device_added: both("已添加设备", "Device added"),
  device_removed: both("已移除设备", "Device removed"),
  joined_identity: both("此设备已加入数字身份", "This device joined the identity"),
  backup_made: both("已制作备份", "Backup made"),
  guardian_cards_made: both("已制作恢复卡", "Guardians’ cards made"),
  recovery_rehearsed: both("已演练恢复", "Recovery rehearsed"),
  identity_recovered: both("身份已恢复到此设备，其他设备已失效", "Identity recovered here; other devices are dead"),
  recovery_rotated: both("恢复密钥已更换", "Recovery secret replaced"),
  old_copies_killed: both("另一设备上的凭证副本已作废", "Another device’s copies killed"),
  consent_withdrawn: both("您已撤回同意", "You withdrew your consent"),
  deletion_requested: both("您要求网站删除信息", "You asked for deletion"),
  site_reported: both("您举报了网站", "You reported a site"),
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
  broken_by_holder: both("已由您作废", "Killed by you"),
};

export const stages: Record<RequestStage["stage"], Localized> = {
  prepared: both("已准备，尚未确认", "Prepared, not confirmed"),
  confirmed: both("已确认，处理中", "Confirmed, under way"),
  pending: both("等待部门审核", "The department is looking at it"),
  attested: both("已认证，可以领取", "Attested: ready to receive"),
  refused: both("部门已拒绝", "Refused by the department"),
  received: both("凭证已领取", "Received"),
};

export const movedStates: Record<MovedState["state"], Localized> = {
  renewable: both("可以重新领取", "Can be received anew"),
  ask_again: both("请向部门重新申请", "Ask the department again"),
  old_copies_left: both("已重新领取，旧副本待作废", "Received anew; the old copies are still to be killed"),
  done: both("已重新领取，旧副本已作废", "Received anew; the old copies are dead"),
  failed: both("暂时没有领到", "Not received just now"),
};

export const statementKinds: Record<StatementKind, Localized> = {
  withdrawal: both("撤回同意", "Withdrawal"),
  deletion: both("要求删除", "Request for deletion"),
  report: both("举报", "Report"),
};

/** Claims that a person types in, and how. What is not here is typed as plain text under its own name. */
export type Field = { name: string; label: Localized; kind: "text" | "date" | "long"; options?: Localized[] };

const fields: Record<string, Omit<Field, "name">> = {
  family_name: { label: both("姓", "Family name"), kind: "text" },
  given_name: { label: both("名", "Given name"), kind: "text" },
  id_number: { label: both("公民身份号码", "Identity number"), kind: "text" },
  birth_date: { label: both("出生日期", "Date of birth"), kind: "date" },
  gender: { label: both("性别", "Gender"), kind: "text" },
  address: { label: both("住址", "Address"), kind: "long" },
  marital_status: { label: both("婚姻状况", "Marital status"), kind: "text" },
  since: { label: both("自何时起", "Since"), kind: "date" },
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
