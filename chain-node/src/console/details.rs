//! One thing: a block, a transaction, a record with its history.

use super::{
    Console, Reader,
    pages::{Fact, RecordPage, Row},
    show,
    words::{Moment, Tongue, size},
};
use crate::{history, kinds, rpc};
use axum::{
    extract::{Path, Query, RawQuery, State},
    response::Response,
};
use data_encoding::BASE64URL_NOPAD;
use ledger::{
    block::Header,
    canonical,
    limits::{MAX_HEADER_BYTES, MAX_TRANSACTION_BYTES},
    receipt::Outcome,
    transaction::{Sender, Transaction, TransactionId},
};
use serde::Deserialize;

fn hash(text: &str) -> Option<[u8; 32]> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok()
}

fn text(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

pub(super) async fn block(
    State(console): State<Console>,
    reader: Reader,
    Path(height): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let node = &console.node;
    let tip = node.head.tip().borrow().height;
    let found = match height.parse::<u64>() {
        Ok(height) if height <= tip => node.reads.block(height).await,
        _ => None,
    };
    let Some(block) = found else {
        return console.missing(
            &reader,
            "本节点没有这个高度的区块：它还没有最终确认，或已被清理。",
            "This node has no block of this height: it is not final yet, or it was pruned.",
        );
    };
    let header = block.inner().header();
    let frame = console.frame(&reader, "blocks", &format!("/console/blocks/{}", header.height));
    let l = frame.l;
    let certificate = node.reads.certificate(header).await;
    let finality = match &certificate {
        Some(certificate) => {
            format!("{} · {}", l.t("自有证书", "by its own certificate"), size(u64::try_from(certificate.len()).unwrap_or(0)))
        }
        None => l.t("由后续区块的证书确认", "by the certificate of a later block").to_owned(),
    };
    let context = &header.context;
    let parent = header.height.checked_sub(1).map(|parent| format!("/console/blocks/{parent}"));
    let parent_fact = Fact::code(l.t("前一区块", "Parent"), text(&header.parent));
    let facts = vec![
        Fact::text(l.t("时间", "Time"), Moment::new(header.timestamp_ms).shown),
        Fact::text(l.t("主持节点", "Leader"), node.validator_name(&context.leader)),
        Fact::text(l.t("纪元与轮次", "Epoch and view"), format!("{} / {}", context.epoch, context.view)),
        Fact::text(l.t("最终确认", "Final"), finality),
        Fact::code(l.t("摘要", "Digest"), text(&header.digest())),
        parent.map_or_else(|| Fact::text(l.t("前一区块", "Parent"), "—"), |link| parent_fact.link(link)),
        Fact::code(l.t("交易根", "Transactions root"), text(&header.transactions_root)),
        Fact::code(l.t("状态根", "State root"), text(&header.state_root)),
    ];
    let rows = block.inner().transactions().iter().zip(block.inner().transaction_ids()).map(|(transaction, id)| Row {
        head: l.kind(kinds::name(&transaction.unsigned.body)).to_owned(),
        value: text(id),
        link: Some(format!("/console/transactions/{}", text(id))),
        note: sender(&transaction.unsigned.sender, l),
    });
    let template = RecordPage {
        title: format!("{} {}", l.t("区块", "Block"), header.height),
        note: None,
        facts,
        rows_title: l.t("交易", "Transactions"),
        rows: rows.collect(),
        next: None,
        api: Some(format!("GET /v1/blocks/{}", header.height)),
        frame,
    };
    show(&reader, query.as_deref(), &template)
}

/// Who sent it: departments and websites by name, citizens not at all.
fn sender(sender: &Sender, l: Tongue) -> String {
    match sender {
        Sender::Key(_) => l.t("由一次性密钥签名", "signed by a key of its own").to_owned(),
        Sender::Device { .. } => l.t("由身份的设备签名", "signed by an identity's device").to_owned(),
        Sender::Authority { authority, .. } => format!("{} {authority}", l.t("机构", "authority")),
        Sender::Party { party, .. } => format!("{} {party}", l.t("网站", "website")),
    }
}

pub(super) async fn transaction(
    State(console): State<Console>,
    reader: Reader,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let found = match hash(&id) {
        Some(id) => rpc::transaction(&console.node, &TransactionId(id)).await,
        None => None,
    };
    let decode = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).unwrap_or_default();
    let parts = found.and_then(|found| {
        let transaction: Transaction = canonical::decode(&decode(&found.transaction), MAX_TRANSACTION_BYTES).ok()?;
        let header: Header = canonical::decode(&decode(&found.header), MAX_HEADER_BYTES).ok()?;
        Some((found, transaction, header))
    });
    let Some((found, transaction, header)) = parts else {
        return console.missing(&reader, "本节点没有包含这笔交易的区块。", "This node has no final block with this transaction.");
    };
    let frame = console.frame(&reader, "blocks", &format!("/console/transactions/{id}"));
    let l = frame.l;
    let outcome = match found.receipt.outcome {
        Outcome::Applied => l.t("已生效", "applied").to_owned(),
        Outcome::Refused(refusal) => format!("{}{refusal}", l.t("被拒绝：", "refused: ")),
    };
    let facts = vec![
        Fact::text(l.t("种类", "Kind"), l.kind(&found.kind)),
        Fact::text(l.t("结果", "Outcome"), outcome),
        Fact::text(l.t("区块", "Block"), header.height).link(format!("/console/blocks/{}", header.height)),
        Fact::text(l.t("区块内次序", "Place in the block"), found.receipt.index + 1),
        Fact::text(l.t("时间", "Time"), Moment::new(header.timestamp_ms).shown),
        Fact::text(l.t("发送者", "Sender"), sender(&transaction.unsigned.sender, l)),
        Fact::text(l.t("到期高度", "Expires at height"), transaction.unsigned.expiry_height),
        Fact::code(l.t("编号", "Id"), &id),
    ];
    let rows = chain_state::touched(&transaction).into_iter().map(|key| Row {
        head: l.t("状态键", "State key").to_owned(),
        value: text(&key),
        link: Some(format!("/console/records/{}", text(&key))),
        note: String::new(),
    });
    let template = RecordPage {
        title: l.t("交易", "Transaction").to_owned(),
        note: None,
        facts,
        rows_title: l.t("涉及的记录", "Records that it touches"),
        rows: rows.collect(),
        next: None,
        api: Some(format!("GET /v1/transactions/{id}")),
        frame,
    };
    show(&reader, query.as_deref(), &template)
}

#[derive(Deserialize)]
pub(super) struct Before {
    before: Option<u32>,
}

pub(super) async fn record(
    State(console): State<Console>,
    reader: Reader,
    Path(key): Path<String>,
    Query(Before { before }): Query<Before>,
    RawQuery(query): RawQuery,
) -> Response {
    let found = match hash(&key) {
        Some(key) => history::history(&console.node, &key, before, 20).await.ok().flatten(),
        None => None,
    };
    let Some(history) = found else {
        return console.missing(&reader, "账本上没有这个状态键的记录。", "The ledger has no record under this state key.");
    };
    let frame = console.frame(&reader, "", &format!("/console/records/{key}"));
    let l = frame.l;
    let created = history.versions.first().map_or(0, |version| version.created_height);
    let mut facts = vec![
        Fact::text(l.t("最新版本", "Newest version"), history.latest_version),
        Fact::text(l.t("创建于高度", "Created at height"), created).link(format!("/console/blocks/{created}")),
        Fact::code(l.t("状态键", "State key"), &key),
    ];
    if history.pruned {
        let asked = l.t("不在本节点，请向归档节点查询", "not on this node: ask an archive node");
        facts.push(Fact::text(l.t("更早的版本", "Older versions"), asked));
    }
    let rows = history.versions.iter().map(|version| {
        let time = version.updated_at_ms.map_or(String::new(), |time| Moment::new(time).shown);
        let bytes = version.body.as_ref().map_or(0, |body| body.len() * 3 / 4);
        let by: Vec<String> = version.transactions.iter().map(|id| text(&id.0)).collect();
        Row {
            head: format!(
                "{} {} · {} {}",
                l.t("版本", "Version"),
                version.version,
                l.t("高度", "height"),
                version.updated_height
            ),
            value: if by.is_empty() {
                l.t("创世文件或已清理的区块", "the genesis, or a block that was pruned").to_owned()
            } else {
                by.join(" ")
            },
            link: by.first().filter(|_| by.len() == 1).map(|id| format!("/console/transactions/{id}")),
            note: format!("{time} · {} {} · {bytes} B", l.t("状态", "status"), version.status),
        }
    });
    let template = RecordPage {
        title: l.t("记录与历史", "Record and history").to_owned(),
        note: Some(
            l.t(
                "账本只存承诺、编号与公钥，内容不在账本上。",
                "The ledger holds commitments, ids and public keys; the content is not on it.",
            )
            .to_owned(),
        ),
        facts,
        rows_title: l.t("版本", "Versions"),
        rows: rows.collect(),
        next: history.next.map(|next| format!("/console/records/{key}?before={next}")),
        api: Some(format!("GET /v1/history/{key} · GET /v1/state/{key}")),
        frame,
    };
    show(&reader, query.as_deref(), &template)
}
