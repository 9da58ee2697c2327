//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use identity::{Did, PublicKey};
use url::Url;
use wallet_core::{AttributeKind, Language, WalletConfig};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  refused or failed; the reason is on stderr
  2  the command line is wrong
  3  the person declined, or nobody could be asked
  4  the passphrase is wrong, or the wallet waits after wrong ones
  5  another side is away (ledger, department, website): try again

With --json the result is one JSON value on stdout, and an error one JSON object on stderr:
  {\"error\":{\"slug\":…,\"side\":…,\"sentence\":{\"zh\":…,\"en\":…}}}";

/// The citizen's wallet.
#[derive(Debug, Parser)]
#[command(name = "yufu-wallet", version, about = "The citizen's wallet 公民数字身份钱包", after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// The wallet's directory.
    #[arg(long, global = true, env = "YUFU_WALLET_DIR", default_value = "yufu-wallet")]
    pub(crate) dir: PathBuf,
    /// A file with the passphrase; without it the wallet asks.
    #[arg(long, global = true, env = "YUFU_WALLET_PASSPHRASE_FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Print JSON for programs.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Speak this language instead of the wallet's.
    #[arg(long, global = true)]
    pub(crate) language: Option<Speech>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// A language on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Speech {
    Zh,
    En,
}

impl From<Speech> for Language {
    fn from(speech: Speech) -> Self {
        match speech {
            Speech::Zh => Self::Zh,
            Speech::En => Self::En,
        }
    }
}

impl Arguments {
    /// The language to speak: as asked, else as the wallet is set, else Chinese.
    pub(crate) fn spoken_language(&self) -> Language {
        let configured = || WalletConfig::load(&self.dir).map(|config| config.language).unwrap_or_default();
        self.language.map_or_else(configured, Language::from)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create the wallet and a digital identity on the ledger; goes on where an earlier try stopped.
    Create(CreateArguments),
    /// Declare attributes to a department and ask it to attest them.
    Declare(DeclareArguments),
    /// Ask how requests for attestation stand.
    Status {
        /// One request; without it all of them.
        #[arg(allow_hyphen_values = true)]
        id: Option<String>,
        /// Wait up to so many seconds for a decision.
        #[arg(long, default_value_t = 0)]
        wait: u64,
    },
    /// Receive all credentials of an offer.
    Receive {
        /// The offer's link, or a picture of its QR code; without it the offer of the request that was attested.
        link: Option<String>,
        /// The PIN from the clerk; without it the wallet asks.
        #[arg(long)]
        pin: Option<String>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Begin to receive by signing in at the department; prints the address for a browser.
    SignIn {
        /// The offer's link, or a picture of its QR code; without it `--issuer` and `--type`.
        #[arg(required_unless_present = "issuer")]
        link: Option<String>,
        /// The credential issuer, without an offer.
        #[arg(long, requires = "attestation_type", conflicts_with = "link")]
        issuer: Option<String>,
        /// The credential's type, without an offer.
        #[arg(long = "type", requires = "issuer")]
        attestation_type: Option<String>,
        /// Where the browser comes back to.
        #[arg(long, default_value = wallet_core::COMES_BACK_TO)]
        redirect_uri: Url,
    },
    /// Go on with the address that the browser came back to.
    SignedIn {
        /// The address; without it the wallet reads it from standard input, where no other user of the machine sees it.
        address: Option<String>,
    },
    /// List issuances that are not done.
    Pending {
        /// Ask the issuers that take longer.
        #[arg(long)]
        poll: bool,
        /// Forget one, by its id.
        #[arg(long, conflicts_with = "poll")]
        forget: Option<String>,
    },
    /// Fetch new single-use copies of a credential.
    Renew {
        /// The credential's id.
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
    /// Remove a credential from this wallet; it stays in force on the ledger.
    Delete {
        /// The credential's id.
        #[arg(allow_hyphen_values = true)]
        id: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Open a link or the picture of a QR code; shows who asks for what, and asks you.
    Scan(ScanArguments),
    /// List credentials.
    Credentials {
        /// Ask the ledger for their status first.
        #[arg(long)]
        refresh: bool,
    },
    /// Kill a credential for good, without the issuer.
    Kill {
        /// The credential's id.
        #[arg(allow_hyphen_values = true)]
        id: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// What happened: claim names, never values.
    History {
        /// Write history, receipts and statements as JSON into this file.
        #[arg(long)]
        export: Option<PathBuf>,
    },
    /// All your own data, department by department: what was given, what it was used for, how it is protected.
    MyData {
        /// Ask the ledger for every fingerprint and status first.
        #[arg(long)]
        check: bool,
        /// Save the document with this CID, decrypted, into a file.
        #[arg(long, requires = "to", conflicts_with = "check")]
        save: Option<String>,
        /// The file; one that is there is not written over.
        #[arg(long, requires = "save")]
        to: Option<PathBuf>,
    },
    /// Take a consent back.
    Withdraw {
        /// The consent's id, as the history has it.
        #[arg(allow_hyphen_values = true)]
        consent: String,
    },
    /// Ask a site to delete what it was shown.
    AskDeletion {
        /// The consent's id, as the history has it.
        #[arg(allow_hyphen_values = true)]
        consent: String,
    },
    /// Report a site to the department that answers for it.
    Report {
        /// The consent's id, or the site's origin as the history has it.
        #[arg(allow_hyphen_values = true)]
        about: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// List withdrawals, wishes for deletion, and reports, and what came of them.
    Statements,
    /// Send a statement again that has not got there.
    SendStatement {
        /// The statement's id.
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
    /// Check every receipt against the ledger.
    Receipts {
        /// Show what was found before, without the ledger.
        #[arg(long)]
        offline: bool,
    },
    /// List responses that no site has acknowledged.
    Unsent,
    /// Send such a response again.
    Resend {
        /// The consent's id.
        #[arg(allow_hyphen_values = true)]
        consent: String,
    },
    /// Print the DID.
    Did,
    /// List the identity's devices, as the ledger has them.
    Devices {
        /// Show what was proven last, without the ledger.
        #[arg(long)]
        offline: bool,
    },
    /// On a new device: show the link and code for `add-device`, then join by the answer.
    Join(JoinArguments),
    /// Add a new device to the identity, by the link and code that it shows.
    AddDevice {
        /// The new device's link, or a picture of its QR code.
        link: String,
        /// The code that the new device shows; without it the wallet asks.
        #[arg(long)]
        code: Option<String>,
    },
    /// Call a device by a name, on this device alone; the ledger and others never learn it.
    NameDevice {
        /// The device's key, as `devices` lists it.
        key: PublicKey,
        /// The name, of 40 characters at most; nothing takes it away.
        #[arg(default_value = "")]
        name: String,
    },
    /// Remove a device from the identity; it is dead from the next block on.
    RemoveDevice {
        /// The device's key, as `devices` lists it.
        key: PublicKey,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Prepare for the loss of this device.
    Recovery {
        #[command(subcommand)]
        command: RecoveryCommand,
    },
    /// Take an identity over on this device, by words or guardians' cards; goes on where an earlier try stopped.
    Recover(RecoverArguments),
    /// Work with SD-JWTs; needs no wallet.
    SdJwt {
        #[command(subcommand)]
        command: SdJwtCommand,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RecoveryCommand {
    /// What was prepared, and what is still to be done.
    Status,
    /// Show the 24 words.
    Words,
    /// Make cards for three guardians, any two of whom recover the identity.
    Cards,
    /// Write a backup, sealed under the words.
    Backup {
        /// The file.
        file: PathBuf,
    },
    /// Try out words or cards, and a backup; changes nothing.
    Rehearse {
        #[command(flatten)]
        secret: SecretArguments,
        /// The backup file.
        #[arg(long)]
        backup: Option<PathBuf>,
    },
    /// Replace the secret: old words, cards and backups recover nothing any more.
    Rotate {
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// List credentials of the other device that are still to be asked for again.
    Moved,
    /// Ask issuers for them that give new ones without a new offer.
    Rebind,
    /// Kill the copies of one on the lost device.
    KillOld {
        /// Its id.
        #[arg(allow_hyphen_values = true)]
        id: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Take one off the list.
    Forget {
        /// Its id.
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
}

/// The recovery secret: never on the command line itself.
#[derive(Debug, Args)]
pub(crate) struct SecretArguments {
    /// A file with the 24 words; without it and without cards the wallet asks.
    #[arg(long, conflicts_with = "cards")]
    pub(crate) words_file: Option<PathBuf>,
    /// A guardian's card: a file with the text of its QR code, or a picture of it; may be given several times.
    #[arg(long = "card")]
    pub(crate) cards: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RecoverArguments {
    #[command(flatten)]
    pub(crate) create: CreateArguments,
    #[command(flatten)]
    pub(crate) secret: SecretArguments,
    /// The backup file.
    #[arg(long)]
    pub(crate) backup: Option<PathBuf>,
    /// The identity, where there is neither a backup nor a card.
    #[arg(long, conflicts_with = "backup")]
    pub(crate) did: Option<Did>,
}

#[derive(Debug, Args)]
pub(crate) struct JoinArguments {
    /// The answer of the first device; without it the link and code are shown.
    pub(crate) welcome: Option<String>,
    #[command(flatten)]
    pub(crate) create: CreateArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SdJwtCommand {
    /// Verify `{sd_jwt, issuer_jwk, now, require_kb, nonce, aud}` and print the processed claims as JSON.
    Verify {
        /// The file with the JSON; `-` for stdin.
        #[arg(default_value = "-")]
        input: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CreateArguments {
    /// A ledger node; may be given several times. Without nodes, `wallet.toml` in the directory is used.
    #[arg(long = "node", requires_all = ["genesis", "trust_anchors"])]
    pub(crate) nodes: Vec<Url>,
    /// The ledger's genesis file.
    #[arg(long, requires = "nodes")]
    pub(crate) genesis: Option<PathBuf>,
    /// The certificates (PEM) of the authorities that certify issuers and websites.
    #[arg(long, requires = "nodes")]
    pub(crate) trust_anchors: Option<PathBuf>,
    /// Bind the wallet to this device by the system's key store: it opens nowhere else, and a PIN of six characters is enough.
    #[arg(long)]
    pub(crate) bind_to_device: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DeclareArguments {
    /// The department's address.
    #[arg(long)]
    pub(crate) department: Url,
    /// The attestation type.
    #[arg(long = "type")]
    pub(crate) attestation_type: String,
    /// A JSON document of claims.
    #[arg(long)]
    pub(crate) claims: Option<PathBuf>,
    /// A portrait, JPEG or PNG; never required.
    #[arg(long)]
    pub(crate) portrait: Option<PathBuf>,
    /// A document, JPEG, PNG or PDF: `KIND=FILE`, KIND being identity-card, household-register, marriage-certificate or
    /// other-document; may be given several times.
    #[arg(long = "document", value_parser = kind_and_file)]
    pub(crate) documents: Vec<(AttributeKind, PathBuf)>,
    /// Confirm without asking.
    #[arg(long)]
    pub(crate) yes: bool,
}

fn kind_and_file(text: &str) -> Result<(AttributeKind, PathBuf), String> {
    let (kind, file) = text.split_once('=').ok_or("it must be KIND=FILE")?;
    let known = AttributeKind::DOCUMENTS.into_iter().find(|known| known.name().replace('_', "-") == kind);
    Ok((known.ok_or("there is no such kind of document; see --help")?, PathBuf::from(file)))
}

#[derive(Debug, Args)]
pub(crate) struct ScanArguments {
    /// The link, or a PNG or JPEG file with its QR code.
    pub(crate) link: String,
    /// Agree without asking.
    #[arg(long, conflicts_with_all = ["decline", "show"])]
    pub(crate) yes: bool,
    /// Go on although nobody has verified who asks.
    #[arg(long)]
    pub(crate) accept_unverified: bool,
    /// Show these credentials: `QUESTION=CREDENTIAL`; may be given several times.
    #[arg(long = "use", value_parser = question_and_credential)]
    pub(crate) chosen: Vec<(String, String)>,
    /// The code that the login page shows.
    #[arg(long)]
    pub(crate) match_code: Option<String>,
    /// Decline without asking; where the wallet refused the request by itself, have the site told so.
    #[arg(long, conflicts_with = "show")]
    pub(crate) decline: bool,
    /// Only show who asks for what; send nothing.
    #[arg(long)]
    pub(crate) show: bool,
    /// The PIN, where the link is an offer.
    #[arg(long)]
    pub(crate) pin: Option<String>,
}

/// `QUESTION=CREDENTIAL`; ids of questions have no `=`.
fn question_and_credential(text: &str) -> Result<(String, String), String> {
    let (question, credential) = text.split_once('=').ok_or("write QUESTION=CREDENTIAL")?;
    Ok((question.to_owned(), credential.to_owned()))
}
