//! The table of commands, and calling one by its name.

use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;
use wallet_core::consent::UnsentView;
use wallet_core::identity::Devices;
use wallet_core::{
    AgreedView, AuthorizationView, ConsentView, CredentialView, DeclarePreview, Declined, DepartmentView, HistoryEntry,
    HistoryExport, IdentityView, InviteView, MovedView, MyData, OfferView, Outcome, PendingIssuance, ReceiptView, RecoveryStatus,
    Rehearsal, RequestView, Slow, Statement,
};

use crate::failure::Failure;
use crate::identities::{DeviceAdded, JoinShown, Recovered};
use crate::inputs::{
    AddDevice, Approve, ByCid, ByConsent, ByCredential, ById, CameBack, CardGiven, ChangePin, Create, Declare, DocumentFile,
    LinkRead, NameDevice, Nothing, OfLink, OpenRequest, ReadPicture, ReadText, Receive, Recover, Rehearse, RehearseWritten,
    RemoveDevice, ReportSite, Select, SetLanguage, TypedWords, Unlock, Where, WithPin,
};
use crate::open::{Commands, LIMIT, Status};
use crate::secrets::{BackupFile, CardRead, CardShown, WordsShown};

/// Hands the table to a macro: rows of `name: Input => Output;`, each with its documentation. The types are those of this crate and
/// of `wallet-core`.
#[macro_export]
macro_rules! for_each_command {
    ($then:ident) => {
        $then! {
            /// Whether there is a wallet, and whether it is open.
            status: Nothing => Status;
            /// Somebody uses the wallet just now: it stays open. No other command counts as use.
            touch: Nothing => Status;
            /// Which command of those under way takes longer than usual, and who is waited for.
            progress: Nothing => Option<Slow>;
            /// Speaks another language from now on.
            set_language: SetLanguage => Status;
            /// Makes the wallet under a new PIN, bound to this device. It is open afterwards.
            create: Create => Status;
            /// Opens the wallet.
            unlock: Unlock => Status;
            /// Closes it.
            lock: Nothing => Status;
            /// Changes the PIN.
            change_pin: ChangePin => Status;
            /// The identity, if there is one.
            identity: Nothing => Option<IdentityView>;
            /// Creates the identity, or goes on where that stopped.
            create_identity: Nothing => IdentityView;
            /// The devices of the identity, as the ledger has them now.
            devices: Nothing => Devices;
            /// The same as they were last proven, without the ledger.
            known_devices: Nothing => Option<Devices>;
            /// Calls a device by a name, on this device alone.
            name_device: NameDevice => Devices;
            /// Removes a device: dead from the next block on.
            remove_device: RemoveDevice => Devices;
            /// On a new device: the link and the code to show.
            ask_to_join: Nothing => JoinShown;
            /// On the first device: what a new device's link is. Nothing happens by it.
            open_device_link: OfLink => InviteView;
            /// Adds the new device, by the code that it shows.
            add_device: AddDevice => DeviceAdded;
            /// On the new device: joins the identity that it was added to.
            join: OfLink => IdentityView;
            /// How well the identity would survive the device.
            recovery_status: Nothing => RecoveryStatus;
            /// SECRET GOES OUT: the 24 words, to be written down. Asks for the PIN again.
            reveal_words: WithPin => WordsShown;
            /// Compares some of the words, as they were typed from paper.
            confirm_words: TypedWords => Nothing;
            /// SECRET GOES OUT: a new set of three guardians' cards, to be handed out. Asks for the PIN again.
            reveal_cards: WithPin => Vec<CardShown>;
            /// What of a guardian's card is no secret.
            read_card: CardGiven => CardRead;
            /// The backup file: sealed under the words.
            backup: Nothing => BackupFile;
            /// Tries the saved backup out, after the words were confirmed.
            rehearse_written: RehearseWritten => Rehearsal;
            /// Tries out words or cards, and a backup. It changes nothing.
            rehearse: Rehearse => Rehearsal;
            /// Puts a new recovery secret in the place of the old one: earlier words, cards and backups recover nothing any more.
            rotate_recovery: Nothing => RecoveryStatus;
            /// Takes an identity over on this device, or goes on where that stopped.
            recover: Recover => Recovered;
            /// Credentials of another device that are still to be asked for again.
            moved: Nothing => Vec<MovedView>;
            /// Asks for all that can be had without a new offer.
            rebind: Nothing => Vec<MovedView>;
            /// Kills the old copies of one.
            kill_moved: ById => Vec<MovedView>;
            /// Forgets one.
            forget_moved: ById => Vec<MovedView>;
            /// Addresses of the departments that this wallet was set up with.
            departments: Nothing => Vec<Url>;
            /// What a department attests.
            department: Where => DepartmentView;
            /// Prepares a declaration: sealed on this device, nothing is sent.
            declare: Declare => DeclarePreview;
            /// Confirms it: uploads, anchors, and asks the department.
            confirm: ById => RequestView;
            /// Requests to departments, as the wallet last heard.
            requests: Nothing => Vec<RequestView>;
            /// Asks a department how a request stands.
            ask_department: ById => RequestView;
            /// All of the citizen's own data, department by department, as the wallet has it.
            my_data: Nothing => MyData;
            /// The same, after asking the ledger for every anchor and status.
            check_my_data: Nothing => MyData;
            /// The citizen's own copy of what was declared.
            my_document: ByCid => DocumentFile;
            /// The link for a wallet in a text, and which screen it opens. It never acts.
            read_text: ReadText => LinkRead;
            /// The link in a picture's QR code.
            read_picture: ReadPicture => LinkRead;
            /// What an offer offers.
            review_offer: OfLink => OfferView;
            /// Receives all that it offers.
            receive: Receive => Vec<CredentialView>;
            /// Begins to receive by signing in at the department: an address for a browser.
            authorize: OfLink => AuthorizationView;
            /// Goes on with the address that the browser came back with.
            authorized: CameBack => Vec<CredentialView>;
            /// Asks issuers that take longer, and tells how everything that is not received yet stands.
            poll_issuances: Nothing => Vec<PendingIssuance>;
            /// Forgets one of these.
            forget_issuance: ById => Nothing;
            /// The credentials, as the wallet last heard of them.
            credentials: Nothing => Vec<CredentialView>;
            /// The same, after asking the ledger.
            refresh_credentials: Nothing => Vec<CredentialView>;
            /// Fetches new copies of one, where the issuer gives them without a new offer.
            renew: ByCredential => CredentialView;
            /// Kills a credential for good, on the ledger.
            kill: ByCredential => CredentialView;
            /// Removes one from this wallet; it stays in force.
            delete: ByCredential => Nothing;
            /// Opens a request: who asks, for what, and why. Nothing is sent.
            open_request: OpenRequest => ConsentView;
            /// The same with other credentials.
            select: Select => ConsentView;
            /// The citizen agrees.
            approve: Approve => Outcome;
            /// The citizen declines.
            decline: ByConsent => Declined;
            /// The site of the request that was refused last is told so.
            tell_site: Nothing => Declined;
            /// Answers that no site has acknowledged.
            unsent: Nothing => Vec<UnsentView>;
            /// Sends one of them again.
            resend: ByConsent => Outcome;
            /// What happened, oldest first.
            history: Nothing => Vec<HistoryEntry>;
            /// History, receipts and statements for a file: names and never values.
            export_history: Nothing => HistoryExport;
            /// What was agreed to by a consent, word for word.
            agreed: ByConsent => Option<AgreedView>;
            /// Takes a consent back: kept, and sent to the site.
            withdraw_consent: ByConsent => Statement;
            /// Wants a site to delete what it was shown.
            request_deletion: ByConsent => Statement;
            /// Reports a site to the department that answers for it.
            report_site: ReportSite => Statement;
            /// Sends a statement again that has not got there.
            send_statement: ById => Statement;
            /// What was stated.
            statements: Nothing => Vec<Statement>;
            /// The receipts, as they were last checked.
            receipts: Nothing => Vec<ReceiptView>;
            /// The same, after checking each against the ledger.
            verify_receipts: Nothing => Vec<ReceiptView>;
        }
    };
}

macro_rules! dispatch {
    ($( $(#[$documentation:meta])* $name:ident : $input:ty => $output:ty ; )*) => {
        /// The names of all commands.
        pub const NAMES: &[&str] = &[$(stringify!($name)),*];

        /// Documentation, name, input and output of each.
        #[cfg(test)]
        pub(crate) const ROWS: &[(&str, &str, &str, &str)] =
            &[$((stringify!($(#[$documentation])*), stringify!($name), stringify!($input), stringify!($output))),*];

        impl Commands {
            /// Calls a command by its name, with its input as JSON; gives its output as JSON.
            ///
            /// # Errors
            /// What the story ended with, in words; `command-malformed` when name or input are none of the table's.
            pub async fn call(&self, name: &str, input: &[u8]) -> Result<Vec<u8>, Failure> {
                match name {
                    $(stringify!($name) => {
                        let input: $input = read(input)?;
                        let story = Box::pin(self.$name(input));
                        let output: $output = self.slow.heard(tokio::time::timeout(LIMIT, story)).await.map_err(|_| Failure::took_too_long())??;
                        write(&output)
                    })*
                    _ => Err(Failure::malformed("there is no such command")),
                }
            }
        }
    };
}

for_each_command!(dispatch);

fn read<T: DeserializeOwned>(input: &[u8]) -> Result<T, Failure> {
    // Which value was wrong is not said: it may be a PIN, and the sentence goes to the screen, a log, a screenshot.
    serde_json::from_slice(input).map_err(|_| Failure::malformed("the input of this command is of another form"))
}

fn write<T: Serialize>(output: &T) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(output).map_err(|error| Failure::malformed(&error.to_string()))
}
