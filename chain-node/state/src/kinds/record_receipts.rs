//! RecordReceipts: commitments to consent and access receipts, written once and never changed.

use ledger::cell::Subject;
use ledger::receipt::Refusal;
use ledger::transaction::NewReceipt;

use crate::view::{Change, View};

pub(super) fn decide(view: &View, receipts: &[NewReceipt]) -> Result<Vec<Change>, Refusal> {
    let create = |receipt: &NewReceipt| {
        let subject = Subject::Receipt(receipt.id);
        if view.has(&subject) { Err(Refusal::AlreadyExists) } else { Ok(Change::new(&subject, receipt)) }
    };
    receipts.iter().map(create).collect()
}
