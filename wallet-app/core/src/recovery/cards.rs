//! Cards of guardians: any 2 of 3 give the recovery secret back, one alone nothing.
//!
//! A card has a share's 33 words (SLIP-0039) and the DID that they are for: without it two guardians could not help a citizen who lost
//! everything. So a guardian learns the DID, and nothing else of the identity. A new set does not end an old one: only
//! [`Wallet::rotate_recovery`] does.

use identity::{Did, Localized};
use serde::Serialize;
use url::Url;
use zeroize::Zeroizing;

use super::slip39::{self, Share};
use super::{RecoveryError, RecoverySecret, prepared};
use crate::error::WalletError;
use crate::history::{self, Event, HistoryEntry};
use crate::records::Secret32;
use crate::vault::VaultError;
use crate::wallet::Wallet;

/// How many guardians there are.
pub const GUARDIANS: u8 = 3;
/// How many of them it takes.
pub const NEEDED: u8 = 2;

/// The scheme of a card's QR code.
pub(crate) const SCHEME: &str = "yufu-guardian-card";
/// 160,000 iterations of PBKDF2.
const MAX_ITERATION_EXPONENT: u8 = 4;
/// Bytes of a card's text at most.
const MAX_CARD_BYTES: usize = 2048;

/// A guardian's card.
#[derive(Clone, PartialEq, Eq)]
pub struct GuardianCard {
    did: Did,
    share: Share,
}

impl std::fmt::Debug for GuardianCard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GuardianCard {} of {}", self.share.number(), self.did)
    }
}

/// A card as a person sees it. It is secret: it is for one guardian's eyes.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct CardView {
    /// Its number, from 1.
    pub number: u8,
    /// How many cards there are.
    pub of: u8,
    /// How many it takes.
    pub needed: u8,
    /// The identity that they recover.
    pub did: String,
    /// The card's words.
    pub words: String,
    /// The same for a QR code.
    pub link: String,
    /// What the guardian is to know.
    pub sentence: Localized,
}

impl GuardianCard {
    /// Reads a card: the text of its QR code.
    ///
    /// # Errors
    /// [`RecoveryError::Card`], [`RecoveryError::Share`].
    pub fn parse(text: &str) -> Result<Self, RecoveryError> {
        if text.len() > MAX_CARD_BYTES {
            return Err(RecoveryError::Card("it is too long"));
        }
        let url = Url::parse(text.trim()).map_err(|_| RecoveryError::Card("it is not the text of a card"))?;
        if url.scheme() != SCHEME {
            return Err(RecoveryError::Card("it is not the text of a card"));
        }
        let one = |name: &'static str| {
            let mut found = url.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| Zeroizing::new(value.into_owned()));
            match (found.next(), found.next()) {
                (Some(value), None) => Ok(value),
                (None, _) | (Some(_), Some(_)) => Err(RecoveryError::Card(name)),
            }
        };
        Self::from_words(one("did")?.parse().map_err(|_| RecoveryError::Card("did"))?, &one("words")?)
    }

    /// A card that was typed: its DID and its words.
    ///
    /// # Errors
    /// [`RecoveryError::Share`].
    pub fn from_words(did: Did, words: &str) -> Result<Self, RecoveryError> {
        let share = Share::parse(words).map_err(RecoveryError::Share)?;
        // Ours have 1; a made-up card could ask for hours of work.
        if share.iteration_exponent() > MAX_ITERATION_EXPONENT {
            return Err(RecoveryError::Card("it asks for too much work"));
        }
        Ok(Self { did, share })
    }

    /// The identity that it is for.
    pub fn did(&self) -> &Did {
        &self.did
    }

    /// What is printed or shown, for its guardian.
    pub fn view(&self) -> CardView {
        let (words, did) = (self.share.words(), self.did.to_string());
        let query =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("did", &did).append_pair("words", &words).finish();
        CardView {
            number: self.share.number(),
            of: GUARDIANS,
            needed: self.share.threshold(),
            did,
            words: words.to_string(),
            link: format!("{SCHEME}://card?{query}"),
            sentence: Localized::new(
                format!(
                    "请妥善保管此卡，不要拍照或转发。{GUARDIANS} 张卡中任意 {NEEDED} 张可恢复对方的数字身份，单独一张没有用处。只有在当面确认是本人时才交出。"
                ),
                format!(
                    "Keep this card safe; do not photograph or forward it. Any {NEEDED} of {GUARDIANS} recover your friend's digital identity, one alone does nothing. Hand it over only to your friend in person."
                ),
            ),
        }
    }
}

impl RecoverySecret {
    /// Puts cards together: as many as are needed, all of one identity and one set. Gives the identity too.
    ///
    /// # Errors
    /// [`RecoveryError::Share`], [`RecoveryError::OtherIdentity`].
    pub fn from_cards(cards: &[GuardianCard]) -> Result<(Did, Self), RecoveryError> {
        let first = cards.first().ok_or(RecoveryError::Card("there is none"))?;
        if cards.iter().any(|card| card.did != first.did) {
            return Err(RecoveryError::OtherIdentity);
        }
        let shares: Vec<Share> = cards.iter().map(|card| card.share.clone()).collect();
        let secret = slip39::combine(&shares, b"").map_err(RecoveryError::Share)?;
        let secret: &[u8; 32] = secret.as_slice().try_into().map_err(|_| RecoveryError::Card("its secret has another length"))?;
        Ok((first.did.clone(), Self(Secret32::from_bytes(*secret))))
    }
}

impl Wallet {
    /// Makes a set of cards for [`GUARDIANS`] guardians, any [`NEEDED`] of whom recover the identity. Takes a moment.
    ///
    /// # Errors
    /// [`RecoveryError::NoSecret`] on a device that was added by another one.
    pub fn guardian_cards(&self) -> Result<Vec<GuardianCard>, WalletError> {
        let did = self.identity_keys()?.inception.did();
        let secret = self.recovery_secret()?;
        let shares = slip39::split(secret.0.as_bytes(), NEEDED, GUARDIANS, &self.environment.random);
        let shares = shares.map_err(RecoveryError::Share)?;
        let now = self.now();
        self.vault.write::<_, VaultError>(|batch| {
            prepared(batch, |state| state.cards_at = Some(now))?;
            history::record(batch, &HistoryEntry::new(now, Event::GuardianCardsMade))
        })?;
        Ok(shares.into_iter().map(|share| GuardianCard { did: did.clone(), share }).collect())
    }
}
