//! `chain-node govern`: an authority proposes, votes and enacts from the command line, and anybody looks at what is decided.
//!
//! Asks nodes as a client does and believes proofs only. Refuses a key that the ledger does not name for the authority, before anything
//! is sent.

mod act;
mod arguments;
mod show;

use crate::genesis::{self, GenesisError};
use clients::{ChainClient, ChainError, Random};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use identity::{Algorithm, SecretKey};
use ledger::{TrustRoot, governance::Admission, receipt::Refusal, records::AuthorityId, transaction::Sender};
use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

pub use arguments::{AdmissionProof, Arguments};

/// Why a command did nothing, or may not have done what was asked.
#[derive(Debug, thiserror::Error)]
pub enum GovernError {
    /// The genesis file cannot be used.
    #[error("the genesis file cannot be used")]
    Genesis(#[from] GenesisError),
    /// A file cannot be read.
    #[error("the file {path} cannot be read")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not what is needed.
    #[error("the file {path} is not {expected}")]
    Content {
        /// Which.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
    },
    /// Others may read the key.
    #[error("the key file {0} can be read by others: chmod 600 {0}")]
    Readable(PathBuf),
    /// The command needs to know who acts.
    #[error("say who acts: --authority ID --key-file FILE, before the command")]
    NoAuthority,
    /// The ledger does not know the authority.
    #[error("the ledger knows no authority {0}; look for it in the genesis and in `govern list`")]
    UnknownAuthority(AuthorityId),
    /// The key is not the authority's.
    #[error("the key in {path} is not one of the ledger keys of {authority}; use the key that the ledger names for it")]
    OtherKey {
        /// The key's file.
        path: PathBuf,
        /// The authority.
        authority: AuthorityId,
    },
    /// The ledger has no such proposal.
    #[error("the ledger has no proposal {0}; `govern list` shows the newest")]
    NoProposal(String),
    /// The ledger has no governance.
    #[error("this ledger is not governed: its genesis has no section on governance, and cannot get one")]
    NotGoverned,
    /// The ledger refused, by its rules.
    #[error("the ledger refused it: {refusal}. {advice}")]
    Refused {
        /// Why.
        refusal: Refusal,
        /// What to do about it.
        advice: &'static str,
    },
    /// The ledger could not be asked.
    #[error("the ledger gave no proved answer; see that --node names nodes of this ledger that are up, and try again")]
    Ledger(#[source] ChainError),
    /// The HTTP client cannot be made.
    #[error("this computer's TLS roots cannot be loaded")]
    Http(#[source] reqwest::Error),
    /// The system gives no runtime.
    #[error("the system does not let this program wait for the network")]
    Runtime(#[source] io::Error),
}

impl From<ChainError> for GovernError {
    fn from(error: ChainError) -> Self {
        match error {
            ChainError::Refused(refusal) => Self::Refused { refusal, advice: advice(refusal) },
            other => Self::Ledger(other),
        }
    }
}

/// What to do about a refusal.
fn advice(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NotGoverned => "A ledger gets its governance in its genesis only.",
        Refusal::NotAVoter => "Ask an authority that runs a validator of the next epoch to do it.",
        Refusal::AlreadyVoted => "`govern show` lists the ballots; one that was cast stays.",
        Refusal::ProposalClosed => "`govern show` says how far the proposal is; propose it again if it is still wanted.",
        Refusal::NoticeNotOver => "`govern show` says from which height on it may be enacted.",
        Refusal::BadConfiguration => "Propose a change that changes something and leaves enough members able to vote.",
        Refusal::AccreditedElsewhere => "Withdraw that accreditation first.",
        Refusal::Suspended => "Restore it first, or act for another authority.",
        Refusal::KeyNotProven => "Make the proof with `chain-node admission-proof`, with the same name, authority and genesis.",
        Refusal::KeyUsed => "Make a new key with `chain-node keygen`: one that was a validator's never returns.",
        Refusal::PlacementBroken => "Put the validator into another cluster, or admit one elsewhere first.",
        Refusal::LastValidator => "Admit another validator first.",
        Refusal::NotFound => "See that the name or id is right; `govern list` shows what there is.",
        Refusal::AlreadyExists => "Choose another name or id, or change what exists.",
        Refusal::NotOwner => "Only its own authority may do this.",
        Refusal::StatusFinal => "It was withdrawn: accredit an authority anew.",
        Refusal::Malformed
        | Refusal::Expired
        | Refusal::WrongSender
        | Refusal::UnknownKey
        | Refusal::Deactivated
        | Refusal::DeviceBound
        | Refusal::NotAccredited
        | Refusal::WrongSecret
        | Refusal::MayNotSponsor
        | Refusal::OtherLedger
        | Refusal::BadEvidence
        | Refusal::WrongRecoveryKey => "Correct what the command was given, and try again.",
    }
}

/// Runs a command to its end.
///
/// # Errors
/// See [`GovernError`].
pub fn run(arguments: &Arguments) -> Result<serde_json::Value, GovernError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(GovernError::Runtime)?;
    runtime.block_on(async {
        let root =
            TrustRoot::from_genesis(genesis::load(&arguments.genesis)?.genesis).expect("the file was checked when it was loaded");
        let http = clients::http::client().map_err(GovernError::Http)?;
        let client = ChainClient::new(http, arguments.node.clone(), root, Random::system());
        match &arguments.command {
            arguments::Command::List { before, limit } => show::list(&client, *before, *limit).await,
            arguments::Command::Show { proposal } => show::show(&client, *proposal).await,
            arguments::Command::Act(act) => act::act(&client, arguments, act).await,
        }
    })
}

/// Makes the proof that a consensus key stands for a validator or observer.
///
/// # Errors
/// When the genesis or the key file cannot be used.
pub fn admission_proof(arguments: &AdmissionProof) -> Result<serde_json::Value, GovernError> {
    let genesis = genesis::load(&arguments.genesis)?.genesis.hash();
    let seed = seed(&arguments.key_file)?;
    let key = SecretKey::from_bytes(Algorithm::Ed25519, &seed)
        .map_err(|_| GovernError::Content { path: arguments.key_file.clone(), expected: "an Ed25519 key" })?;
    let admission = Admission { genesis, name: arguments.name.clone(), authority: arguments.authority };
    Ok(serde_json::json!({
        "name": arguments.name,
        "authority": arguments.authority,
        "key": key.public_key(),
        "proof": BASE64URL_NOPAD.encode(&admission.sign(&key).bytes),
        "next": "give key and proof to an authority that votes: chain-node govern … propose admit-validator --key … --proof …",
    }))
}

/// The 32 bytes of a key file: 64 hexadecimal digits, for its owner's eyes only.
pub(crate) fn seed(path: &Path) -> Result<Zeroizing<[u8; 32]>, GovernError> {
    let unreadable = |source| GovernError::File { path: path.to_owned(), source };
    if fs::metadata(path).map_err(unreadable)?.permissions().mode() & 0o077 != 0 {
        return Err(GovernError::Readable(path.to_owned()));
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(unreadable)?);
    let bytes = HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).map(Zeroizing::new).ok();
    let seed = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
    seed.map(Zeroizing::new).ok_or_else(|| GovernError::Content { path: path.to_owned(), expected: "32 bytes in hexadecimal" })
}

/// Who acts, with the key that the ledger names for it. The file does not say the algorithm; the ledger does.
async fn sender(client: &ChainClient, arguments: &Arguments) -> Result<(Sender, SecretKey), GovernError> {
    let (Some(authority), Some(path)) = (arguments.authority, arguments.key_file.as_ref()) else {
        return Err(GovernError::NoAuthority);
    };
    let seed = seed(path)?;
    let (_, record) = client.authority(&authority).await?.value.ok_or(GovernError::UnknownAuthority(authority))?;
    let keys =
        [Algorithm::Ed25519, Algorithm::P256].into_iter().filter_map(|algorithm| SecretKey::from_bytes(algorithm, &seed).ok());
    let mut named = keys.filter(|key| record.ledger_keys.contains(&key.public_key()));
    let key = named.next().ok_or_else(|| GovernError::OtherKey { path: path.clone(), authority })?;
    Ok((Sender::Authority { authority, key: key.public_key() }, key))
}
