//! Match codes: the login page shows one of three two-digit numbers, the wallet lets the citizen pick it.
//!
//! It makes somebody who lures a victim into scanning a foreign QR code (W1) guess with a chance of one in three, once.

/// How many candidates the wallet shows.
const CANDIDATES: usize = 3;

/// The candidates and the one that the page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchCode {
    /// Three different codes, each two digits.
    pub candidates: Vec<String>,
    /// The one on the login page.
    pub shown: String,
}

impl MatchCode {
    /// Draws codes from fresh entropy.
    pub fn draw(entropy: &[u8; 32]) -> Self {
        let (first, rest) = entropy.split_at(1);
        let mut candidates: Vec<String> = Vec::with_capacity(CANDIDATES);
        // 10 to 99: 90 values. 180 is the largest multiple of 90 in a byte, so every value is as likely as the others.
        let drawn = rest.iter().filter(|byte| **byte < 180).map(|byte| (10 + byte % 90).to_string());
        for code in drawn.chain((10..100_u8).map(|code| code.to_string())) {
            if candidates.len() < CANDIDATES && !candidates.contains(&code) {
                candidates.push(code);
            }
        }
        // The candidates are in random order already; which of them is shown is a draw of its own. 255 is a multiple of 3.
        let place = usize::from(first.iter().copied().next().unwrap_or_default()) % CANDIDATES;
        let shown = candidates.get(place).cloned().unwrap_or_default();
        Self { candidates, shown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_different_two_digit_codes_one_of_which_is_shown() {
        for seed in 0..=255 {
            let code = MatchCode::draw(&[seed; 32]);
            assert_eq!(code.candidates.len(), 3);
            assert!(code.candidates.contains(&code.shown));
            assert!(code.candidates.iter().all(|c| c.len() == 2 && c.bytes().all(|b| b.is_ascii_digit())));
            let distinct: std::collections::BTreeSet<_> = code.candidates.iter().collect();
            assert_eq!(distinct.len(), 3);
        }
    }
}
