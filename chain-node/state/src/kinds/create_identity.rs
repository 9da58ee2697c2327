//! CreateIdentity: the device that the inception names brings its identity into being.

use identity::did::Inception;
use ledger::cell::Subject;
use ledger::receipt::Refusal;
use ledger::records::IdentityRecord;

use crate::BlockContext;
use crate::senders::Authenticated;
use crate::stop::Stop;
use crate::view::{Put, View};

pub(super) fn decide(
    view: &View,
    context: &BlockContext,
    sender: &Authenticated,
    inception: &Inception,
) -> Result<Vec<Put>, Stop> {
    match sender {
        Authenticated::Key(key) if *key == inception.device => {}
        Authenticated::Key(_) => return Err(Refusal::UnknownKey.into()),
        Authenticated::Device(..) | Authenticated::Authority(_) | Authenticated::Party => return Err(Refusal::WrongSender.into()),
    }
    if inception.network != context.network {
        return Err(Refusal::OtherLedger.into());
    }
    let subject = Subject::Identity(inception.id());
    if view.has(&subject)? {
        return Err(Refusal::AlreadyExists.into());
    }
    let record = IdentityRecord { inception: inception.clone(), devices: vec![inception.device] };
    Ok(vec![Put::new(&subject, &record)])
}
