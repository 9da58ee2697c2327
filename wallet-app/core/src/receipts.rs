//! Story: look back. A receipt says that a site recorded on the ledger what it received; the wallet checks it by proof and needs
//! nobody's word.

use identity::{Localized, UnixSeconds};
use ledger::cell::Subject;
use ledger::records::PartyId;
use ledger::transaction::{NewReceipt, RECEIPT_CONTEXT};
use serde::{Deserialize, Serialize};
use wire::oid4vp::ReceiptOpening;

use crate::chain::{self, AsOf, LedgerError};
use crate::consent::Digest32;
use crate::error::{Side, WalletError};
use crate::records::{base64url, base64url_bytes};
use crate::vault::{Table, VaultError};
use crate::wallet::Wallet;

/// A receipt as it is kept.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Receipt {
    pub(crate) consent: String,
    pub(crate) at: UnixSeconds,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) party: Option<PartyId>,
    pub(crate) name: Localized,
    pub(crate) origin: String,
    pub(crate) purpose: Localized,
    pub(crate) claims: Vec<String>,
    pub(crate) opening: ReceiptOpening,
    pub(crate) key_bindings: Vec<Digest32>,
    /// The last check that reached the ledger.
    pub(crate) checked: Option<(Verdict, AsOf)>,
    /// What the ledger answered then: it proves the same for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) proof: Option<Proof>,
}

/// The encoding of a [`ledger::proof::Bundle`].
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Proof(#[serde(with = "base64url_bytes")] Vec<u8>);

/// A receipt's proof for others: with the ledger's genesis they can check, by nobody's word, that the ledger has this receipt and that it is
/// about what this wallet signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReceiptProof {
    /// The receipt's id on the ledger, base64url.
    pub receipt: String,
    /// The ledger's answer about it, base64url of the encoding of `ledger::proof::Bundle`: header, finality certificate, cell, record, proof.
    pub answer: String,
    /// The key that opens the record's commitment, base64url.
    pub commitment_key: String,
    /// What the commitment is to one of: SHA-256 of the key binding JWTs that were signed, base64url.
    pub key_bindings: Vec<String>,
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The ledger holds the receipt, and it is about what this wallet signed.
    Verified,
    /// The opening that the site gave does not fit what this wallet signed.
    AboutSomethingElse,
    /// The ledger has no such receipt.
    NotOnLedger,
    /// The ledger could not be asked.
    Unchecked,
}

impl Verdict {
    /// The verdict in words.
    pub fn name(self) -> Localized {
        match self {
            Self::Verified => Localized::new("已在账本核实", "verified on the ledger"),
            Self::AboutSomethingElse => Localized::new("回执与您出示的内容不符", "the receipt is not about what you showed"),
            Self::NotOnLedger => Localized::new("账本上没有这份回执", "the ledger has no such receipt"),
            Self::Unchecked => Localized::new("暂时无法核实", "could not be checked now"),
        }
    }

    pub(crate) fn warning(self) -> Option<Localized> {
        match self {
            Self::Verified => None,
            Self::AboutSomethingElse | Self::NotOnLedger => Some(Localized::new(
                format!("回执未通过核实：{}。您可以向网站的主管部门反映。", self.name().zh),
                format!("The receipt did not verify: {}. You can report it to the site's sponsor.", self.name().en),
            )),
            Self::Unchecked => Some(Localized::new(
                "回执已保存，但暂时无法在账本上核实。请稍后再核实。",
                "The receipt is kept but could not be checked on the ledger now. Verify it later.",
            )),
        }
    }
}

/// A receipt as a person sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReceiptView {
    /// The consent that it belongs to.
    pub consent: String,
    /// When the data was released.
    pub at: UnixSeconds,
    /// The party on the ledger, if it is one.
    pub party: Option<PartyId>,
    /// The site's name.
    pub name: Localized,
    /// Its origin.
    pub origin: String,
    /// The purpose.
    pub purpose: Localized,
    /// Names of the claims, never values.
    pub claims: Vec<String>,
    /// The receipt's id on the ledger, base64url.
    pub receipt: String,
    /// The transaction that recorded it, base64url.
    pub transaction: String,
    /// What the check found.
    pub verdict: Verdict,
    /// The block that it was proven against; `None` when the ledger was never reached.
    pub as_of: Option<AsOf>,
    /// How old that is, in words.
    pub freshness: Option<Localized>,
}

impl Receipt {
    fn view(&self, verdict: Verdict, as_of: Option<AsOf>, now: UnixSeconds) -> ReceiptView {
        ReceiptView {
            consent: self.consent.clone(),
            at: self.at,
            party: self.party,
            name: self.name.clone(),
            origin: self.origin.clone(),
            purpose: self.purpose.clone(),
            claims: self.claims.clone(),
            receipt: base64url(&self.opening.id.0),
            transaction: base64url(&self.opening.transaction.0),
            verdict,
            as_of,
            freshness: as_of.map(|as_of| as_of.freshness(now)),
        }
    }

    fn verdict(&self, on_ledger: Option<&NewReceipt>) -> Verdict {
        match on_ledger {
            _ if !self.opens() => Verdict::AboutSomethingElse,
            None => Verdict::NotOnLedger,
            Some(record) if record.commitment != self.opening.commitment => Verdict::AboutSomethingElse,
            Some(_) => Verdict::Verified,
        }
    }

    /// Whether the opening is about one of the key binding JWTs that this wallet signed.
    fn opens(&self) -> bool {
        let ReceiptOpening { commitment, commitment_key, .. } = &self.opening;
        self.key_bindings.iter().any(|digest| commitment_key.verify(RECEIPT_CONTEXT, &digest.0, commitment))
    }
}

impl Wallet {
    /// All receipts, oldest first, as they were last checked.
    ///
    /// # Errors
    /// [`WalletError::Vault`].
    pub fn receipts(&self) -> Result<Vec<ReceiptView>, WalletError> {
        let mut receipts: Vec<Receipt> = self.vault.list(Table::Receipts)?;
        receipts.sort_by_key(|receipt| receipt.at);
        let now = self.now();
        let view = |receipt: Receipt| match receipt.checked {
            Some((verdict, as_of)) => receipt.view(verdict, Some(as_of), now),
            None => receipt.view(Verdict::Unchecked, None, now),
        };
        Ok(receipts.into_iter().map(view).collect())
    }

    /// The proofs of all receipts that the ledger was asked about, oldest first.
    ///
    /// # Errors
    /// [`WalletError::Vault`].
    pub fn receipt_proofs(&self) -> Result<Vec<ReceiptProof>, WalletError> {
        let mut receipts: Vec<Receipt> = self.vault.list(Table::Receipts)?;
        receipts.sort_by_key(|receipt| receipt.at);
        let proof = |receipt: Receipt| {
            Some(ReceiptProof {
                receipt: base64url(&receipt.opening.id.0),
                answer: base64url(&receipt.proof?.0),
                commitment_key: base64url(receipt.opening.commitment_key.as_bytes()),
                key_bindings: receipt.key_bindings.iter().map(|digest| base64url(&digest.0)).collect(),
            })
        };
        Ok(receipts.into_iter().filter_map(proof).collect())
    }

    /// Checks every receipt by the answer of the ledger that was kept, without a network.
    ///
    /// # Errors
    /// [`WalletError::Vault`].
    pub fn verify_receipts_offline(&self) -> Result<Vec<ReceiptView>, WalletError> {
        let mut receipts: Vec<Receipt> = self.vault.list(Table::Receipts)?;
        receipts.sort_by_key(|receipt| receipt.at);
        let now = self.now();
        Ok(receipts.iter().map(|receipt| self.check_receipt_offline(receipt, now)).collect())
    }

    /// Checks every receipt against the ledger now. Where the ledger cannot be asked, the answer that was kept is checked again: it proves
    /// the same, as of its block. One without such an answer keeps what was found before.
    ///
    /// # Errors
    /// [`WalletError::Vault`].
    pub async fn verify_receipts(&self) -> Result<Vec<ReceiptView>, WalletError> {
        self.watched(Side::Ledger, Box::pin(self.verify_receipts_story())).await
    }

    pub(crate) async fn verify_receipts_story(&self) -> Result<Vec<ReceiptView>, WalletError> {
        let mut receipts: Vec<Receipt> = self.vault.list(Table::Receipts)?;
        receipts.sort_by_key(|receipt| receipt.at);
        let mut views = Vec::new();
        for receipt in receipts {
            views.push(self.check_receipt(receipt).await?);
        }
        Ok(views)
    }

    /// Checks one receipt and remembers what was found.
    pub(crate) async fn check_receipt(&self, mut receipt: Receipt) -> Result<ReceiptView, WalletError> {
        let now = self.now();
        let subject = Subject::Receipt(receipt.opening.id);
        let found = match chain::find::<NewReceipt>(self.chain.as_ref(), &subject).await {
            Ok(found) => found,
            Err(
                LedgerError::Unreachable
                | LedgerError::Following { .. }
                | LedgerError::Unproven(_)
                | LedgerError::Silent { .. }
                | LedgerError::NotFinal { .. },
            ) => {
                return Ok(self.check_receipt_offline(&receipt, now));
            }
            Err(error) => return Err(error.into()),
        };
        let verdict = receipt.verdict(found.record.as_ref().map(|(_, record)| record));
        receipt.checked = Some((verdict, found.as_of));
        receipt.proof = Some(Proof(found.proof));
        self.vault.write::<_, VaultError>(|batch| batch.put(Table::Receipts, &receipt.consent, &receipt))?;
        Ok(receipt.view(verdict, Some(found.as_of), now))
    }

    /// Checks one receipt by the answer that was kept.
    fn check_receipt_offline(&self, receipt: &Receipt, now: UnixSeconds) -> ReceiptView {
        let Some(Proof(proof)) = &receipt.proof else {
            return match receipt.checked {
                Some((verdict, as_of)) => receipt.view(verdict, Some(as_of), now),
                None => receipt.view(Verdict::Unchecked, None, now),
            };
        };
        match chain::find_again::<NewReceipt>(self.chain.as_ref(), &Subject::Receipt(receipt.opening.id), proof) {
            Ok(found) => receipt.view(receipt.verdict(found.record.as_ref().map(|(_, record)| record)), Some(found.as_of), now),
            // Of validators that this wallet does not know any more, or damaged.
            Err(_) => receipt.view(Verdict::Unchecked, None, now),
        }
    }
}
