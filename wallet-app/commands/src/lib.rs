//! What a user interface can ask of the wallet: one table of commands, each with a typed input and output, over the stories of
//! `wallet-core`.
//!
//! [`for_each_command`] is the table. The pilot's bridge calls [`Commands::call`] with a name and JSON; a Tauri shell makes one
//! command of each row. The types that TypeScript sees are generated from the table and from the sources of what it names
//! (`wallet-app/ui/src/commands.gen.ts`; a test fails while that file is not current).
//!
//! Secrets come in and never go out, with one exception that cannot be avoided: the recovery words and guardians' cards are shown to be
//! written down. `reveal_words` and `reveal_cards` are that exception, and the only one: see `secrets.rs`. A picture of a card is
//! read here, and its words do not come back. A command that needs an open wallet ends with `wallet-locked` when it is closed.

mod asking;
mod failure;
mod identities;
mod inputs;
mod open;
mod progress;
mod qr;
mod secrets;
mod stories;
mod table;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod typescript;

pub use self::failure::Failure;
pub use self::identities::{DeviceAdded, JoinShown, Recovered};
pub use self::inputs::{
    AddDevice, Approve, ByCid, ByConsent, ByCredential, ById, CameBack, CardGiven, ChangePin, Create, Declare, DocumentFile,
    FileBytes, GivenDocument, LinkRead, NameDevice, Nothing, OfLink, OpenRequest, Picture, Pin, ReadPicture, ReadText, Receive,
    Recover, Rehearse, RehearseWritten, RemoveDevice, ReportSite, SecretGiven, Select, SetLanguage, TypedWords, Unlock, Where,
    WithPin, Words,
};
pub use self::open::{Commands, Host, Stage, Status};
pub use self::qr::Qr;
pub use self::secrets::{BackupFile, CardRead, CardShown, WordsShown};
pub use self::table::NAMES;
