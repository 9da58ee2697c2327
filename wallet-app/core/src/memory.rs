//! What the operating system may do with the memory of a process that holds an open wallet.

/// Forbids the system to write this process's memory into a file when it crashes: an open wallet's keys and contents are in there. To be
/// called at the start of a program. A system that has no such files, or forbids them already, is left as it is.
pub fn forbid_core_dumps() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        // Lowering one's own limit is always allowed.
        let _lowered = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
}
