//! Uploading and anchoring: what happens on the citizen's confirmation, step by step, each remembered when it is done.

use blobs::Cid;
use clients::blobs::BlobClient;
use clients::issuer::IssuerClient;
use identity::canonical;
use identity::keys::Algorithm;
use ledger::cell::Subject;
use ledger::limits::MAX_TRANSACTION_BYTES;
use ledger::receipt::{Receipt, Refusal};
use ledger::transaction::{ANCHOR_CONTEXT, Anchor, Body, Sender, Transaction};

use super::declare::{Bytes, entry};
use super::{Anchored, AttributeError, Declaration, Declared};
use crate::chain::{self, LedgerError};
use crate::error::WalletError;
use crate::history::{self, Event};
use crate::identity::applied;
use crate::vault::{Table, VaultError};
use crate::wallet::Wallet;

impl Wallet {
    /// Uploads what was not uploaded yet, and reads it back.
    pub(super) async fn upload(&self, declaration: &mut Declaration) -> Result<(), WalletError> {
        if declaration.attributes.iter().all(|attribute| attribute.uploaded) {
            return Ok(());
        }
        let department = IssuerClient::new(self.http.clone(), declaration.department_url.clone());
        let grant = department.grant_upload().await.map_err(AttributeError::Department)?;
        let store = BlobClient::new(self.http.clone(), declaration.department_url.clone());
        for number in 0..declaration.attributes.len() {
            let Some(attribute) = declaration.attributes.get(number).filter(|attribute| !attribute.uploaded) else { continue };
            let cid = attribute.cid;
            self.upload_one(&store, cid, &grant.upload_token).await?;
            if let Some(attribute) = declaration.attributes.get_mut(number) {
                attribute.uploaded = true;
            }
            self.vault.write::<_, VaultError>(|batch| {
                batch.put(Table::Declarations, &declaration.id, declaration)?;
                batch.remove(Table::Uploads, &cid.to_string()).map(drop)
            })?;
        }
        Ok(())
    }

    async fn upload_one(&self, store: &BlobClient, cid: Cid, token: &str) -> Result<(), WalletError> {
        let ciphertext: Option<Bytes> = self.vault.get(Table::Uploads, &cid.to_string())?;
        let mut ciphertext = ciphertext.ok_or(VaultError::Tampered("uploads"))?;
        let bytes = bytes::Bytes::from(std::mem::take(&mut ciphertext.bytes));
        store.put(cid, bytes, token).await.map_err(AttributeError::Blobs)?;
        // Read back: the client hashes every block, so other bytes than these do not come through.
        store.get(cid).await.map_err(AttributeError::Blobs)?;
        Ok(())
    }

    /// Anchors the attributes, once: the transaction is in the vault before the ledger sees it, and the same one is submitted
    /// again after a crash. Only one that expired without effect is replaced.
    pub(super) async fn anchor(&self, declaration: &mut Declaration) -> Result<(), WalletError> {
        if declaration.anchored.is_some() {
            return Ok(());
        }
        let receipt = match self.submit_anchor(declaration).await {
            Err(WalletError::Ledger(LedgerError::Refused(Refusal::Expired))) => {
                declaration.transaction = None;
                self.submit_anchor(declaration).await?
            }
            other => other?,
        };
        self.check_anchors(declaration).await?;
        declaration.anchored = Some(Anchored { transaction: receipt.transaction, height: receipt.height });
        declaration.changed_at = self.now();
        self.vault.write::<_, VaultError>(|batch| {
            batch.put(Table::Declarations, &declaration.id, declaration)?;
            history::record(batch, &entry(declaration, self.now(), Event::Anchored))
        })?;
        Ok(())
    }

    async fn submit_anchor(&self, declaration: &mut Declaration) -> Result<Receipt, WalletError> {
        let transaction = match &declaration.transaction {
            Some(bytes) => canonical::decode(bytes, MAX_TRANSACTION_BYTES).map_err(|_| VaultError::Tampered("declarations"))?,
            None => self.prepare_anchor(declaration).await?,
        };
        let receipt = self.chain.submit(&transaction).await?;
        applied(receipt.outcome)?;
        Ok(receipt)
    }

    async fn prepare_anchor(&self, declaration: &mut Declaration) -> Result<Transaction, WalletError> {
        let key = declaration.anchor_key.key(Algorithm::Ed25519).ok_or(VaultError::Tampered("declarations"))?;
        let anchors = declaration.attributes.iter().map(Declared::to_anchor).collect();
        let transaction = self.chain.prepare(&key, Sender::Key(key.public_key()), Body::AnchorAttributes(anchors)).await?;
        declaration.transaction = Some(canonical::encode(&transaction));
        self.vault.write::<_, VaultError>(|batch| batch.put(Table::Declarations, &declaration.id, declaration))?;
        Ok(transaction)
    }

    /// Reads the anchors back by proof.
    async fn check_anchors(&self, declaration: &Declaration) -> Result<(), WalletError> {
        for attribute in &declaration.attributes {
            let found = chain::find::<Anchor>(self.chain.as_ref(), &Subject::Anchor(attribute.anchor)).await?;
            match found.record {
                Some((_, anchor)) if anchor == attribute.to_anchor() => {}
                Some(_) => return Err(AttributeError::AnchorDiffers.into()),
                None => return Err(LedgerError::Unproven("an anchor is not in the state".to_owned()).into()),
            }
        }
        Ok(())
    }
}

impl Declared {
    /// The anchor as it stands on the ledger.
    pub(crate) fn to_anchor(&self) -> Anchor {
        let commitment = self.commitment_key.commit(ANCHOR_CONTEXT, &self.sha256);
        Anchor { id: self.anchor, commitment, cid: self.cid.to_bytes().to_vec() }
    }
}
