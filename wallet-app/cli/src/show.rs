//! The wallet's views as lines for a person.

use wallet_core::labels::{self, moment};
use wallet_core::{
    AuthorizationView, ConsentView, CredentialView, DeclarePreview, HistoryEntry, Language, OfferView, Outcome, PendingIssuance,
    PendingStage, QueryView, ReceiptView, RequestStage, RequestView,
};

use crate::print::Printer;

/// What would be declared.
pub(crate) fn preview(preview: &DeclarePreview, printer: &Printer) -> Vec<String> {
    let mut lines = vec![
        format!("{}{}", printer.say("部门：", "Department: "), printer.of(&preview.department)),
        format!("{}{}", printer.say("申请：", "To attest: "), printer.of(&preview.type_name)),
    ];
    for attribute in &preview.attributes {
        lines.push(format!("  {}  ({}, {} B)", attribute.file, attribute.media_type, attribute.bytes));
        for (name, value) in &attribute.claims {
            let value = value.as_str().unwrap_or_default();
            lines.push(format!("    {}: {}", printer.of(&labels::claim(name)), labels::printable(value, 200)));
        }
        lines.push(format!("    CID {}", attribute.cid));
        lines.extend(attribute.notes.iter().map(|note| format!("    ! {}", printer.of(note))));
    }
    lines.push(printer.of(&preview.sentence).to_owned());
    lines
}

/// A request for attestation.
pub(crate) fn request(request: &RequestView, printer: &Printer) -> Vec<String> {
    let stage = match &request.stage {
        RequestStage::Prepared => printer.say("已准备，尚未确认", "prepared, not confirmed").to_owned(),
        RequestStage::Confirmed => printer.say("已确认，处理中", "confirmed, under way").to_owned(),
        RequestStage::Pending => printer.say("等待部门审核", "waiting for the department").to_owned(),
        RequestStage::Attested { .. } => {
            printer.say("已认证，可用 PIN 领取凭证", "attested; receive the credential with the PIN").to_owned()
        }
        RequestStage::Refused { reason } => format!("{}{reason}", printer.say("已拒绝：", "refused: ")),
        RequestStage::Received => printer.say("凭证已领取", "credential received").to_owned(),
    };
    let mut lines =
        vec![format!("{}  {}  {}  {stage}", request.id, printer.of(&request.type_name), printer.of(&request.department))];
    if let Some(height) = request.anchored_height {
        lines.push(match printer.language {
            Language::Zh => format!("    指纹已上链：第 {height} 个区块"),
            Language::En => format!("    fingerprints anchored in block {height}"),
        });
    }
    if let RequestStage::Attested { offer } = &request.stage {
        lines.push(format!("    {offer}"));
    }
    lines
}

/// An offer.
pub(crate) fn offer(offer: &OfferView, printer: &Printer) -> Vec<String> {
    let mut lines = Vec::new();
    for credential in &offer.credentials {
        let issuer = credential.department.as_ref().map_or(offer.issuer.as_str(), |name| printer.of(name));
        lines.push(format!("{}{}  ({issuer})", printer.say("可领取：", "Offered: "), printer.of(&credential.type_name)));
        if !credential.expected {
            let warning = printer.say(
                "  ! 您的钱包没有申请过这个凭证。请确认链接来自您信任的部门。",
                "  ! This wallet did not ask for it. Make sure that the link comes from a department you trust.",
            );
            lines.push(warning.to_owned());
        }
    }
    lines
}

/// A credential.
pub(crate) fn credential(credential: &CredentialView, printer: &Printer) -> Vec<String> {
    let state = if credential.usable { printer.say("有效", "in force") } else { printer.say("不可用", "not usable") };
    let mut lines = vec![format!(
        "{}  {}  {}  {state}, {}{}",
        credential.id,
        printer.of(&credential.type_name),
        printer.of(&credential.issuer_name),
        printer.say("有效期至 ", "until "),
        moment(credential.valid_until)
    )];
    for claim in &credential.claims {
        lines.push(format!("    {}: {}", printer.of(&claim.label), labels::printable(&claim.value, 200)));
    }
    let (left, all) = (credential.copies_left, credential.copies);
    lines.push(match printer.language {
        Language::Zh => format!("    未使用的一次性副本：{left}/{all}"),
        Language::En => format!("    unused single-use copies: {left} of {all}"),
    });
    let status = labels::status(credential.status);
    let status = format!("    {}{}", printer.say("账本状态：", "status on the ledger: "), printer.of(&status));
    lines.push(credential.freshness.iter().fold(status, |line, freshness| format!("{line}  ({})", printer.of(freshness))));
    lines
}

/// The consent screen.
pub(crate) fn consent(view: &ConsentView, printer: &Printer) -> Vec<String> {
    let mut lines = vec![String::new()];
    lines.extend(view.unverified.iter().map(|warning| format!("!!! {} !!!", printer.of(warning))));
    lines.extend([
        format!("{}{}", printer.say("请求方：", "Who asks:  "), printer.of(&view.name)),
        format!("{}{}", printer.say("网址：　", "Address:   "), view.origin),
        format!("{}{}", printer.say("主管：　", "Sponsor:   "), printer.of(&view.sponsor)),
        format!("{}{}", printer.say("用途：　", "Purpose:   "), printer.of(&view.purpose)),
        match (printer.language, view.retention_days) {
            (Language::Zh, Some(days)) => format!("保存：　最多 {days} 天"),
            (Language::En, Some(days)) => format!("Kept for:  at most {days} days"),
            (Language::Zh, None) => "保存：　对方未说明".to_owned(),
            (Language::En, None) => "Kept for:  nobody says".to_owned(),
        },
        format!("({})", printer.of(&view.freshness)),
        String::new(),
        printer.say("将出示：", "Would be shown:").to_owned(),
    ]);
    for claim in &view.claims {
        lines.push(format!("    {}: {}  ({})", printer.of(&claim.label), claim.value, printer.of(&claim.type_name)));
    }
    lines.extend(view.questions.iter().flat_map(|question| choices(question, printer)));
    lines.push(String::new());
    lines.extend(view.last_time.iter().map(|last| printer.of(&last.sentence).to_owned()));
    lines.extend(view.warnings.iter().map(|warning| format!("! {}", printer.of(warning))));
    lines.extend(view.other_device.iter().map(|note| format!("! {}", printer.of(note))));
    if !view.match_codes.is_empty() {
        lines.push(format!("{}{}", printer.say("核对码：", "Match codes: "), view.match_codes.join("  ")));
    }
    lines.push(String::new());
    lines.push(printer.of(&view.sentence).to_owned());
    lines
}

/// What could be shown instead for one part of a request, where there is a choice.
fn choices(question: &QueryView, printer: &Printer) -> Vec<String> {
    if question.options.len() < 2 {
        return Vec::new();
    }
    let mut lines = vec![format!("{} {}:", printer.say("可选凭证", "Credentials to choose from for"), question.id)];
    for option in &question.options {
        let mark = if question.chosen.contains(&option.credential) { "*" } else { " " };
        let (kind, issuer) = (printer.of(&option.type_name), printer.of(&option.issuer_name));
        lines.push(format!("  {mark} {}  {kind}  {issuer}", option.credential));
    }
    lines
}

/// An issuance that is not done.
pub(crate) fn pending(pending: &PendingIssuance, printer: &Printer) -> Vec<String> {
    let stage = match &pending.stage {
        PendingStage::SigningIn => printer.say("等待您在部门网页登录", "waiting for you to sign in").to_owned(),
        PendingStage::Interrupted => printer.say("已中断，请用同一链接继续", "interrupted; the same link goes on").to_owned(),
        PendingStage::Waiting { not_before } => {
            format!(
                "{}{}",
                printer.say("部门稍后签发，再次询问：", "the department takes longer; asked again at "),
                moment(*not_before)
            )
        }
        PendingStage::Received(_) => printer.say("已领取", "received").to_owned(),
        PendingStage::Ended(why) | PendingStage::Unheard(why) => printer.of(&why.sentence).to_owned(),
    };
    let kind = pending.type_name.as_ref().map_or("", |name| printer.of(name));
    let mut lines = vec![format!("{}  {kind}  {}  {stage}", pending.id, pending.issuer)];
    if let PendingStage::Received(view) = &pending.stage {
        lines.extend(credential(view, printer));
    }
    lines
}

/// Where to sign in.
pub(crate) fn sign_in(request: &AuthorizationView, printer: &Printer) -> Vec<String> {
    let names: Vec<&str> = request.type_names.iter().map(|name| printer.of(name)).collect();
    vec![
        format!("{}{}", printer.say("将领取：", "To receive: "), names.join(printer.say("、", ", "))),
        format!("{}{}", printer.say("请在浏览器中登录：", "Sign in with a browser at "), request.sign_in_at),
        request.url.to_string(),
        printer
            .say(
                "登录后，把浏览器跳转到的完整地址交给 `yufu-wallet signed-in`。",
                "Then give the whole address that the browser comes back to to `yufu-wallet signed-in`.",
            )
            .to_owned(),
    ]
}

/// What became of an approved request.
pub(crate) fn outcome(outcome: &Outcome, printer: &Printer) -> Vec<String> {
    let mut lines = vec![printer.say("已提供，网站已接收。", "Released, and the site took it.").to_owned()];
    lines.extend(outcome.receipt.iter().flat_map(|one| receipt(one, printer)));
    lines.extend(outcome.warnings.iter().map(|warning| format!("! {}", printer.of(warning))));
    if let Some(uri) = &outcome.redirect_uri {
        lines.push(format!("{}{uri}", printer.say("在浏览器中继续：", "Go on in the browser: ")));
    }
    lines
}

/// A receipt.
pub(crate) fn receipt(receipt: &ReceiptView, printer: &Printer) -> Vec<String> {
    let claims: Vec<String> = receipt.claims.iter().map(|claim| printer.of(&labels::claim(claim)).to_owned()).collect();
    let as_of = receipt.freshness.as_ref().map_or_else(String::new, |freshness| format!("  ({})", printer.of(freshness)));
    vec![
        format!("{}  {}  {}", moment(receipt.at), printer.of(&receipt.name), claims.join(printer.say("、", ", "))),
        format!("    {}{} — {}{as_of}", printer.say("回执 ", "receipt "), receipt.receipt, printer.of(&receipt.verdict.name())),
    ]
}

/// An entry of the history.
pub(crate) fn entry(entry: &HistoryEntry, printer: &Printer) -> String {
    let mut parts = vec![moment(entry.at), printer.of(&entry.event.name()).to_owned()];
    parts.extend(entry.other_side.iter().map(|name| printer.of(name).to_owned()));
    parts.extend(entry.origin.clone());
    parts.extend(entry.attestation_type.iter().map(|vct| printer.of(&labels::attestation_type(vct)).to_owned()));
    if !entry.claims.is_empty() {
        let claims: Vec<String> = entry.claims.iter().map(|claim| printer.of(&labels::claim(claim)).to_owned()).collect();
        parts.push(claims.join(printer.say("、", ", ")));
    }
    parts.extend(entry.reason.iter().map(|reason| format!("[{reason}]")));
    parts.join("  ")
}
