//! The pilot city: every service as a process on this machine.
