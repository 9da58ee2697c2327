//! Files that the page gives a person to keep: a backup, the history, a statement. They go into one folder, under a name that says what they
//! are, and never in the place of another file. The page gives name and bytes and chooses nothing else.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use wallet_commands::{Failure, FileBytes};
use wallet_core::{Explained, Side};

/// Bytes of a name at most.
const MAX_NAME_BYTES: usize = 80;
/// What names begin and end with: nothing that a desktop would run.
const BEGINS: &str = "yufu-";
const ENDS: [&str; 3] = ["yufu", "json", "txt"];
/// Files of the same name at most.
const MAX_SAME: u32 = 99;

/// What is to be saved.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToSave {
    name: String,
    contents: FileBytes,
}

/// Where it is now.
#[derive(Debug, Serialize)]
pub(crate) struct Saved {
    path: String,
}

impl ToSave {
    /// Saves it in a folder, which is made if need be. It is on the disk afterwards, or nothing is.
    pub(crate) fn save_in(&self, folder: &Path) -> Result<Saved, Failure> {
        let (stem, end) = named(&self.name).ok_or_else(not_a_name)?;
        let failed = |error: io::Error| not_saved(folder, &error);
        fs::create_dir_all(folder).map_err(failed)?;
        for number in 1..=MAX_SAME {
            let name = if number == 1 { self.name.clone() } else { format!("{stem}-{number}.{end}") };
            let path = folder.join(name);
            return match create(&path) {
                Ok(file) => match write(file, &self.contents.0) {
                    Ok(()) => Ok(Saved { path: path.display().to_string() }),
                    Err(error) => {
                        // Half a backup would be taken for one.
                        drop(fs::remove_file(&path));
                        Err(failed(error))
                    }
                },
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => Err(failed(error)),
            };
        }
        Err(failed(io::ErrorKind::AlreadyExists.into()))
    }
}

/// Its parts, if it is one of ours.
fn named(name: &str) -> Option<(&str, &str)> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let (stem, end) = name.rsplit_once('.').filter(|_| name.len() <= MAX_NAME_BYTES)?;
    (stem.starts_with(BEGINS) && stem.bytes().all(is_plain) && ENDS.contains(&end)).then_some((stem, end))
}

/// A file that was not there, for its owner alone.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn write(mut file: File, contents: &[u8]) -> io::Result<()> {
    file.write_all(contents)?;
    file.sync_all()
}

/// It is none of the files that the interface saves.
pub(crate) fn not_a_name() -> Failure {
    Explained::new(
        "file-not-saved",
        Side::Wallet,
        "文件名不对，未保存。",
        "The file has no name of the wallet's and was not saved.",
    )
    .into()
}

/// The system names no folder.
pub(crate) fn no_folder() -> Failure {
    Explained::new(
        "file-not-saved",
        Side::Wallet,
        "未保存：系统没有给出存放文件的位置。请检查用户主目录是否存在。",
        "Nothing was saved: the system names no place to keep files in. See that your home directory is there.",
    )
    .into()
}

fn not_saved(folder: &Path, error: &io::Error) -> Failure {
    let folder = folder.display();
    Explained::new(
        "file-not-saved",
        Side::You,
        format!("未保存：无法写入 {folder}（{error}）。请检查磁盘空间和该文件夹的权限，然后重试。"),
        format!("Nothing was saved: {folder} cannot be written to ({error}). See that the disk has room and the folder is yours, and try again."),
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, contents: &[u8]) -> ToSave {
        ToSave { name: name.to_owned(), contents: FileBytes(contents.to_vec()) }
    }

    #[test]
    fn a_file_is_saved_beside_the_ones_that_are_there_and_readable_by_its_owner_alone() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("Downloads");
        for (number, contents) in [b"first".as_slice(), b"second", b"third"].into_iter().enumerate() {
            let saved = file("yufu-backup-2026-11-28.yufu", contents).save_in(&folder).unwrap();
            let expected = ["yufu-backup-2026-11-28.yufu", "yufu-backup-2026-11-28-2.yufu", "yufu-backup-2026-11-28-3.yufu"];
            assert_eq!(saved.path, folder.join(expected[number]).display().to_string());
        }
        assert_eq!(fs::read(folder.join("yufu-backup-2026-11-28.yufu")).unwrap(), b"first", "nothing is overwritten");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(folder.join("yufu-backup-2026-11-28.yufu")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_link_that_lies_where_the_file_would_be_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), folder.path().join("yufu-history.json")).unwrap();
        file("yufu-history.json", b"{}").save_in(folder.path()).unwrap();
        assert!(!folder.path().join("elsewhere").exists());
    }

    #[test]
    fn the_page_chooses_no_other_place_and_nothing_that_would_be_run() {
        let folder = tempfile::tempdir().unwrap();
        let long = format!("yufu-{}.txt", "a".repeat(MAX_NAME_BYTES));
        for name in [
            "",
            "notes.txt",
            "yufu-x.sh",
            "yufu-x.desktop",
            "yufu-../../x.txt",
            "../yufu-x.txt",
            "yufu-x",
            "yufu-x\0.txt",
            "yufu-é.txt",
            &long,
        ] {
            assert_eq!(file(name, b"x").save_in(folder.path()).unwrap_err().slug, "file-not-saved", "{name}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_cannot_be_written_is_said_in_words_with_the_place() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("Downloads");
        fs::write(&folder, "a file and no folder").unwrap();
        let failure = file("yufu-history.json", b"{}").save_in(&folder).unwrap_err();
        assert_eq!((failure.slug, failure.side), ("file-not-saved", Side::You));
        let place = folder.display().to_string();
        assert!(failure.sentence.en.contains(&place) && failure.sentence.zh.contains(&place), "{:?}", failure.sentence);
    }
}
