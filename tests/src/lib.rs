//! The stories are under `stories/`, the repository rules in `tidy.rs`.
