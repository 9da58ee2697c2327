//! Leave: an authority takes its own validator or observer out of the next epoch's set, without asking anybody. Only the last validator
//! cannot go; what its going does to the placement of the others is for the members to mend.

use ledger::receipt::Refusal;

use crate::changes::{self, Scene};
use crate::senders::Authenticated;
use crate::stop::Stop;
use crate::view::Put;

pub(super) fn decide(scene: &Scene<'_>, sender: &Authenticated, name: &str) -> Result<Vec<Put>, Stop> {
    let authority = sender.authority()?.id;
    let members = || scene.set.validators.iter().chain(&scene.set.observers);
    let member = members().find(|member| member.name == name).ok_or(Refusal::NotFound)?;
    if member.authority != authority {
        return Err(Refusal::NotOwner.into());
    }
    Ok(changes::leave(&scene.set, name)?)
}
