//! SLIP-0039, Shamir's secret sharing for mnemonic codes: a secret in shares of words, a given number of which give it back.
//!
//! Written from the specification because no Rust crate of it fits: the one that passes its vectors is GPL-3, the others are unfinished
//! or young and unreviewed. It passes all of the specification's vectors (`tests/it/slip39.rs`). It makes what the specification
//! recommends: one group, extendable, no passphrase; it reads every form.
//!
//! Arithmetic in GF(256) has no tables and no branches on secrets. May assume that the generator is good. Refuses shares that are
//! mistyped (three wrong words are always noticed), too few, too many, doubled, of different sets, or forged (the digest).

mod field;
mod share;

use std::collections::BTreeMap;

use clients::Random;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use self::field::interpolate;
pub use self::share::{Share, ShareError};

/// Shares of one secret at most.
pub const MAX_SHARES: u8 = 16;
/// Bytes of a secret at least.
pub const MIN_SECRET_BYTES: usize = 16;

/// The x at which the secret stands.
const SECRET_X: u8 = 255;
/// The x at which the digest of the secret stands.
const DIGEST_X: u8 = 254;
const DIGEST_BYTES: usize = 4;
/// PBKDF2 iterations of each of the four rounds, before they are doubled `iteration_exponent` times.
const BASE_ITERATIONS: u32 = 2500;
/// 20,000 in all. The secrets shared here have their full entropy, and no passphrase that could be guessed.
const ITERATION_EXPONENT: u8 = 1;

/// A point of the polynomials: x, and the value of each byte's polynomial there.
pub(crate) type Point = (u8, Zeroizing<Vec<u8>>);

/// Splits a secret into `count` shares, any `threshold` of which give it back; one group, no passphrase.
///
/// # Errors
/// [`ShareError::Secret`] for a secret of fewer than 16 or of an odd number of bytes, [`ShareError::Numbers`] unless
/// 2 ≤ threshold ≤ count ≤ 16.
pub fn split(secret: &[u8], threshold: u8, count: u8, random: &Random) -> Result<Vec<Share>, ShareError> {
    if secret.len() < MIN_SECRET_BYTES || !secret.len().is_multiple_of(2) {
        return Err(ShareError::Secret);
    }
    if threshold < 2 || threshold > count || count > MAX_SHARES {
        return Err(ShareError::Numbers);
    }
    let identifier = u16::from_be_bytes(random.bytes()) & 0x7fff;
    let salt = salt_prefix(identifier, true);
    let encrypted = feistel(secret, b"", ITERATION_EXPONENT, &salt, [0, 1, 2, 3]);
    let points = split_secret(&encrypted, threshold, count, random);
    let share = |(member_index, value)| Share {
        identifier,
        extendable: true,
        iteration_exponent: ITERATION_EXPONENT,
        group_index: 0,
        group_threshold: 1,
        group_count: 1,
        member_index,
        member_threshold: threshold,
        value,
    };
    Ok(points.into_iter().map(share).collect())
}

/// Puts shares together: exactly as many as are needed.
///
/// # Errors
/// [`ShareError`] says which share or number is wrong.
pub fn combine(shares: &[Share], passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, ShareError> {
    let first = shares.first().ok_or(ShareError::TooFew { have: 0, need: 1 })?;
    if shares.iter().any(|share| !share.belongs_to(first)) {
        return Err(ShareError::OtherSet);
    }
    let mut groups: BTreeMap<u8, Vec<&Share>> = BTreeMap::new();
    for share in shares {
        groups.entry(share.group_index).or_default().push(share);
    }
    check_count(groups.len(), first.group_threshold)?;
    let mut group_shares = Vec::new();
    for (group_index, members) in groups {
        group_shares.push((group_index, combine_group(&members)?));
    }
    let encrypted = recover_secret(first.group_threshold, &group_shares)?;
    let salt = salt_prefix(first.identifier, first.extendable);
    Ok(feistel(&encrypted, passphrase, first.iteration_exponent, &salt, [3, 2, 1, 0]))
}

fn combine_group(members: &[&Share]) -> Result<Zeroizing<Vec<u8>>, ShareError> {
    let first = members.first().ok_or(ShareError::TooFew { have: 0, need: 1 })?;
    let mut points: Vec<Point> = Vec::new();
    for member in members {
        if member.member_threshold != first.member_threshold {
            return Err(ShareError::OtherSet);
        }
        if points.iter().any(|(x, _)| *x == member.member_index) {
            return Err(ShareError::Twice);
        }
        points.push((member.member_index, member.value.clone()));
    }
    check_count(points.len(), first.member_threshold)?;
    recover_secret(first.member_threshold, &points)
}

fn check_count(have: usize, need: u8) -> Result<(), ShareError> {
    let need = usize::from(need);
    match have {
        _ if have < need => Err(ShareError::TooFew { have, need }),
        _ if have > need => Err(ShareError::TooMany { have, need }),
        _ => Ok(()),
    }
}

/// `SplitSecret` of the specification, for a threshold of 2 or more.
fn split_secret(secret: &[u8], threshold: u8, count: u8, random: &Random) -> Vec<Point> {
    let fresh = |bytes: usize| {
        let mut buffer = Zeroizing::new(vec![0; bytes]);
        random.fill(&mut buffer);
        buffer
    };
    let free = threshold.saturating_sub(2);
    let mut points: Vec<Point> = (0..free).map(|x| (x, fresh(secret.len()))).collect();
    let random_part = fresh(secret.len().saturating_sub(DIGEST_BYTES));
    let mut digest = Zeroizing::new(digest(&random_part, secret).to_vec());
    digest.extend_from_slice(&random_part);
    let mut base = points.clone();
    base.push((DIGEST_X, digest));
    base.push((SECRET_X, Zeroizing::new(secret.to_vec())));
    points.extend((free..count).map(|x| (x, interpolate(&base, x))));
    points
}

/// `RecoverSecret` of the specification.
fn recover_secret(threshold: u8, points: &[Point]) -> Result<Zeroizing<Vec<u8>>, ShareError> {
    if let (1, [(_, value), ..]) = (threshold, points) {
        return Ok(value.clone());
    }
    let secret = interpolate(points, SECRET_X);
    let digest_share = interpolate(points, DIGEST_X);
    let (found, random_part) = digest_share.split_at_checked(DIGEST_BYTES).ok_or(ShareError::Length)?;
    if found == digest(random_part, &secret) { Ok(secret) } else { Err(ShareError::Forged) }
}

fn digest(random_part: &[u8], secret: &[u8]) -> [u8; DIGEST_BYTES] {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(random_part).expect("HMAC takes a key of any length");
    mac.update(secret);
    *mac.finalize().into_bytes().first_chunk().expect("an HMAC-SHA256 has 32 bytes")
}

fn salt_prefix(identifier: u16, extendable: bool) -> Vec<u8> {
    if extendable { Vec::new() } else { [b"shamir".as_slice(), &identifier.to_be_bytes()].concat() }
}

/// The four-round Feistel network of the specification, over an even number of bytes: its rounds in this order.
fn feistel(input: &[u8], passphrase: &[u8], exponent: u8, salt_prefix: &[u8], rounds: [u8; 4]) -> Zeroizing<Vec<u8>> {
    let (left, right) = input.split_at(input.len() / 2);
    let (mut left, mut right) = (Zeroizing::new(left.to_vec()), Zeroizing::new(right.to_vec()));
    for round in rounds {
        let password = Zeroizing::new([&[round], passphrase].concat());
        let salt = Zeroizing::new([salt_prefix, right.as_slice()].concat());
        let mut mask = Zeroizing::new(vec![0; left.len()]);
        pbkdf2::pbkdf2_hmac::<Sha256>(&password, &salt, BASE_ITERATIONS << exponent, &mut mask);
        mask.iter_mut().zip(left.iter()).for_each(|(to, from)| *to ^= from);
        left = std::mem::replace(&mut right, mask);
    }
    Zeroizing::new([right.as_slice(), left.as_slice()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One share of two says nothing: whatever the secret is, each of its bytes is any value equally often. 131,072 bytes of each share
    /// of two very different secrets; chi-square with 255 degrees of freedom is above 377 by chance once in a million.
    #[test]
    fn one_share_is_noise_whatever_the_secret() {
        let random = Random::from_os_seed([5; 32]);
        for secret in [[0; 32], [0xff; 32]] {
            let mut counts = [[0_u32; 256]; 3];
            for _ in 0..4096 {
                for ((_, value), counts) in split_secret(&secret, 2, 3, &random).iter().zip(&mut counts) {
                    value.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
                }
            }
            for counts in counts {
                let expected = 4096.0 * 32.0 / 256.0;
                let chi_square: f64 = counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
                assert!(chi_square < 377.0, "{chi_square}");
            }
        }
    }

    /// Any two points, and no one, lie on the secret's line.
    #[test]
    fn any_threshold_of_the_points_gives_the_secret_back() {
        let random = Random::from_os_seed([6; 32]);
        let secret: [u8; 32] = random.entropy();
        let points = split_secret(&secret, 3, 5, &random);
        for skipped in [[0, 1], [0, 4], [1, 3], [2, 4]] {
            let kept: Vec<Point> = points.iter().filter(|(x, _)| !skipped.contains(x)).cloned().collect();
            assert_eq!(*recover_secret(3, &kept).unwrap(), secret);
            assert_eq!(recover_secret(3, &kept[..2]), Err(ShareError::Forged));
        }
    }

    #[test]
    fn secrets_and_numbers_out_of_bounds_are_refused() {
        let random = Random::from_os_seed([7; 32]);
        assert_eq!(split(&[1; 15], 2, 3, &random).unwrap_err(), ShareError::Secret);
        assert_eq!(split(&[1; 17], 2, 3, &random).unwrap_err(), ShareError::Secret);
        for (threshold, count) in [(1, 3), (0, 3), (4, 3), (2, 17)] {
            assert_eq!(split(&[1; 16], threshold, count, &random).unwrap_err(), ShareError::Numbers);
        }
    }
}
