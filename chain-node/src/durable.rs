//! Small files that are whole or absent: written beside their place, synced, and moved there.
//!
//! Assumes a file system whose rename is atomic. Refuses nothing; every error names the file.

use crate::kill_points::{self, Point};
use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// A file that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the file {} cannot be {doing}", path.display())]
pub struct FileError {
    /// Which file.
    pub path: PathBuf,
    /// What was tried: "read", "written", "locked".
    pub doing: &'static str,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

impl FileError {
    /// An error about `path`.
    pub fn new(path: &Path, doing: &'static str, source: io::Error) -> Self {
        Self { path: path.to_owned(), doing, source }
    }
}

/// Replaces the file; when this returns the new content survives a power cut.
///
/// # Errors
/// When it cannot be written; then the old content is still there.
pub fn replace(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let written = |source| FileError::new(path, "written", source);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let mut file = File::create(&beside).map_err(written)?;
    file.write_all(content).map_err(written)?;
    file.sync_all().map_err(written)?;
    kill_points::reach(Point::FileBeside);
    fs::rename(&beside, path).map_err(written)?;
    sync_folder(path)
}

/// Makes the entry of `path` in its folder survive a power cut.
///
/// # Errors
/// When the folder cannot be opened or synced.
pub fn sync_folder(path: &Path) -> Result<(), FileError> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|source| FileError::new(path, "written", source))
}

/// The content of a file, or `None` when there is none.
///
/// # Errors
/// When it is there and cannot be read.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FileError::new(path, "read", source)),
    }
}
