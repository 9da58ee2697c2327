//! The one exception to "secrets never go out": the 24 words and guardians' cards must reach paper, and the way there is the screen.
//!
//! It is kept narrow. Two commands give them, `reveal_words` and `reveal_cards`, and nothing else does; each asks for the PIN again,
//! counted as at the door. Nothing here keeps what it gave but the words that are compared with what is typed back, in memory that is
//! wiped, until that was done or the wallet closes. No type that holds them prints them. The interface keeps them in one
//! screen and forgets them when it is left; the bridge answers `no-store`.

use std::collections::BTreeSet;

use serde::Serialize;
use wallet_core::{CardView, Explained, GuardianCard, Random, RecoverySecret, Rehearsal, Side, WalletError};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::inputs::{CardGiven, FileBytes, Nothing, Rehearse, RehearseWritten, SecretGiven, TypedWords, WithPin, Words};
use crate::open::{Commands, blocking, secrets};
use crate::qr::Qr;

/// How many words are to be typed back.
const ASKED: usize = 3;
/// How often they may be wrong before the words are to be looked at again.
const TRIES: u32 = 3;

/// The words, once.
#[derive(Debug, Serialize)]
pub struct WordsShown {
    /// The 24 words, with spaces between them.
    pub words: Words,
    /// The identity that they recover.
    pub did: String,
    /// Which of them are to be typed back, from 1.
    pub asked: Vec<usize>,
}

/// A guardian's card, once.
#[derive(Serialize)]
pub struct CardShown {
    /// The card.
    #[serde(flatten)]
    pub card: CardView,
    /// Its QR code.
    pub qr: Option<Qr>,
}

/// A card that was read: what of it is no secret.
#[derive(Debug, Serialize)]
pub struct CardRead {
    /// Its number, from 1.
    pub number: u8,
    /// How many it takes.
    pub needed: u8,
    /// The identity that they recover.
    pub did: String,
}

/// A backup file, as it is to be saved.
#[derive(Debug, Serialize)]
pub struct BackupFile {
    /// A name for it.
    pub name: String,
    /// Its bytes.
    pub contents: FileBytes,
}

/// Words that were shown: what the citizen types is compared with them.
pub(crate) struct Written {
    secret: RecoverySecret,
    words: Zeroizing<String>,
    asked: Vec<usize>,
    tries: u32,
    confirmed: bool,
}

impl Written {
    fn matches(&self, typed: &[Words]) -> bool {
        let same = |(number, word): (&usize, &Words)| {
            let wanted = self.words.split(' ').nth(number.saturating_sub(1));
            wanted.is_some_and(|wanted| wanted == word.0.trim().to_lowercase())
        };
        typed.len() == self.asked.len() && self.asked.iter().zip(typed).all(same)
    }
}

impl Commands {
    /// The PIN, asked for again.
    async fn confirm_pin(&self, input: WithPin) -> Result<(), Failure> {
        let (wallet, host) = (self.wallet()?, self.host.clone());
        blocking(move || wallet.confirm_secrets(secrets(&host, &input.pin.0))).await
    }

    pub(crate) async fn reveal_words(&self, input: WithPin) -> Result<WordsShown, Failure> {
        self.confirm_pin(input).await?;
        let wallet = self.wallet()?;
        let did = wallet.identity()?.map(|identity| identity.did.to_string()).unwrap_or_default();
        let words = wallet.recovery_words(wallet.language())?;
        let secret = RecoverySecret::from_words(&words).map_err(WalletError::from)?;
        let asked = positions(&self.host.environment.random, words.split(' ').count());
        let shown = WordsShown { words: Words(words.clone()), did, asked: asked.clone() };
        self.state().written = Some(Written { secret, words, asked, tries: 0, confirmed: false });
        Ok(shown)
    }

    pub(crate) async fn confirm_words(&self, input: TypedWords) -> Result<Nothing, Failure> {
        let wallet = self.wallet()?;
        let mut open = self.state();
        let written = open.written.as_mut().ok_or_else(not_shown)?;
        if written.matches(&input.words) {
            written.confirmed = true;
            wallet.words_are_written()?;
            return Ok(Nothing {});
        }
        written.tries = written.tries.saturating_add(1);
        // Whoever only guesses must not find them out one by one.
        if written.tries >= TRIES {
            open.written = None;
            return Err(not_shown());
        }
        Err(words_differ())
    }

    pub(crate) async fn rehearse_written(&self, input: RehearseWritten) -> Result<Rehearsal, Failure> {
        let wallet = self.wallet()?;
        let confirmed = self.state().written.as_ref().filter(|one| one.confirmed).map(|one| one.secret.clone());
        let rehearsal = wallet.rehearse(&confirmed.ok_or_else(not_shown)?, Some(&input.backup.0)).await?;
        self.state().written = None;
        Ok(rehearsal)
    }

    pub(crate) async fn reveal_cards(&self, input: WithPin) -> Result<Vec<CardShown>, Failure> {
        self.confirm_pin(input).await?;
        let wallet = self.wallet()?;
        let cards = blocking(move || wallet.guardian_cards()).await?;
        let shown = |card: CardView| CardShown { qr: Qr::of(&card.link), card };
        Ok(cards.iter().map(GuardianCard::view).map(shown).collect())
    }

    pub(crate) async fn read_card(&self, input: CardGiven) -> Result<CardRead, Failure> {
        let card = self.card(input).await?.view();
        Ok(CardRead { number: card.number, needed: card.needed, did: card.did })
    }

    pub(crate) async fn backup(&self, _: Nothing) -> Result<BackupFile, Failure> {
        let wallet = self.wallet()?;
        let contents = blocking(move || wallet.backup()).await?;
        Ok(BackupFile { name: "yufu-backup.yufu".to_owned(), contents: FileBytes(contents) })
    }

    pub(crate) async fn rehearse(&self, input: Rehearse) -> Result<Rehearsal, Failure> {
        let (_, secret) = self.secret(input.secret).await?;
        Ok(self.wallet()?.rehearse(&secret, input.backup.as_ref().map(|file| file.0.as_slice())).await?)
    }

    /// The secret by words or cards; the DID that cards name.
    pub(crate) async fn secret(&self, given: SecretGiven) -> Result<(Option<identity::Did>, RecoverySecret), Failure> {
        if let Some(words) = given.words {
            return Ok((None, RecoverySecret::from_words(&words.0).map_err(WalletError::from)?));
        }
        let mut cards = Vec::new();
        for card in given.cards {
            cards.push(self.card(card).await?);
        }
        let (did, secret) = blocking(move || Ok(RecoverySecret::from_cards(&cards)?)).await?;
        Ok((Some(did), secret))
    }

    async fn card(&self, given: CardGiven) -> Result<GuardianCard, Failure> {
        let wallet = self.wallet()?;
        let text = match (given.text, given.picture) {
            (Some(text), None) => text.0,
            (None, Some(picture)) => {
                blocking(move || wallet_core::Wallet::link_from_picture_bytes(&picture.0).map(Zeroizing::new)).await?
            }
            (Some(_), Some(_)) | (None, None) => return Err(Failure::malformed("a card is a text or a picture")),
        };
        // A card that was typed: its words, after the DID or about the identity of this wallet.
        let (names, words): (Vec<&str>, Vec<&str>) = text.split_whitespace().partition(|part| part.starts_with("did:"));
        let own = wallet.identity()?.map(|identity| identity.did);
        let named = names.first().and_then(|name| name.parse().ok());
        let is_typed = !text.contains("://");
        let card = match named.or(own).filter(|_| is_typed) {
            Some(did) => GuardianCard::from_words(did, &Zeroizing::new(words.join(" "))),
            None => GuardianCard::parse(&text),
        };
        Ok(card.map_err(WalletError::from)?)
    }
}

/// Which words are to be typed back: different ones each time.
fn positions(random: &Random, words: usize) -> Vec<usize> {
    let mut asked = BTreeSet::new();
    while asked.len() < ASKED.min(words) {
        let [byte] = random.bytes::<1>();
        asked.insert(usize::from(byte) % words + 1);
    }
    asked.into_iter().collect()
}

fn not_shown() -> Failure {
    Explained::new(
        "words-not-shown",
        Side::You,
        "请先用 PIN 查看并抄写恢复词，再输入所要求的几个词。",
        "Look at the words with your PIN and write them down first; then type the ones that are asked for.",
    )
    .into()
}

fn words_differ() -> Failure {
    Explained::new(
        "words-differ",
        Side::You,
        "有一个词与显示的不一样。请对照您抄写的纸，检查序号和写法。",
        "One of these is not the word that was shown. Look at your paper: the number, and how it is spelt.",
    )
    .into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use wallet_core::Passphrase;

    use super::*;
    use crate::inputs::{AddDevice, CameBack, Declare, OfLink, Picture, Pin, ReadText, Receive, Unlock};

    fn given(words: &[&str]) -> Vec<Words> {
        words.iter().map(|word| Words(Zeroizing::new((*word).to_owned()))).collect()
    }

    fn written() -> Written {
        let words = Zeroizing::new(format!("{}art", "abandon ".repeat(23)));
        let secret = RecoverySecret::from_words(&words).unwrap();
        Written { secret, words, asked: vec![3, 11, 24], tries: 0, confirmed: false }
    }

    #[test]
    fn the_words_that_are_typed_back_are_the_ones_that_were_asked_for() {
        let written = written();
        assert!(written.matches(&given(&["abandon", " Abandon ", "ART"])));
        for wrong in
            [&["abandon", "abandon", "abandon"][..], &["art", "abandon", "abandon"], &["abandon", "abandon"], &[], &["", "", ""]]
        {
            assert!(!written.matches(&given(wrong)), "{wrong:?}");
        }
    }

    #[test]
    fn other_words_are_asked_for_each_time_and_each_once() {
        let random = Random::from_os_seed([3; 32]);
        let mut all = BTreeSet::new();
        for _ in 0..40 {
            let asked = positions(&random, 24);
            assert_eq!(asked.len(), ASKED);
            assert!(asked.windows(2).all(|pair| pair[0] < pair[1]) && asked.iter().all(|number| (1..=24).contains(number)));
            all.extend(asked);
        }
        assert_eq!(all.len(), 24, "none is never asked for");
    }

    /// What a log or a panic would print of what holds secrets.
    #[test]
    fn nothing_that_holds_a_secret_prints_it() {
        let words = || Words(Zeroizing::new("legal winner".to_owned()));
        let shown = WordsShown { words: words(), did: "did:yufu:test:z1".to_owned(), asked: vec![1] };
        let secret = SecretGiven { words: Some(words()), cards: vec![CardGiven { text: Some(words()), picture: None }] };
        for printed in [format!("{shown:?}"), format!("{:?}", TypedWords { words: vec![words()] }), format!("{secret:?}")] {
            assert!(!printed.contains("legal") && !printed.contains("winner"), "{printed}");
        }
        let picture = || Picture(Zeroizing::new(vec![83, 69]));
        let values = BTreeMap::from([("id_number".to_owned(), "SECRET".to_owned())]);
        let department = "https://police.example".parse().unwrap();
        let attestation_type = "urn:example".to_owned();
        let declare =
            Declare { department, attestation_type, claims: Some(values), portrait: Some(picture()), documents: Vec::new() };
        let (link, pin) = ("openid-credential-offer://?SECRET".to_owned(), Some("SECRET".to_owned()));
        let address = "yufu-wallet://signed-in?code=SECRET".to_owned();
        for printed in [
            format!("{declare:?}"),
            format!("{:?}", picture()),
            format!("{:?}", Receive { link: link.clone(), pin }),
            format!("{:?}", OfLink { link: link.clone() }),
            format!("{:?}", CameBack { address }),
            format!("{:?}", AddDevice { link: link.clone(), code: "SECRET".to_owned() }),
            format!("{:?}", ReadText { text: link }),
            format!("{:?}", Unlock { pin: Pin(Passphrase::new("SECRET".to_owned())) }),
        ] {
            assert!(!printed.contains("SECRET") && !printed.contains("83, 69") && printed.contains('…'), "{printed}");
        }
    }
}
