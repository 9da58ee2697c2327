//! Every vote that any validator received from another, by the key that sent it: what must never contradict itself.
//!
//! The nodes write the books themselves, before they look at a vote (`CHAIN_NODE_VOTES_HEARD`, in a build with kill points). A vote that
//! nobody received can do no harm and is in no book.

use std::collections::HashMap;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

/// What one key said in one view.
#[derive(Debug, Default)]
struct Said {
    /// The block that its first or second vote is for, with its parent.
    block: Option<String>,
    gave_up: bool,
    finalized: bool,
}

/// The books of all validators, read on and on.
#[derive(Debug)]
pub struct Votes {
    /// Each book, and up to where it was read.
    books: Vec<(PathBuf, u64)>,
    /// By key, epoch and view.
    said: HashMap<(String, u64, u64), Said>,
    received: u64,
}

impl Votes {
    /// Nothing read yet.
    pub fn of(books: Vec<PathBuf>) -> Self {
        Self { books: books.into_iter().map(|book| (book, 0)).collect(), said: HashMap::new(), received: 0 }
    }

    /// How many were received, and how many keys in how many views they speak for.
    pub fn counts(&self) -> (u64, usize) {
        (self.received, self.said.len())
    }

    /// Reads what was written since the last time.
    ///
    /// # Errors
    /// At the first vote that contradicts another of the same key in the same view: another block, or giving the view up and finalizing it.
    pub fn read_on(&mut self) -> Result<()> {
        for place in 0..self.books.len() {
            let Some((book, from)) = self.books.get_mut(place) else { continue };
            let mut file = std::fs::File::open(&book).with_context(|| format!("opening the book of votes {}", book.display()))?;
            file.seek(SeekFrom::Start(*from))?;
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            // The last line may be half written.
            let whole = text.rfind('\n').map_or(0, |end| end + 1);
            *from += whole as u64;
            for line in text.get(..whole).unwrap_or_default().lines() {
                self.note(line)?;
            }
        }
        Ok(())
    }

    fn note(&mut self, line: &str) -> Result<()> {
        let words: Vec<&str> = line.split(' ').collect();
        let &[key, epoch, view, kind, block] = words.as_slice() else { bail!("this is no vote: {line}") };
        let said = self.said.entry((key.to_owned(), epoch.parse()?, view.parse()?)).or_default();
        match kind {
            "notarize" | "finalize" => {
                if let Some(other) = &said.block {
                    ensure!(other == block, "{key} voted for two blocks in view {view} of epoch {epoch}: {other} and {block}");
                }
                said.block = Some(block.to_owned());
                said.finalized |= kind == "finalize";
            }
            "nullify" => said.gave_up = true,
            _ => bail!("this is no vote: {line}"),
        }
        ensure!(!(said.gave_up && said.finalized), "{key} gave up view {view} of epoch {epoch} and finalized in it");
        self.received += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &str) -> Result<(u64, usize)> {
        let book = tempfile::NamedTempFile::new()?;
        std::fs::write(book.path(), lines)?;
        let mut votes = Votes::of(vec![book.path().to_owned()]);
        votes.read_on()?;
        votes.read_on()?;
        Ok(votes.counts())
    }

    #[test]
    fn votes_that_agree_are_counted_once_and_a_line_that_is_not_whole_waits() {
        let counts =
            read("a 0 5 notarize 4:x\na 0 5 finalize 4:x\na 0 5 notarize 4:x\nb 0 5 nullify -\nb 0 5 notarize 4:x\na 0 6 not");
        assert_eq!(counts.unwrap(), (5, 2));
    }

    #[test]
    fn two_blocks_of_one_key_in_one_view_and_giving_up_what_was_finalized_are_named() {
        let two = read("a 0 5 notarize 4:x\na 0 5 notarize 4:y\n").unwrap_err().to_string();
        assert!(two.contains("a voted for two blocks in view 5 of epoch 0"), "{two}");
        assert!(read("a 0 5 notarize 4:x\na 0 5 finalize 3:x\n").is_err());
        let both = read("a 1 5 nullify -\na 1 5 finalize 4:x\n").unwrap_err().to_string();
        assert!(both.contains("gave up view 5 of epoch 1"), "{both}");
    }
}
