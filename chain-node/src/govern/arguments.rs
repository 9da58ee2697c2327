//! The flags of `govern`.

use clap::{Args, Subcommand, ValueEnum};
use data_encoding::BASE64URL_NOPAD;
use identity::{Algorithm, PublicKey, Signature};
use ledger::{
    governance::{Fraction, ProposalId},
    records::{AuthorityId, Name32},
    transaction::TransactionId,
};
use std::path::PathBuf;
use url::Url;

/// Who is asked, who acts, and what is done.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The address of a node's RPC; give several, and one may be away.
    #[arg(long, required = true)]
    pub node: Vec<Url>,
    /// The genesis file (JSON): what every answer is checked against.
    #[arg(long)]
    pub genesis: PathBuf,
    /// The authority that acts.
    #[arg(long)]
    pub authority: Option<AuthorityId>,
    /// The file with its ledger key: 64 hexadecimal digits, mode 0600.
    #[arg(long)]
    pub key_file: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Whose key stands for what.
#[derive(Debug, Args)]
pub struct AdmissionProof {
    /// The validator's key file, as `keygen` wrote it.
    #[arg(long)]
    pub key_file: PathBuf,
    /// The genesis file (JSON) of the ledger.
    #[arg(long)]
    pub genesis: PathBuf,
    /// The name that the validator or observer will have.
    #[arg(long)]
    pub name: String,
    /// The authority that will run it.
    #[arg(long)]
    pub authority: AuthorityId,
}

/// What is done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The parameters, the validators of the next epoch, and the newest proposals.
    List {
        /// Proposals before this one.
        #[arg(long, value_parser = proposal, allow_hyphen_values = true)]
        before: Option<ProposalId>,
        /// How many at most.
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// One proposal: what it changes, who voted, and until when.
    Show {
        /// Its id.
        #[arg(value_parser = proposal, allow_hyphen_values = true)]
        proposal: ProposalId,
    },
    /// What an authority does.
    #[command(flatten)]
    Act(Act),
}

/// What an authority does.
#[derive(Debug, Subcommand)]
pub enum Act {
    /// Proposes a change, and votes for it.
    Propose {
        /// The change.
        #[command(subcommand)]
        change: Proposed,
    },
    /// Casts the authority's one ballot.
    Vote {
        /// The proposal.
        #[arg(value_parser = proposal, allow_hyphen_values = true)]
        proposal: ProposalId,
        /// For it, or against it.
        ballot: For,
    },
    /// Puts an approved proposal into effect, after its notice.
    Enact {
        /// The proposal.
        #[arg(value_parser = proposal, allow_hyphen_values = true)]
        proposal: ProposalId,
    },
    /// Takes an own proposal back.
    Withdraw {
        /// The proposal.
        #[arg(value_parser = proposal, allow_hyphen_values = true)]
        proposal: ProposalId,
    },
    /// Takes an own validator or observer out at the epoch's end; nobody votes on it.
    Leave {
        /// Its name.
        validator: String,
    },
}

/// A ballot.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum For {
    /// For the proposal.
    Approve,
    /// Against it.
    Refuse,
}

/// A validator or observer.
#[derive(Debug, Args)]
pub struct Member {
    /// Its name.
    #[arg(long)]
    pub name: String,
    /// The authority that will run it.
    #[arg(long)]
    pub authority: AuthorityId,
    /// The cluster that it stands in.
    #[arg(long)]
    pub cluster: String,
    /// `host:port` in the network of validators.
    #[arg(long)]
    pub address: Option<String>,
    /// Its consensus key, `ed25519:…`.
    #[arg(long)]
    pub key: PublicKey,
    /// What `admission-proof` printed for this key, name and authority.
    #[arg(long, value_parser = signature, allow_hyphen_values = true)]
    pub proof: Signature,
}

/// What may be proposed.
#[derive(Debug, Subcommand)]
pub enum Proposed {
    /// A validator from the next epoch on, or an observer that becomes one.
    AdmitValidator(Member),
    /// No longer a validator from the next epoch on.
    RemoveValidator {
        /// Its name.
        #[arg(long)]
        name: String,
    },
    /// Another consensus key for a validator from the next epoch on.
    RotateValidatorKey {
        /// Its name.
        #[arg(long)]
        name: String,
        /// The new key, `ed25519:…`.
        #[arg(long)]
        key: PublicKey,
        /// What `admission-proof` printed for the new key.
        #[arg(long, value_parser = signature, allow_hyphen_values = true)]
        proof: Signature,
    },
    /// A node that follows without a vote.
    AdmitObserver(Member),
    /// No longer an observer.
    RemoveObserver {
        /// Its name.
        #[arg(long)]
        name: String,
    },
    /// A new authority.
    AdmitAuthority {
        /// Its record (JSON), as in a genesis, with no accredited types.
        #[arg(long)]
        file: PathBuf,
    },
    /// Other keys for an authority, all at once.
    ReplaceAuthorityKeys {
        /// The authority.
        #[arg(long)]
        authority: AuthorityId,
        /// A ledger key from now on; once for each.
        #[arg(long, required = true)]
        ledger_key: Vec<PublicKey>,
        /// A credential key from now on; once for each.
        #[arg(long)]
        credential_key: Vec<PublicKey>,
    },
    /// Nothing that the authority signs counts until it is restored.
    SuspendAuthority {
        /// The authority.
        authority: Name32,
    },
    /// The suspended authority acts again.
    RestoreAuthority {
        /// The authority.
        authority: Name32,
    },
    /// The authority becomes the one that attests a type.
    Accredit {
        /// The authority.
        #[arg(long)]
        authority: AuthorityId,
        /// The attestation type.
        #[arg(long)]
        attestation_type: String,
    },
    /// Nobody attests the type for now.
    SuspendAccreditation {
        /// The attestation type.
        attestation_type: String,
    },
    /// The authority that attested the suspended type does so again.
    RestoreAccreditation {
        /// The attestation type.
        attestation_type: String,
    },
    /// Nobody attests the type any more.
    WithdrawAccreditation {
        /// The attestation type.
        attestation_type: String,
    },
    /// Whether an authority may register websites and counters.
    AllowSponsoring {
        /// The authority.
        #[arg(long)]
        authority: AuthorityId,
        /// true or false.
        #[arg(long, action = clap::ArgAction::Set)]
        allowed: bool,
    },
    /// Other parameters; what is not given stays.
    SetParameters {
        /// The share that approves, such as 2/3.
        #[arg(long, value_parser = fraction)]
        approval: Option<Fraction>,
        /// Blocks for voting.
        #[arg(long)]
        voting_blocks: Option<u64>,
        /// Blocks of notice.
        #[arg(long)]
        notice_blocks: Option<u64>,
        /// Whether clusters are watched over.
        #[arg(long)]
        placement: Option<Watched>,
    },
}

/// See `ledger::governance::Placement`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Watched {
    /// Clusters are for people to read.
    Advisory,
    /// No vote may put too many validators into one.
    Enforced,
}

fn bytes<const N: usize>(text: &str) -> Result<[u8; N], String> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| format!("not {N} bytes of base64url without padding"))
}

fn proposal(text: &str) -> Result<ProposalId, String> {
    bytes(text).map(TransactionId)
}

fn signature(text: &str) -> Result<Signature, String> {
    Ok(Signature { algorithm: Algorithm::Ed25519, bytes: bytes(text)? })
}

fn fraction(text: &str) -> Result<Fraction, String> {
    let parts = text.split_once('/').and_then(|(above, below)| Some((above.parse().ok()?, below.parse().ok()?)));
    let (numerator, denominator) = parts.ok_or_else(|| "not a share such as 2/3".to_owned())?;
    Ok(Fraction { numerator, denominator })
}
