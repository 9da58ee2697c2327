//! Who takes part: the validators that vote in an epoch and the observers that follow, with the engine's keys.
//!
//! Assumes sets that the ledger checked. Says nothing about when a set is in force: that is `epochs`'.

use super::types::PublicKey;
use crate::genesis::consensus_key;
use ledger::{genesis::Validator, governance::ValidatorSet};
use std::sync::Arc;

/// A validator or an observer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What the ledger says about it.
    pub record: Validator,
    /// Its consensus and network key.
    pub key: PublicKey,
}

/// The validators and observers of one epoch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Members {
    /// Who votes, in the ledger's order.
    pub validators: Vec<Member>,
    /// Who follows, in the ledger's order.
    pub observers: Vec<Member>,
}

/// What this node is in an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It votes.
    Validator,
    /// It follows and serves.
    Observer,
    /// It is in neither list as far as it knows: it serves what it has, and the members let it in once it is admitted.
    Standby,
}

impl Role {
    /// The word of the role.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Validator => "validator",
            Self::Observer => "observer",
            Self::Standby => "standby",
        }
    }
}

impl Members {
    /// The members that a set of the ledger names. A key that is not Ed25519 is left out: the ledger refused it.
    pub fn of(set: &ValidatorSet) -> Self {
        Self { validators: members(&set.validators), observers: members(&set.observers) }
    }

    /// Validators of which only the keys matter.
    #[cfg(test)]
    pub(crate) fn named(keys: impl Iterator<Item = PublicKey>) -> Self {
        let member = |key: PublicKey| {
            let bytes = identity::PublicKey::from_bytes(identity::Algorithm::Ed25519, key.as_ref()).unwrap();
            let (name, authority) = (key.to_string(), "test".parse().unwrap());
            Member { record: Validator { name, authority, key: bytes, cluster: "one".to_owned(), address: None }, key }
        };
        Self { validators: keys.map(member).collect(), observers: Vec::new() }
    }

    /// The validators' keys, in the ledger's order.
    pub fn keys(&self) -> Vec<PublicKey> {
        self.validators.iter().map(|member| member.key.clone()).collect()
    }

    /// Whether the key is a validator's.
    pub fn votes(&self, key: &PublicKey) -> bool {
        self.validators.iter().any(|member| member.key == *key)
    }

    /// Validators and observers.
    pub fn all(&self) -> impl Iterator<Item = &Member> {
        self.validators.iter().chain(&self.observers)
    }

    /// The member with this key.
    pub fn find(&self, key: &PublicKey) -> Option<&Member> {
        self.all().find(|member| member.key == *key)
    }

    /// What the node with this key is.
    pub fn role(&self, key: &PublicKey) -> Role {
        match self.find(key) {
            Some(_) if self.votes(key) => Role::Validator,
            Some(_) => Role::Observer,
            None => Role::Standby,
        }
    }
}

fn members(records: &[Validator]) -> Vec<Member> {
    records.iter().filter_map(|record| Some(Member { record: record.clone(), key: consensus_key(&record.key)? })).collect()
}

/// The members as of a moment.
#[derive(Debug, Clone)]
pub struct Membership {
    /// The epoch that this node's consensus is in.
    pub epoch: u64,
    /// The members of the epoch before: they may need its last block, and are let in for one epoch more.
    pub former: Arc<Members>,
    /// The members of the epoch.
    pub current: Arc<Members>,
    /// The members of the next epoch, as of the last finalized block.
    pub next: Arc<Members>,
}

/// Whom the network lets in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Admitted {
    /// Dialed, and believed to send blocks: the validators of this epoch and the next.
    pub primary: Vec<Member>,
    /// Let in when they dial: observers, and the validators of the epoch before.
    pub secondary: Vec<Member>,
}

impl Membership {
    /// Members that stay for ever.
    pub fn fixed(members: Members) -> Self {
        let members = Arc::new(members);
        Self { epoch: 0, former: Arc::default(), current: members.clone(), next: members }
    }

    /// What the node with this key is: by the epoch's set, or else by the next one.
    pub fn role(&self, key: &PublicKey) -> Role {
        match self.current.role(key) {
            Role::Standby if self.next.role(key) != Role::Standby => Role::Observer,
            role @ (Role::Validator | Role::Observer | Role::Standby) => role,
        }
    }

    /// The newest record of the member with this key.
    pub fn find(&self, key: &PublicKey) -> Option<&Member> {
        [&self.next, &self.current, &self.former].into_iter().find_map(|members| members.find(key))
    }

    /// Whom the network lets in now. The newest record of a key counts; nobody stands twice.
    pub fn admitted(&self) -> Admitted {
        let mut admitted = Admitted::default();
        let validators = self.next.validators.iter().chain(&self.current.validators);
        add(&mut admitted.primary, &[], validators);
        let others = self.next.observers.iter().chain(&self.current.observers).chain(&self.former.validators);
        let primary = admitted.primary.clone();
        add(&mut admitted.secondary, &primary, others);
        admitted
    }
}

fn add<'a>(list: &mut Vec<Member>, besides: &[Member], members: impl Iterator<Item = &'a Member>) {
    for member in members {
        if !list.iter().chain(besides).any(|there| there.key == member.key) {
            list.push(member.clone());
        }
    }
}
