//! RecordReceipts: commitments to consent and access receipts, written once and never changed.

use ledger::cell::Subject;
use ledger::receipt::Refusal;
use ledger::transaction::NewReceipt;

use crate::stop::Stop;
use crate::view::{Put, View};

pub(super) fn decide(view: &View, receipts: &[NewReceipt]) -> Result<Vec<Put>, Stop> {
    let create = |receipt: &NewReceipt| -> Result<Put, Stop> {
        let subject = Subject::Receipt(receipt.id);
        if view.has(&subject)? { Err(Refusal::AlreadyExists.into()) } else { Ok(Put::new(&subject, receipt)) }
    };
    receipts.iter().map(create).collect()
}
