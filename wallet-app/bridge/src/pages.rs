//! The built user interface: the files of one folder, read when the bridge starts. What is not among them is not there.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use axum::body::Bytes;

/// Files of the user interface at most.
const MAX_FILES: usize = 64;
/// Bytes of all of them at most.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// The files by their address.
#[derive(Clone, Debug)]
pub(crate) struct Pages {
    files: BTreeMap<String, (&'static str, Bytes)>,
}

impl Pages {
    /// Reads a folder.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        collect(folder, "", &mut files)?;
        let bytes: usize = files.values().map(|(_, bytes): &(&str, Bytes)| bytes.len()).sum();
        ensure!(files.len() <= MAX_FILES && bytes <= MAX_BYTES, "{} is not a built user interface", folder.display());
        ensure!(files.contains_key("/"), "{} has no index.html; build the user interface first", folder.display());
        Ok(Self { files })
    }

    /// The media type and bytes of an address.
    pub(crate) fn get(&self, path: &str) -> Option<(&'static str, Bytes)> {
        self.files.get(path).cloned()
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, (&'static str, Bytes)>) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().into_string().ok().context("a file's name is not text")?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(&entry.path(), &format!("{prefix}/{name}"), files)?;
        } else if kind.is_file()
            && let Some(media_type) = media_type(&name)
        {
            let path = if prefix.is_empty() && name == "index.html" { "/".to_owned() } else { format!("{prefix}/{name}") };
            files.insert(path, (media_type, std::fs::read(entry.path())?.into()));
        }
    }
    Ok(())
}

/// Only what the user interface is made of.
fn media_type(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "html" => Some("text/html; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}
