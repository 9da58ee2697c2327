//! A validator that votes twice: everybody who sees it holds the evidence, and it stands on the ledger.

use crate::world::{channels, public, run, signer, word};
use chain_node::engine::types::{Digest, Scheme};
use commonware_codec::{Encode as _, varint::UInt};
use commonware_consensus::{
    simplex::types::{Notarize, Proposal, Vote},
    types::{Epoch, Round, View},
};
use commonware_p2p::{Recipients, Sender as _};
use commonware_utils::ordered::Set;
use ledger::{
    cell::Subject,
    evidence::{Evidence, Offence, SignedProposal},
    finality,
};

/// REL-B2: two votes of one validator for two blocks of one view become evidence on the ledger, once, and every node has it.
#[test]
fn the_evidence_of_two_votes_stands_on_the_ledger() {
    run(4, 31, |mut world| async move {
        world.reach(&word(0), 3).await;
        world.kill(&word(3)).await;
        let mut votes = channels(&world.oracle, &public(&word(3))).await.votes.0;
        let genesis = world.genesis.genesis.hash();
        let epochs = &world.node(&word(0)).epochs;
        let keys = Set::from_iter_dedup(epochs.members(0).unwrap().keys());
        let scheme = Scheme::signer(&finality::namespace(&genesis), keys, signer(&word(3))).unwrap();
        let tip = world.node(&word(0)).head.tip().borrow().clone();
        let (epoch, view) = (tip.context.epoch, tip.context.view);
        let round = Round::new(Epoch::new(epoch), View::new(view));
        let mut signed = Vec::new();
        for payload in [[1; 32], [2; 32]] {
            let proposal = Proposal::new(round, View::new(tip.context.parent_view), Digest::from(payload));
            let vote = Notarize::sign(&scheme, proposal).unwrap();
            let signature = vote.attestation.signature.encode().as_ref().try_into().unwrap();
            signed.push(SignedProposal { parent_view: tip.context.parent_view, payload, signature });
            let message = [UInt(epoch).encode(), Vote::Notarize(vote).encode()].concat();
            let _ = votes.send(Recipients::All, bytes::Bytes::from(message), true);
        }
        let validator = public(&word(3)).as_ref().try_into().unwrap();
        let offence = Offence::two_notarizes(signed.remove(0), signed.remove(0));
        let id = Evidence { validator, epoch, view, offence }.id();
        for place in 0..3 {
            let node = world.node(&word(place));
            let mut waited = 0;
            while node.cell(&Subject::Evidence(id)).await.is_none() {
                waited += 1;
                assert!(waited < 3_000, "no evidence on the ledger");
                world.sleep(20).await;
            }
            assert_eq!(node.cell(&Subject::Evidence(id)).await.unwrap().version, 1, "once");
        }
        world.load(1).await;
    });
}
