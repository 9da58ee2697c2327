//! The citizen's wallet as an application: a window that shows `wallet-app/ui`, the commands of `wallet-commands` behind it, and nothing
//! else. Every rule of the wallet is in `wallet-core`; what is here is where this device keeps things, and what the window may do.
//!
//! The page is one of ours, compiled into the program, and is still not trusted with more than it needs: it may call the table of
//! commands, each by a permission of its own, and none of Tauri's. It cannot load, ask or go to anything else; secrets go in and never come
//! out. A link from outside becomes a [`wallet_commands::LinkRead`] of bounded length, which opens a screen and never acts.
//!
//! The window itself is behind the feature `window`, because it needs the system's webview library.

mod arguments;
mod links;
#[cfg(any(test, feature = "window"))]
mod news;
#[cfg(any(test, feature = "window"))]
mod save;
mod setup;
#[cfg(feature = "window")]
mod weakened;
#[cfg(feature = "window")]
mod window;

pub use self::arguments::Arguments;
pub use self::links::Links;
pub use self::setup::{Setup, SetupError};

/// Opens the window and returns when it was closed.
#[cfg(feature = "window")]
#[cfg_attr(mobile, tauri::mobile_entry_point)]
pub fn run() {
    window::run();
}

#[cfg(test)]
#[cfg(feature = "window")]
mod tests {
    #[test]
    fn the_commands_that_got_a_permission_are_those_of_the_table() {
        let permitted: Vec<&str> = include_str!(concat!(env!("OUT_DIR"), "/commands.txt")).lines().collect();
        assert_eq!(permitted, wallet_commands::NAMES);
    }
}
