//! CreateIdentity: the device that the inception names brings its identity into being.

use identity::did::Inception;
use ledger::cell::Subject;
use ledger::receipt::Refusal;
use ledger::records::IdentityRecord;

use crate::BlockContext;
use crate::senders::Authenticated;
use crate::view::{Change, View};

pub(super) fn decide(
    view: &View,
    context: &BlockContext,
    sender: &Authenticated,
    inception: &Inception,
) -> Result<Vec<Change>, Refusal> {
    match sender {
        Authenticated::Key(key) if *key == inception.device => {}
        Authenticated::Key(_) => return Err(Refusal::UnknownKey),
        Authenticated::Device(..) | Authenticated::Authority(_) | Authenticated::Party => return Err(Refusal::WrongSender),
    }
    if inception.network != context.network {
        return Err(Refusal::OtherLedger);
    }
    let subject = Subject::Identity(inception.id());
    if view.has(&subject) {
        return Err(Refusal::AlreadyExists);
    }
    let record = IdentityRecord { inception: inception.clone(), devices: vec![inception.device] };
    Ok(vec![Change::new(&subject, &record)])
}
