//! What a user interface can ask of the wallet: one table of commands, each with a typed input and output, over the stories of
//! `wallet-core`.
//!
//! [`for_each_command`] is the table. The pilot's bridge calls [`Commands::call`] with a name and JSON; a Tauri shell makes one
//! command of each row. The types that TypeScript sees are generated from the table and from the sources of what it names
//! (`wallet-app/ui/src/commands.gen.ts`; a test fails while that file is not current).
//!
//! Secrets come in and never go out. A command that needs an open wallet ends with `wallet-locked` when it is closed.

mod failure;
mod inputs;
mod open;
mod stories;
mod table;
#[cfg(test)]
mod typescript;

pub use self::failure::Failure;
pub use self::inputs::{
    Approve, ByConsent, ByCredential, ById, ChangePin, Create, Declare, LinkRead, Nothing, OfLink, Picture, Pin, ReadPicture,
    ReadText, Receive, Select, SetLanguage, Unlock, Where,
};
pub use self::open::{Commands, Host, Stage, Status};
pub use self::table::NAMES;
