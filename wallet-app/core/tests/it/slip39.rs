//! SLIP-0039 by the vectors of its specification, and what must not work.

use wallet_core::Random;
use wallet_core::recovery::slip39::{Share, ShareError, combine, split};

/// Description, mnemonics, master secret in hexadecimal or nothing, a BIP-32 key that is of no interest here.
type Vector = (String, Vec<String>, String, String);

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("../vectors/slip39.json")).unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// All official vectors: what is valid gives its secret (the passphrase is "TREZOR"), what is not gives none. Each share's words come out
/// as they went in.
#[test]
fn every_official_vector_passes() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 45);
    for (description, mnemonics, secret, _) in vectors {
        let shares: Result<Vec<Share>, ShareError> = mnemonics.iter().map(|words| Share::parse(words)).collect();
        if let Ok(shares) = &shares {
            for (share, words) in shares.iter().zip(&mnemonics) {
                assert_eq!(*share.words(), *words, "{description}");
            }
        }
        let combined = shares.and_then(|shares| combine(&shares, b"TREZOR"));
        match (combined, secret.as_str()) {
            (Err(_), "") => {}
            (Ok(found), expected) => assert_eq!(*found, hex(expected), "{description}"),
            (Err(error), _) => panic!("{description}: {error}"),
        }
    }
}

/// Any two of three, in any order, and no one alone.
#[test]
fn any_two_of_three_give_the_secret_and_one_gives_none() {
    let random = Random::from_os_seed([3; 32]);
    for secret in [random.entropy().to_vec(), random.bytes::<16>().to_vec()] {
        let shares = split(&secret, 2, 3, &random).unwrap();
        for (one, other) in [(0, 1), (0, 2), (1, 2), (2, 0)] {
            let pair = [shares[one].clone(), shares[other].clone()];
            let typed = pair.map(|share| Share::parse(&share.words().to_uppercase()).unwrap());
            assert_eq!(*combine(&typed, b"").unwrap(), secret);
        }
        assert_eq!(combine(&shares[..1], b"").unwrap_err(), ShareError::TooFew { have: 1, need: 2 });
        assert_eq!(combine(&shares, b"").unwrap_err(), ShareError::TooMany { have: 3, need: 2 });
        assert_eq!(combine(&[shares[1].clone(), shares[1].clone()], b"").unwrap_err(), ShareError::Twice);
        let others = split(&secret, 2, 3, &random).unwrap();
        assert_eq!(combine(&[shares[0].clone(), others[1].clone()], b"").unwrap_err(), ShareError::OtherSet);
        // Another passphrase gives another secret, and no error: nothing tells a guesser that the guess was wrong.
        assert_ne!(*combine(&shares[..2], b"guess").unwrap(), secret);
    }
}

/// Up to three wrong words are always noticed.
#[test]
fn mistyped_words_are_noticed() {
    let random = Random::from_os_seed([4; 32]);
    let share = split(&random.entropy(), 2, 3, &random).unwrap().remove(0);
    let words = share.words();
    let list: Vec<&str> = words.split(' ').collect();
    assert_eq!(list.len(), 33);
    let mut swapped = list.clone();
    swapped.swap(7, 8);
    assert_eq!(Share::parse(&swapped.join(" ")).unwrap_err(), ShareError::Checksum);
    for wrong in 1..=3 {
        let mut mistyped = list.clone();
        for word in mistyped.iter_mut().skip(5).take(wrong) {
            *word = if *word == "academic" { "acid" } else { "academic" };
        }
        assert_eq!(Share::parse(&mistyped.join(" ")).unwrap_err(), ShareError::Checksum);
    }
    let mut unknown = list.clone();
    unknown[9] = "yufu";
    assert_eq!(Share::parse(&unknown.join(" ")).unwrap_err(), ShareError::Word(10));
    assert_eq!(Share::parse(&list[..12].join(" ")).unwrap_err(), ShareError::Length);
    assert_eq!(Share::parse(&"academic ".repeat(3000)).unwrap_err(), ShareError::Length);
}
