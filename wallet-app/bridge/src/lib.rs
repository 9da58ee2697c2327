//! The pilot's wallet in a browser: the built user interface and the wallet's commands, served on 127.0.0.1 and nowhere else. It stands in
//! for the application's window; the application itself ships none of it.
//!
//! Whoever else runs pages on this machine must not reach the wallet, so every request for a command passes four gates: the `Host` is
//! this very address (a name that was pointed here by DNS is refused), the `Origin` is this very page, the session's cookie
//! (`SameSite=Strict`, not readable by scripts), and the session's proof, which only this page's own storage has: cookies are shared
//! between ports, that storage is not. A session begins with a start token from a link's fragment, which works once and for ten
//! minutes. A new session ends the one before it and closes the wallet. There is no CORS.

mod device;
mod gate;
mod pages;
mod server;

pub use self::device::FileStore;
pub use self::gate::Starts;
pub use self::server::{Bridge, BridgeError};
