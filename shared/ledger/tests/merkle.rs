//! Merkle trees against the published test vectors of RFC 6962 (those of the certificate-transparency project, eight items of uneven
//! length), against a second way of counting, and against hostile paths.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

use data_encoding::HEXLOWER;
use ledger::Hash;
use ledger::merkle::{Inclusion, InclusionError, MAX_INCLUSION_BYTES, prove, root};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

const ITEMS: [&str; 8] = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

/// The roots of the first 0 to 8 items.
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// Place, number of items, path.
const PATHS: [(usize, usize, &[&str]); 5] = [
    (0, 1, &[]),
    (
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        &[
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

fn hash(hex: &str) -> Hash {
    HEXLOWER.decode(hex.as_bytes()).unwrap().try_into().unwrap()
}

fn items() -> Vec<Vec<u8>> {
    ITEMS.iter().map(|item| HEXLOWER.decode(item.as_bytes()).unwrap()).collect()
}

#[test]
fn roots_and_paths_are_those_of_the_published_vectors() {
    let items = items();
    for (count, expected) in ROOTS.iter().enumerate() {
        assert_eq!(root(&items[..count]), hash(expected), "{count}");
    }
    for (index, count, path) in PATHS {
        let proof = prove(&items[..count], index).unwrap();
        assert_eq!(proof.path, path.iter().map(|sibling| hash(sibling)).collect::<Vec<_>>(), "{index} of {count}");
        assert_eq!(proof.verify(&items[index], &hash(ROOTS[count])), Ok(()));
    }
}

/// A second way of counting: level by level, an odd one out goes up alone.
fn root_by_levels(items: &[Vec<u8>]) -> Hash {
    let mut level: Vec<Hash> = items.iter().map(|item| Sha256::digest([&[0][..], item].concat()).into()).collect();
    while level.len() > 1 {
        let up = |pair: &[Hash]| match pair {
            [left, right] => Sha256::digest([&[1][..], left, right].concat()).into(),
            _ => pair[0],
        };
        level = level.chunks(2).map(up).collect();
    }
    level.first().copied().unwrap_or_else(|| Sha256::digest([]).into())
}

#[test]
fn every_item_of_every_list_up_to_70_is_proved_at_its_place_and_at_no_other() {
    let all: Vec<Vec<u8>> = (0..70_u8).map(|i| vec![i; usize::from(i) % 5]).collect();
    for count in 1..all.len() {
        let (list, size) = (&all[..count], u32::try_from(count).unwrap());
        let top = root(list);
        assert_eq!(top, root_by_levels(list), "{count}");
        for (index, item) in list.iter().enumerate() {
            let proof = prove(list, index).unwrap();
            assert_eq!(proof.verify_at(size, item, &top), Ok(()), "{index} of {count}");
            assert_eq!(Inclusion::from_bytes(&proof.to_bytes()).unwrap(), proof);
            for other in (0..size).filter(|other| *other != proof.index) {
                let moved = Inclusion { index: other, ..proof.clone() };
                assert!(moved.verify_at(size, item, &top).is_err(), "{index} as {other} of {count}");
            }
        }
        assert_eq!(prove(list, count), None);
    }
    assert_eq!(prove::<Vec<u8>>(&[], 0), None);
}

#[test]
fn a_path_is_refused_with_the_reason() {
    let items = items();
    let (top, proof) = (root(&items), prove(&items, 5).unwrap());
    let refuse = |change: fn(&mut Inclusion)| {
        let mut changed = proof.clone();
        change(&mut changed);
        changed.verify(&items[5], &top).unwrap_err()
    };
    assert_eq!(refuse(|p| p.index = 8), InclusionError::Place { index: 8, count: 8 });
    assert_eq!(refuse(|p| p.count = 0), InclusionError::Place { index: 5, count: 0 });
    assert_eq!(refuse(|p| p.path.push([0; 32])), InclusionError::HashCount);
    assert_eq!(refuse(|p| p.path.truncate(2)), InclusionError::HashCount);
    assert_eq!(refuse(|p| p.path.swap(0, 1)), InclusionError::Root);
    assert_eq!(refuse(|p| p.index = 4), InclusionError::Root);
    assert_eq!(refuse(|p| p.count = u32::MAX), InclusionError::HashCount);
    assert_eq!(proof.verify_at(9, &items[5], &top), Err(InclusionError::Count { given: 8, count: 9 }));
    assert_eq!(proof.verify(&items[4], &top), Err(InclusionError::Root));
    // A node of the tree is no item of it: their hashes begin differently.
    let inner = [proof.path[1], proof.path[0]].concat();
    let short = Inclusion { index: 1, count: 4, path: proof.path[1..].to_vec() };
    assert_eq!(short.verify(&inner, &top), Err(InclusionError::Root));
    // The encoding is bounded before it is read, and exact.
    assert!(Inclusion::from_bytes(&vec![0; MAX_INCLUSION_BYTES + 1]).is_err());
    assert!(Inclusion::from_bytes(&[proof.to_bytes(), vec![0]].concat()).is_err());
    assert!(Inclusion::from_bytes(&proof.to_bytes()[1..]).is_err());
}

/// What the module says of places: with a count that nobody vouches for, the same path can mean another place.
#[test]
fn a_place_means_something_only_under_a_known_count() {
    let items = items();
    let (top, proof) = (root(&items[..3]), prove(&items[..3], 2).unwrap());
    let elsewhere = Inclusion { index: 1, count: 2, ..proof };
    assert_eq!(elsewhere.verify(&items[2], &top), Ok(()));
    assert_eq!(elsewhere.verify_at(3, &items[2], &top), Err(InclusionError::Count { given: 2, count: 3 }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_list_is_proved_item_by_item_and_no_changed_proof_holds(
        list in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..200), chosen: prop::sample::Index, bit in 0..8_u32,
        place: prop::sample::Index,
    ) {
        let index = chosen.index(list.len());
        let (top, proof) = (root(&list), prove(&list, index).unwrap());
        prop_assert_eq!(top, root_by_levels(&list));
        prop_assert_eq!(proof.verify_at(u32::try_from(list.len()).unwrap(), &list[index], &top), Ok(()));
        let mut bytes = proof.to_bytes();
        let at = place.index(bytes.len());
        bytes[at] ^= 1 << bit;
        // A changed count or place may still fit the path; then it is not the list's own count or not this item's place.
        let holds = Inclusion::from_bytes(&bytes).is_ok_and(|p| p.verify_at(proof.count, &list[index], &top).is_ok());
        prop_assert!(!holds);
    }

    #[test]
    fn arbitrary_bytes_are_no_proof(bytes in prop::collection::vec(any::<u8>(), 0..1_100), item: [u8; 32], top: [u8; 32]) {
        prop_assert!(!Inclusion::from_bytes(&bytes).is_ok_and(|proof| proof.verify(&item, &top).is_ok()));
    }
}
