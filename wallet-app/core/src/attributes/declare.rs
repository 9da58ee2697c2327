//! Preparing a declaration: files are read, sealed and kept; the department is looked up on the ledger. Nothing is sent but the
//! question what the department attests.

use blobs::{BlobKey, ReaderPublicKey};
use clients::issuer::IssuerClient;
use identity::keys::Algorithm;
use identity::{CommitmentKey, Localized};
use ledger::cell::Subject;
use ledger::records::{AuthorityId, AuthorityRecord, RecordId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;
use wire::issuer::{AttributeKind, fits};

use super::files::{self, Checked, DeclareContents, DeclareFile};
use super::{AttributeError, AttributeView, Declaration, DeclarePreview, Declared, RequestStage};
use crate::chain::{self, AsOf};
use crate::error::{Side, WalletError};
use crate::history::{self, Event, HistoryEntry};
use crate::labels;
use crate::records::{Secret32, base64url_bytes, fresh_id};
use crate::vault::{Table, VaultError};
use crate::wallet::Wallet;

/// A document or ciphertext in the vault.
#[derive(Serialize, Deserialize)]
pub(crate) struct Bytes {
    pub(crate) media_type: String,
    #[serde(with = "base64url_bytes")]
    pub(crate) bytes: Vec<u8>,
}

impl Drop for Bytes {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.bytes);
    }
}

/// A department as the ledger has it, fit for a declaration.
pub(super) struct Department {
    pub(super) authority: AuthorityId,
    pub(super) name: Localized,
    pub(super) issuer: String,
    pub(super) reader: ReaderPublicKey,
    pub(super) as_of: AsOf,
}

impl Wallet {
    /// Prepares a declaration: reads, checks and seals the files, and shows what would happen. Nothing of them leaves the device
    /// before [`Self::confirm_declaration`].
    ///
    /// # Errors
    /// [`WalletError::Attributes`] when a file or the department does not fit, [`WalletError::Identity`] without an identity.
    pub async fn declare(
        &self,
        department_url: &Url,
        attestation_type: &str,
        files: Vec<DeclareFile>,
    ) -> Result<DeclarePreview, WalletError> {
        let kinds = files.iter().map(|file| file.kind).collect();
        let open = || files.iter().map(files::open).collect();
        self.watched(Side::Department, Box::pin(self.prepare(department_url, attestation_type, kinds, open))).await
    }

    /// As [`Self::declare`], of files in memory: what a person typed or chose in a window is written nowhere in the clear.
    ///
    /// # Errors
    /// As [`Self::declare`].
    pub async fn declare_contents(
        &self,
        department_url: &Url,
        attestation_type: &str,
        files: Vec<DeclareContents>,
    ) -> Result<DeclarePreview, WalletError> {
        let kinds = files.iter().map(|file| file.kind).collect();
        self.watched(Side::Department, Box::pin(self.prepare(department_url, attestation_type, kinds, || Ok(files)))).await
    }

    async fn prepare(
        &self,
        department_url: &Url,
        attestation_type: &str,
        kinds: Vec<AttributeKind>,
        files: impl FnOnce() -> Result<Vec<DeclareContents>, AttributeError>,
    ) -> Result<DeclarePreview, WalletError> {
        self.identity_keys()?;
        let client = IssuerClient::new(self.http.clone(), department_url.clone());
        let described = client.department().await.map_err(AttributeError::Department)?;
        let offering = described.attestations.iter().find(|offering| offering.attestation_type == attestation_type);
        let offering = offering.ok_or_else(|| AttributeError::TypeNotOffered(attestation_type.to_owned()))?;
        let department = self.find_department(&described.authority, attestation_type).await?;
        if !same_origin(department_url, &department.issuer) || described.credential_issuer != department.issuer {
            return Err(AttributeError::NotAccredited("its address is not the one on the ledger").into());
        }
        if !fits(&kinds, &offering.needs, &offering.optional) {
            let (needs, optional) = (offering.needs.clone(), offering.optional.clone());
            return Err(AttributeError::Needs { needs, optional }.into());
        }
        let checked = files::check_all(files()?)?;
        let declaration = self.keep(department_url, attestation_type, &department, checked)?;
        Ok(preview(&declaration, department.as_of))
    }

    /// The department by its record on the ledger, accredited for the type and able to read.
    pub(super) async fn find_department(&self, authority: &AuthorityId, vct: &str) -> Result<Department, WalletError> {
        let found = chain::find::<AuthorityRecord>(self.chain.as_ref(), &Subject::Authority(*authority)).await?;
        let not_accredited = AttributeError::NotAccredited;
        let (cell, record) = found.record.ok_or(not_accredited("the ledger has no such department"))?;
        if !cell.is_in_force() {
            return Err(not_accredited("it is suspended").into());
        }
        if !record.accredited_types.iter().any(|accredited| accredited == vct) {
            return Err(not_accredited("it is not accredited for this type").into());
        }
        let reader = record.reader_key.as_deref().and_then(|key| key.parse().ok());
        Ok(Department {
            authority: record.id,
            name: record.name,
            issuer: record.issuer_url.ok_or(not_accredited("it has no issuing service on the ledger"))?,
            reader: reader.ok_or(not_accredited("it has no usable reader key on the ledger"))?,
            as_of: found.as_of,
        })
    }

    fn keep(
        &self,
        department_url: &Url,
        attestation_type: &str,
        department: &Department,
        checked: Vec<Checked>,
    ) -> Result<Declaration, WalletError> {
        let now = self.now();
        let mut sealed = Vec::new();
        for file in checked {
            sealed.push(self.seal(file)?);
        }
        let declaration = Declaration {
            id: fresh_id(&self.environment),
            created_at: now,
            department_url: department_url.clone(),
            authority: department.authority,
            department: department.name.clone(),
            issuer: department.issuer.clone(),
            attestation_type: attestation_type.to_owned(),
            attributes: sealed.iter().map(|(declared, ..)| declared.clone()).collect(),
            anchor_key: Secret32::fresh_key(&self.environment, Algorithm::Ed25519),
            transaction: None,
            anchored: None,
            jti: fresh_id(&self.environment),
            sent: None,
            handle: None,
            stage: RequestStage::Prepared,
            changed_at: now,
        };
        self.vault.write::<_, VaultError>(|batch| {
            for (declared, plaintext, ciphertext) in &sealed {
                let cid = declared.cid.to_string();
                batch.put(Table::Documents, &cid, plaintext)?;
                batch.put(Table::Uploads, &cid, ciphertext)?;
            }
            batch.put(Table::Declarations, &declaration.id, &declaration)?;
            history::record(batch, &entry(&declaration, now, Event::Declared))
        })?;
        Ok(declaration)
    }

    fn seal(&self, file: Checked) -> Result<(Declared, Bytes, Bytes), AttributeError> {
        let sealed = blobs::seal::seal(&file.bytes, self.environment.entropy()).map_err(|e| AttributeError::Seal(e.into()))?;
        let declared = Declared {
            kind: file.kind,
            file_name: labels::printable(&file.file_name, 120),
            media_type: file.media_type.to_owned(),
            bytes: file.bytes.len(),
            sha256: Sha256::digest(&file.bytes).into(),
            claims: file.claims,
            camera_data: file.camera_data,
            cid: sealed.cid,
            blob_key: BlobKey::clone(&sealed.key),
            commitment_key: CommitmentKey::from_entropy(self.environment.entropy()),
            anchor: RecordId(self.environment.entropy()),
            uploaded: false,
            proof: None,
        };
        let plaintext = Bytes { media_type: file.media_type.to_owned(), bytes: file.bytes.to_vec() };
        let ciphertext = Bytes { media_type: "application/octet-stream".to_owned(), bytes: sealed.ciphertext.to_vec() };
        Ok((declared, plaintext, ciphertext))
    }
}

/// A history entry about a declaration.
pub(super) fn entry(declaration: &Declaration, at: identity::UnixSeconds, event: Event) -> HistoryEntry {
    HistoryEntry {
        other_side: Some(declaration.department.clone()),
        origin: Some(declaration.issuer.clone()),
        attestation_type: Some(declaration.attestation_type.clone()),
        claims: declaration.attributes.iter().flat_map(|attribute| attribute.claims.keys().cloned()).collect(),
        ..HistoryEntry::new(at, event)
    }
}

fn same_origin(url: &Url, other: &str) -> bool {
    Url::parse(other).is_ok_and(|other| other.origin() == url.origin())
}

fn preview(declaration: &Declaration, as_of: AsOf) -> DeclarePreview {
    let type_name = labels::attestation_type(&declaration.attestation_type);
    let attributes: Vec<AttributeView> = declaration.attributes.iter().map(attribute_view).collect();
    let count = attributes.len();
    let department = &declaration.department;
    let sentence = Localized::new(
        format!(
            "确认后：{count} 份加密文件将上传到{}的存储，其指纹将写入账本，只有{}能解密。用途：申请“{}”。写入账本的指纹不能删除，但不含任何个人信息。",
            department.zh, department.zh, type_name.zh
        ),
        format!(
            "On confirmation: {count} encrypted file(s) go to the store of {}, their fingerprints go on the ledger, and only {} can read them, to attest \"{}\". A fingerprint on the ledger cannot be deleted; it contains nothing about you.",
            department.en, department.en, type_name.en
        ),
    );
    DeclarePreview {
        id: declaration.id.clone(),
        department: department.clone(),
        attestation_type: declaration.attestation_type.clone(),
        type_name,
        attributes,
        sentence,
        as_of,
    }
}

pub(super) fn attribute_view(attribute: &Declared) -> AttributeView {
    let mut notes = Vec::new();
    if attribute.camera_data {
        notes.push(Localized::new(
            "照片中含有相机信息（可能包括拍摄时间和地点），部门也会看到。如不希望，请先去除后重新选择。",
            "The picture carries data of the camera, perhaps time and place, which the department will see too. If you do not want that, remove it and choose the file again.",
        ));
    }
    AttributeView {
        kind: attribute.kind,
        name: labels::attribute_kind(attribute.kind),
        file: attribute.file_name.clone(),
        media_type: attribute.media_type.clone(),
        bytes: attribute.bytes,
        claims: attribute.claims.clone(),
        cid: attribute.cid.to_string(),
        notes,
    }
}
