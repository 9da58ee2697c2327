//! Story: read all one's own data in the spaces of different departments, along three dimensions: *data* (what a department was given and
//! what it issued), *business* (what that was used for), and *security* (where it is sealed, who holds keys, what the ledger says, and what
//! can be ended).
//!
//! [`Wallet::my_data`] reads this wallet's own sealed copies and needs no network. [`Wallet::check_my_data`] asks the ledger besides, and
//! remembers what it said and as of which block. Nobody else learns that either was done.

use std::collections::{BTreeMap, BTreeSet};

use identity::{Localized, UnixSeconds};
use ledger::cell::Subject;
use ledger::records::AttestationStatus;
use ledger::transaction::Anchor;
use serde::Serialize;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::attributes::declare::Bytes;
use crate::attributes::{AnchorProof, AttributeError, AttributeView, Declaration, Declared, RequestStage};
use crate::chain::{self, AsOf};
use crate::consent::ConsentRecord;
use crate::error::{Side, WalletError};
use crate::history::{Event, HistoryEntry};
use crate::issuance::{Credential, CredentialView};
use crate::labels;
use crate::records::base64url;
use crate::vault::{Table, VaultError};
use crate::wallet::Wallet;

/// All of the citizen's own data that this wallet knows of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MyData {
    /// By department, in the order in which they were first met.
    pub departments: Vec<DepartmentData>,
}

/// The citizen's data in one department's space.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DepartmentData {
    /// The department, by its name on the ledger.
    pub name: Localized,
    /// Its credential issuer identifier.
    pub issuer: String,
    /// Data: what it was given, newest first.
    pub given: Vec<GivenView>,
    /// Data: what it issued.
    pub issued: Vec<CredentialView>,
    /// Business: what all this was used for, newest first, with dates and sites.
    pub uses: Vec<HistoryEntry>,
    /// Security.
    pub security: SecurityView,
}

/// One declaration to a department.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GivenView {
    /// The request's id in this wallet.
    pub id: String,
    /// What the department was asked to attest.
    pub type_name: Localized,
    /// When it was prepared.
    pub at: UnixSeconds,
    /// How far the request is.
    pub state: RequestStage,
    /// The attributes with their values: for the citizen's own eyes.
    pub attributes: Vec<AttributeView>,
}

/// How data in a department's space is protected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SecurityView {
    /// Where it is and who can read it, in sentences.
    pub sentences: Vec<Localized>,
    /// The sealed copies, each with what is known of its anchor.
    pub sealed: Vec<SealedCopy>,
    /// What can be ended, and by whom.
    pub endings: Vec<Ending>,
}

/// One sealed copy in a department's store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SealedCopy {
    /// The name of the ciphertext.
    pub cid: String,
    /// What is in it.
    pub name: Localized,
    /// The store: the department's address.
    pub store: String,
    /// The transaction that anchored it, base64url.
    pub transaction: Option<String>,
    /// The height of its block.
    pub height: Option<u64>,
    /// What is known of copy and anchor.
    pub integrity: Integrity,
    /// The same in words.
    pub integrity_name: Localized,
    /// The block that the anchor was last proven against.
    pub as_of: Option<AsOf>,
}

/// What is known of a copy in this wallet and of its anchor on the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Integrity {
    /// The copy opens its commitment, and the ledger has it.
    Confirmed,
    /// The copy is as it was declared; the ledger was not asked since it was anchored.
    Unchecked,
    /// Nothing has left this device.
    NotSent,
    /// This wallet has no copy any more.
    CopyMissing,
    /// The copy in this wallet is not what was declared.
    CopyDiffers,
    /// The ledger has another anchor under this id.
    AnchorDiffers,
    /// The ledger has no such anchor.
    NotOnLedger,
}

impl Integrity {
    /// In words.
    pub fn name(self) -> Localized {
        let (zh, en) = match self {
            Self::Confirmed => ("账本上有此指纹，且与本机副本一致", "The ledger has this fingerprint, and your copy fits it"),
            Self::Unchecked => ("本机副本完好；尚未向账本核对", "Your copy is whole; the ledger was not asked yet"),
            Self::NotSent => ("尚未离开本机", "Nothing has left this device"),
            Self::CopyMissing => ("本机没有副本，无法核对", "This wallet has no copy to compare"),
            Self::CopyDiffers => ("本机副本与当时声明的不符", "Your copy is not what was declared"),
            Self::AnchorDiffers => ("账本上的指纹与当时写入的不符", "The ledger has another fingerprint than was written"),
            Self::NotOnLedger => ("账本上没有此指纹", "The ledger has no such fingerprint"),
        };
        Localized::new(zh, en)
    }
}

/// Something that can be ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ending {
    /// How.
    pub way: EndingWay,
    /// The credential, consent or request that it is about, by its id in this wallet.
    pub subject: String,
    /// What, in words.
    pub name: Localized,
    /// How, in words.
    pub how: Localized,
}

/// How something can be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndingWay {
    /// The citizen kills a credential without anybody's help: [`Wallet::break_lock`].
    Kill,
    /// The department revokes a credential.
    Revoke,
    /// The citizen wants a site to delete what it was shown: [`Wallet::request_deletion`].
    AskSite,
    /// The citizen asks the department to delete its copy.
    AskDepartment,
}

impl EndingWay {
    fn name(self) -> Localized {
        let (zh, en) = match self {
            Self::Kill => ("您可自行作废，立即生效，不需要部门", "You can kill it yourself, at once, without the department"),
            Self::Revoke => ("部门可撤销；请向部门提出", "The department can revoke it; ask the department"),
            Self::AskSite => ("您可要求该网站删除所看到的信息", "You can ask the site to delete what it saw"),
            Self::AskDepartment => (
                "可请部门删除其密文和密钥；账本上的指纹不能删除，但没有密钥就什么也读不出",
                "You can ask the department to delete its copy and keys; the fingerprint on the ledger stays, and without keys nothing can be read from it",
            ),
        };
        Localized::new(zh, en)
    }
}

/// A document of the citizen's own, opened.
pub struct MyDocument {
    /// A name for a file, with an ending that fits what is in it.
    pub file: String,
    /// Its media type.
    pub media_type: String,
    /// What is in it.
    pub bytes: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for MyDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MyDocument {} of {} bytes", self.media_type, self.bytes.len())
    }
}

/// A department's records in the vault.
#[derive(Default)]
struct Space {
    name: Option<Localized>,
    first: UnixSeconds,
    declarations: Vec<Declaration>,
    credentials: Vec<Credential>,
}

impl Wallet {
    /// All of the citizen's own data, department by department, as this wallet has it: without a network.
    ///
    /// # Errors
    /// [`WalletError::Vault`].
    pub fn my_data(&self) -> Result<MyData, WalletError> {
        let mut spaces: BTreeMap<String, Space> = BTreeMap::new();
        for declaration in self.vault.list::<Declaration>(Table::Declarations)? {
            let space = spaces.entry(declaration.issuer.clone()).or_default();
            space.meet(&declaration.department, declaration.created_at);
            space.declarations.push(declaration);
        }
        for credential in self.vault.list::<Credential>(Table::Credentials)? {
            let space = spaces.entry(credential.issuer.clone()).or_default();
            space.meet(&credential.issuer_name, credential.received_at);
            space.credentials.push(credential);
        }
        let history = self.history()?;
        let consents: BTreeMap<String, ConsentRecord> = self.vault.entries(Table::Consents)?.into_iter().collect();
        let mut spaces: Vec<(String, Space)> = spaces.into_iter().collect();
        spaces.sort_by_key(|(_, space)| space.first);
        let mut departments = Vec::new();
        for (issuer, space) in spaces {
            let uses = uses(&issuer, &space, &history, &consents);
            departments.push(self.department_data(issuer, space, uses)?);
        }
        Ok(MyData { departments })
    }

    /// Asks the ledger for every anchor and every credential's status, remembers the answers, and gives all data.
    ///
    /// # Errors
    /// [`WalletError::Ledger`] when it cannot be asked; what was known stays readable by [`Self::my_data`].
    pub async fn check_my_data(&self) -> Result<MyData, WalletError> {
        self.watched(Side::Ledger, Box::pin(self.check_my_data_story())).await
    }

    async fn check_my_data_story(&self) -> Result<MyData, WalletError> {
        for declaration in self.vault.list::<Declaration>(Table::Declarations)? {
            if declaration.anchored.is_none() {
                continue;
            }
            let mut heard = Vec::new();
            for attribute in &declaration.attributes {
                let found = chain::find::<Anchor>(self.chain.as_ref(), &Subject::Anchor(attribute.anchor)).await?;
                let same = found.record.map(|(_, anchor)| anchor == attribute.to_anchor());
                heard.push(AnchorProof { found: same, as_of: found.as_of });
            }
            self.vault.write::<_, VaultError>(|batch| {
                // As it is now: it may have moved on while the ledger was asked.
                let current: Option<Declaration> = batch.get(Table::Declarations, &declaration.id)?;
                let Some(mut current) = current else { return Ok(()) };
                for (attribute, proof) in current.attributes.iter_mut().zip(heard) {
                    attribute.proof = Some(proof);
                }
                batch.put(Table::Declarations, &current.id, &current)
            })?;
        }
        self.refresh_credentials_story().await?;
        self.my_data()
    }

    /// Opens the citizen's own copy of what was declared, by the name of its ciphertext.
    ///
    /// # Errors
    /// [`AttributeError::UnknownDocument`]; [`VaultError::Tampered`] when the copy is not what was declared.
    pub fn my_document(&self, cid: &str) -> Result<MyDocument, WalletError> {
        let unknown = || AttributeError::UnknownDocument(labels::printable(cid, 100));
        let declarations = self.vault.list::<Declaration>(Table::Declarations)?;
        let mut attributes = declarations.iter().flat_map(|declaration| &declaration.attributes);
        let attribute = attributes.find(|attribute| attribute.cid.to_string() == cid).ok_or_else(unknown)?;
        let mut copy: Bytes = self.vault.get(Table::Documents, cid)?.ok_or_else(unknown)?;
        if !is_declared(attribute, &copy) {
            return Err(VaultError::Tampered("documents").into());
        }
        let bytes = Zeroizing::new(std::mem::take(&mut copy.bytes));
        Ok(MyDocument { file: file_name(attribute), media_type: attribute.media_type.clone(), bytes })
    }

    fn department_data(&self, issuer: String, space: Space, uses: Vec<HistoryEntry>) -> Result<DepartmentData, WalletError> {
        let Space { name, mut declarations, mut credentials, .. } = space;
        declarations.sort_by_key(|declaration| std::cmp::Reverse(declaration.created_at));
        credentials.sort_by_key(|credential| std::cmp::Reverse(credential.received_at));
        let name = name.unwrap_or_else(|| Localized::new(&issuer, &issuer));
        let now = self.now();
        let issued = credentials.iter().map(|credential| credential.view(now)).collect::<Result<Vec<_>, _>>()?;
        let mut sealed = Vec::new();
        for declaration in &declarations {
            for attribute in &declaration.attributes {
                sealed.push(self.sealed_copy(declaration, attribute)?);
            }
        }
        let given = declarations.iter().map(given).collect();
        let security = SecurityView {
            sentences: sentences(&name, &declarations, &issued),
            sealed,
            endings: endings(&declarations, &issued, &uses),
        };
        Ok(DepartmentData { name, issuer, given, issued, uses, security })
    }

    fn sealed_copy(&self, declaration: &Declaration, attribute: &Declared) -> Result<SealedCopy, WalletError> {
        let cid = attribute.cid.to_string();
        let copy: Option<Bytes> = self.vault.get(Table::Documents, &cid)?;
        let whole = copy.map(|copy| is_declared(attribute, &copy));
        let integrity = integrity(whole, declaration.anchored.is_some(), attribute.proof);
        Ok(SealedCopy {
            cid,
            name: labels::attribute_kind(attribute.kind),
            store: declaration.department_url.origin().ascii_serialization(),
            transaction: declaration.anchored.map(|anchored| base64url(&anchored.transaction.0)),
            height: declaration.anchored.map(|anchored| anchored.height),
            integrity,
            integrity_name: integrity.name(),
            as_of: attribute.proof.map(|proof| proof.as_of),
        })
    }
}

impl Space {
    fn meet(&mut self, name: &Localized, at: UnixSeconds) {
        self.first = if self.name.is_some() { self.first.min(at) } else { at };
        self.name.get_or_insert_with(|| name.clone());
    }
}

/// Whether a copy opens the commitment that was made from what was declared: the commitment is over this hash.
fn is_declared(attribute: &Declared, copy: &Bytes) -> bool {
    let digest: [u8; 32] = Sha256::digest(&copy.bytes).into();
    digest == attribute.sha256
}

fn integrity(whole: Option<bool>, anchored: bool, proof: Option<AnchorProof>) -> Integrity {
    match (whole, anchored, proof.map(|proof| proof.found)) {
        (None, ..) => Integrity::CopyMissing,
        (Some(false), ..) => Integrity::CopyDiffers,
        (Some(true), false, _) => Integrity::NotSent,
        (Some(true), true, None) => Integrity::Unchecked,
        (Some(true), true, Some(Some(true))) => Integrity::Confirmed,
        (Some(true), true, Some(Some(false))) => Integrity::AnchorDiffers,
        (Some(true), true, Some(None)) => Integrity::NotOnLedger,
    }
}

fn given(declaration: &Declaration) -> GivenView {
    GivenView {
        id: declaration.id.clone(),
        type_name: labels::attestation_type(&declaration.attestation_type),
        at: declaration.created_at,
        state: declaration.stage.clone(),
        attributes: declaration.attribute_views(),
    }
}

/// What happened with this department, and at sites with what it attests. A request that ended in a release is one entry and not three.
fn uses(issuer: &str, space: &Space, history: &[HistoryEntry], consents: &BTreeMap<String, ConsentRecord>) -> Vec<HistoryEntry> {
    let declared = space.declarations.iter().map(|declaration| declaration.attestation_type.as_str());
    let issued = space.credentials.iter().map(|credential| credential.attestation_type.as_str());
    let types: BTreeSet<&str> = declared.chain(issued).collect();
    let shown = |consent: &String| consents.get(consent).is_some_and(|record| record.types().any(|vct| types.contains(vct)));
    let released: BTreeSet<&String> =
        history.iter().filter(|entry| entry.event == Event::Released).filter_map(|entry| entry.consent.as_ref()).collect();
    let is_step = |entry: &HistoryEntry| {
        matches!(entry.event, Event::Requested | Event::Consented)
            && entry.consent.as_ref().is_some_and(|consent| released.contains(consent))
    };
    let concerns = |entry: &&HistoryEntry| {
        let here = entry.consent.is_none() && entry.origin.as_deref() == Some(issuer);
        (here || entry.consent.as_ref().is_some_and(shown)) && !is_step(entry)
    };
    history.iter().rev().filter(concerns).cloned().collect()
}

fn sentences(name: &Localized, declarations: &[Declaration], issued: &[CredentialView]) -> Vec<Localized> {
    let mut sentences = Vec::new();
    let stores: BTreeSet<String> = declarations
        .iter()
        .filter(|declaration| declaration.anchored.is_some())
        .map(|declaration| declaration.department_url.origin().ascii_serialization())
        .collect();
    for store in stores {
        sentences.push(Localized::new(
            format!("您提交的材料以密文保存在{}的存储（{store}）和本机钱包中。", name.zh),
            format!("What you gave is kept encrypted in the store of {} ({store}) and in this wallet.", name.en),
        ));
        sentences.push(Localized::new(
            format!("能解密的只有您和{}；账本上只有加盐的指纹，读不出任何内容。", name.zh),
            format!(
                "Only you and {} hold keys to it; the ledger has salted fingerprints, from which nothing can be read.",
                name.en
            ),
        ));
    }
    if !issued.is_empty() {
        sentences.push(Localized::new(
            format!("{}签发的凭证只在本机，密钥不离开设备；网站只能看到您每次同意出示的内容。", name.zh),
            format!(
                "Cards of {} are on this device only, and their keys never leave it; a site sees what you agree to, each time.",
                name.en
            ),
        ));
    }
    sentences
}

fn endings(declarations: &[Declaration], issued: &[CredentialView], uses: &[HistoryEntry]) -> Vec<Ending> {
    let ending =
        |way: EndingWay, subject: &str, name: Localized| Ending { way, subject: subject.to_owned(), name, how: way.name() };
    let mut endings = Vec::new();
    for credential in issued {
        if matches!(credential.status, AttestationStatus::Active | AttestationStatus::Suspended) {
            endings.push(ending(EndingWay::Kill, &credential.id, credential.type_name.clone()));
            endings.push(ending(EndingWay::Revoke, &credential.id, credential.type_name.clone()));
        }
    }
    for entry in uses.iter().filter(|entry| entry.event == Event::Released) {
        let site = entry.other_side.clone().or_else(|| entry.origin.as_ref().map(|origin| Localized::new(origin, origin)));
        if let (Some(consent), Some(site)) = (&entry.consent, site) {
            endings.push(ending(EndingWay::AskSite, consent, site));
        }
    }
    for declaration in declarations.iter().filter(|declaration| declaration.anchored.is_some()) {
        let name = labels::attestation_type(&declaration.attestation_type);
        endings.push(ending(EndingWay::AskDepartment, &declaration.id, name));
    }
    endings
}

/// The name that the file had, with an ending that fits what is in it: what it was called is a stranger's word for whoever opens it.
fn file_name(attribute: &Declared) -> String {
    let end = match attribute.media_type.as_str() {
        "application/pdf" => "pdf",
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "application/json" => "json",
        _ => "bin",
    };
    let name = attribute.file_name.rsplit(['/', '\\']).next().unwrap_or_default();
    let (stem, old) = name.rsplit_once('.').unwrap_or((name, ""));
    let stem = if old.is_empty() { name } else { stem };
    let stem = if stem.trim_matches('.').is_empty() { attribute.kind.name() } else { stem };
    format!("{stem}.{end}")
}
