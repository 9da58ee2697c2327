//! What the program is started with: `--setup FILE`, `--folder FOLDER`. A link is an argument too, which the deep-link plugin reads.

use std::ffi::OsString;
use std::path::PathBuf;

/// The arguments that were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// The city's set-up file, in the place of the one in the user's configuration.
    pub setup: Option<PathBuf>,
    /// The wallet's folder, in the place of the one in the user's data.
    pub folder: Option<PathBuf>,
}

impl Arguments {
    /// Those of this process.
    pub fn of_this_program() -> Self {
        Self::read(std::env::args_os().skip(1))
    }

    /// Reads them. What is not known is not an error: desktops add arguments of their own.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Self {
        let mut found = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            match argument.to_str() {
                Some("--setup") => found.setup = arguments.next().map(PathBuf::from),
                Some("--folder") => found.folder = arguments.next().map(PathBuf::from),
                _ => {}
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_read_and_the_rest_is_left() {
        let read = |text: &str| Arguments::read(text.split_whitespace().map(OsString::from));
        let both = Arguments { setup: Some("/a".into()), folder: Some("/b".into()) };
        assert_eq!(read("--setup /a openid4vp://? --folder /b --other"), both);
        assert_eq!(read("openid4vp://? --setup"), Arguments::default());
    }
}
