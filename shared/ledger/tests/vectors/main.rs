//! Golden vectors, computed outside of Rust: changing one approves a new format.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod governance;
mod objects;

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use identity::PublicKey;
use identity::did::Inception;
use ledger::canonical::{self, encode};

const RESIDENT: &str = "urn:yufu:vct:resident-identity:1";

/// The vectors by name. `take` removes one, so that a vector that no test looks at is found.
struct Vectors(BTreeMap<&'static str, &'static str>);

impl Vectors {
    fn of(text: &'static str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self(lines.map(|line| line.split_once(": ").unwrap()).collect())
    }

    fn take(&mut self, name: &str) -> &'static str {
        self.0.remove(name).unwrap_or_else(|| panic!("there is no vector '{name}'"))
    }

    fn bytes(&mut self, name: &str, bytes: &[u8]) {
        assert_eq!(HEXLOWER.encode(bytes), self.take(name), "{name}");
    }

    /// The value has these canonical bytes, and they decode to it.
    fn value<T: BorshSerialize + BorshDeserialize + PartialEq + std::fmt::Debug>(&mut self, name: &str, value: &T) {
        self.bytes(name, &encode(value));
        assert_eq!(&canonical::decode::<T>(&encode(value), 64 * 1024).unwrap(), value, "{name}");
    }
}

fn key(hex: &str) -> PublicKey {
    PublicKey::try_from_slice(&HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).unwrap()).unwrap()
}

fn edwards() -> PublicKey {
    key("01a09aa5f47a6759802ff955f8dc2d2a14a5c99d23be97f864127ff9383455a4f0")
}

fn p256() -> PublicKey {
    key("02020217e617f0b6443928278f96999e69a23a4f2c152bdf6d6cdf66e5b80282d4ed")
}

fn inception() -> Inception {
    Inception { network: "pilot".parse().unwrap(), device: edwards(), recovery_commitment: [0x44; 32] }
}
