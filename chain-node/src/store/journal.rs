//! What a block adds, in the order of the blocks, in one of two files: written and synced before the block is acknowledged, and read again
//! only after a crash.
//!
//! One append and one sync are all that a block costs here, whatever the tables look like that it ends up in. While the blocks of one
//! file are on their way into the tables, the next ones go to the other; then the first is written over from its start. So the files keep
//! their length, and a sync has no new length to write down.
//!
//! A file begins with a header, which has a number that grows and a seed. Frames follow: the seed's beginning as a mark, the payload's
//! length, a hash, the payload. The seed comes from what was written last in the other file, so nothing that lies there from
//! earlier, whoever had it put into a block, is taken for a frame. A frame that is not whole ends the file, for it was never
//! acknowledged; but when a whole one comes after it, the file is damaged, and that is an error.

use redb::StorageBackend;
use sha2::{Digest as _, Sha256};
use std::io;

/// Number, seed, and the hash of both.
const HEADER_BYTES: usize = 8 + SEED_BYTES + HASH_BYTES;
const SEED_BYTES: usize = 32;
const HASH_BYTES: usize = 32;
/// Of the seed, in each frame.
const MARK_BYTES: usize = 16;
/// Mark, length, hash.
const FRAME_BYTES: usize = MARK_BYTES + 4 + HASH_BYTES;
/// A file grows by so many bytes.
const GROWTH: usize = 1024 * 1024;

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk.
    #[error("the journal of the body store cannot be read or written")]
    Disk(#[from] io::Error),
    /// A frame is not whole, and one after it is.
    #[error("the journal of the body store is damaged: file {file}, byte {byte}")]
    Damaged {
        /// The first file or the second.
        file: usize,
        /// Where the first bad frame begins.
        byte: usize,
    },
}

#[derive(Debug)]
struct File {
    disk: Box<dyn StorageBackend>,
    length: usize,
}

/// Two files, of which one is written to.
#[derive(Debug)]
pub(super) struct Journal {
    /// The one that is written to.
    active: File,
    other: File,
    number: u64,
    seed: [u8; SEED_BYTES],
    /// Where its next frame begins; 0 before its header.
    end: usize,
    /// The hash of the newest frame of all, or the seed of a file that has none: what nobody could know when they made a frame.
    newest: [u8; HASH_BYTES],
}

/// What a file has.
struct Found {
    number: u64,
    payloads: Vec<Vec<u8>>,
    newest: [u8; HASH_BYTES],
}

impl Journal {
    /// Opens two files, which may be empty, and gives what they have, oldest first. The next frame is the first of a file: whoever opens has
    /// put what it was given elsewhere by then.
    pub(super) fn open(disks: [Box<dyn StorageBackend>; 2]) -> Result<(Self, Vec<Vec<u8>>), JournalError> {
        let [first, second] = disks;
        let (mut first, mut second) = (File::open(first)?, File::open(second)?);
        let (in_first, in_second) = (first.read(0)?, second.read(1)?);
        let number = |found: &Option<Found>| found.as_ref().map(|found| found.number);
        // The one that was written to longest ago comes first, and is written to next.
        let (active, other, found) = if number(&in_first) <= number(&in_second) {
            (first, second, [in_first, in_second])
        } else {
            (second, first, [in_second, in_first])
        };
        let (mut number, mut newest, mut payloads) = (0, [0; HASH_BYTES], Vec::new());
        for found in found.into_iter().flatten() {
            (number, newest) = (found.number, found.newest);
            payloads.extend(found.payloads);
        }
        let mut journal = Self { active, other, number, seed: [0; SEED_BYTES], end: 0, newest };
        journal.renew();
        Ok((journal, payloads))
    }

    /// Adds a frame. It is on the disk when this returns; `written` is called before the sync.
    pub(super) fn append(&mut self, payload: &[u8], written: impl FnOnce()) -> io::Result<()> {
        let length = u32::try_from(payload.len()).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?.to_le_bytes();
        let mut bytes = Vec::with_capacity(HEADER_BYTES + FRAME_BYTES + payload.len());
        if self.end == 0 {
            bytes.extend_from_slice(&self.number.to_le_bytes());
            bytes.extend_from_slice(&self.seed);
            let hash = Sha256::digest(&bytes);
            bytes.extend_from_slice(&hash);
        }
        let hash = frame_hash(&self.seed, length, payload);
        bytes.extend(self.seed.iter().take(MARK_BYTES));
        bytes.extend_from_slice(&length);
        bytes.extend_from_slice(&hash);
        bytes.extend_from_slice(payload);
        let end = self.end + bytes.len();
        self.active.reserve(end)?;
        self.active.disk.write(self.end as u64, &bytes)?;
        written();
        self.active.disk.sync_data()?;
        (self.end, self.newest) = (end, hash);
        Ok(())
    }

    /// Goes on at the start of the other file, whose frames nobody needs any more.
    pub(super) fn turn(&mut self) {
        std::mem::swap(&mut self.active, &mut self.other);
        self.renew();
    }

    fn renew(&mut self) {
        self.number += 1;
        self.end = 0;
        self.seed = Sha256::new().chain_update(b"yufu/body-store/journal").chain_update(self.newest).finalize().into();
    }
}

fn frame_hash(seed: &[u8], length: [u8; 4], payload: &[u8]) -> [u8; HASH_BYTES] {
    Sha256::new().chain_update(seed).chain_update(length).chain_update(payload).finalize().into()
}

impl File {
    fn open(disk: Box<dyn StorageBackend>) -> io::Result<Self> {
        let length = usize::try_from(disk.len()?).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        Ok(Self { disk, length })
    }

    /// Makes room up to `end`, written and not only promised.
    fn reserve(&mut self, end: usize) -> io::Result<()> {
        if end > self.length {
            let length = end.next_multiple_of(GROWTH);
            self.disk.set_len(length as u64)?;
            self.disk.write(self.length as u64, &vec![0; length - self.length])?;
            self.length = length;
        }
        Ok(())
    }

    /// Its header and whole frames, if it has a header.
    fn read(&mut self, file: usize) -> Result<Option<Found>, JournalError> {
        let mut bytes = vec![0; self.length];
        self.disk.read(0, &mut bytes)?;
        let Some((header, mut rest)) = bytes.split_at_checked(HEADER_BYTES) else { return Ok(None) };
        let (head, hash) = header.split_at(HEADER_BYTES - HASH_BYTES);
        let (number, seed) = head.split_at(8);
        if Sha256::digest(head)[..] != *hash {
            return Ok(None);
        }
        let number = u64::from_le_bytes(number.try_into().expect("it has 8 bytes"));
        let newest = seed.try_into().expect("a seed has 32 bytes");
        let mut found = Found { number, payloads: Vec::new(), newest };
        while let Some((payload, hash, after)) = frame(seed, rest) {
            found.payloads.push(payload.to_vec());
            (found.newest, rest) = (hash, after);
        }
        let marks = rest.windows(MARK_BYTES).enumerate().skip(1).filter(|(_, window)| seed.starts_with(window));
        if marks.filter_map(|(place, _)| rest.get(place..)).any(|rest| frame(seed, rest).is_some()) {
            return Err(JournalError::Damaged { file, byte: bytes.len() - rest.len() });
        }
        Ok(Some(found))
    }
}

/// The frame that these bytes begin with, if it is whole: its payload, its hash, and what comes after it.
fn frame<'a>(seed: &[u8], bytes: &'a [u8]) -> Option<(&'a [u8], [u8; HASH_BYTES], &'a [u8])> {
    let (mark, rest) = bytes.split_at_checked(MARK_BYTES)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (hash, rest) = rest.split_first_chunk::<HASH_BYTES>()?;
    let (payload, after) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    (seed.starts_with(mark) && frame_hash(seed, *length, payload) == *hash).then_some((payload, *hash, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, RwLock};

    /// Bytes that several journals can have open one after the other.
    #[derive(Debug, Clone, Default)]
    struct Shared(Arc<RwLock<Vec<u8>>>);

    impl StorageBackend for Shared {
        fn len(&self) -> io::Result<u64> {
            Ok(self.0.read().unwrap().len() as u64)
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            let start = usize::try_from(offset).unwrap();
            out.copy_from_slice(&self.0.read().unwrap()[start..start + out.len()]);
            Ok(())
        }

        fn set_len(&self, length: u64) -> io::Result<()> {
            self.0.write().unwrap().resize(usize::try_from(length).unwrap(), 0);
            Ok(())
        }

        fn sync_data(&self) -> io::Result<()> {
            Ok(())
        }

        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            let start = usize::try_from(offset).unwrap();
            self.0.write().unwrap()[start..start + data.len()].copy_from_slice(data);
            Ok(())
        }
    }

    fn open(files: &[Shared; 2]) -> Result<(Journal, Vec<Vec<u8>>), JournalError> {
        Journal::open([Box::new(files[0].clone()), Box::new(files[1].clone())])
    }

    fn add(journal: &mut Journal, payload: &[u8]) {
        journal.append(payload, || ()).unwrap();
    }

    #[test]
    fn what_was_appended_comes_back_in_order_over_turns() {
        let files = <[Shared; 2]>::default();
        let (mut journal, found) = open(&files).unwrap();
        assert!(found.is_empty());
        for (place, payload) in [b"one".as_slice(), b"", b"three"].into_iter().enumerate() {
            add(&mut journal, payload);
            let (_, found) = open(&files).unwrap();
            assert_eq!(found.len(), place + 1);
        }
        journal.turn();
        add(&mut journal, b"four");
        let (_, found) = open(&files).unwrap();
        assert_eq!(found, [b"one".as_slice(), b"", b"three", b"four"]);
        journal.turn();
        add(&mut journal, b"five");
        let (mut again, found) = open(&files).unwrap();
        assert_eq!(found, [b"four", b"five"], "the first file is written over");
        add(&mut again, b"six");
        assert_eq!(open(&files).unwrap().1, [b"five".as_slice(), b"six"], "whoever opens again begins in the older file");
    }

    /// REL-D3: wherever the last write is torn, what was there before it is there, and nothing else.
    #[test]
    fn a_torn_last_frame_is_left_out_at_every_byte() {
        let files = <[Shared; 2]>::default();
        let (mut journal, _) = open(&files).unwrap();
        add(&mut journal, b"kept");
        let before = files[0].0.read().unwrap().clone();
        add(&mut journal, b"the last");
        let after = files[0].0.read().unwrap().clone();
        let end = journal.end;
        let start = end - FRAME_BYTES - b"the last".len();
        for torn in start..end {
            let mut bytes = before.clone();
            bytes[..torn].copy_from_slice(&after[..torn]);
            *files[0].0.write().unwrap() = bytes;
            assert_eq!(open(&files).unwrap().1, [b"kept"], "torn at {torn}");
        }
        *files[0].0.write().unwrap() = after;
        assert_eq!(open(&files).unwrap().1, [b"kept".as_slice(), b"the last"]);
    }

    /// REL-D3: a bit that flips before the last frame is found, wherever it is.
    #[test]
    fn damage_before_the_last_frame_is_an_error_and_never_an_end() {
        let files = <[Shared; 2]>::default();
        let (mut journal, _) = open(&files).unwrap();
        add(&mut journal, b"first");
        add(&mut journal, b"second");
        for byte in HEADER_BYTES..HEADER_BYTES + FRAME_BYTES + b"first".len() {
            files[0].0.write().unwrap()[byte] ^= 1;
            let error = open(&files).unwrap_err();
            assert!(matches!(error, JournalError::Damaged { file: 0, byte: HEADER_BYTES }), "{byte}: {error}");
            files[0].0.write().unwrap()[byte] ^= 1;
        }
        assert_eq!(open(&files).unwrap().1.len(), 2);
    }

    /// What lies in a file from earlier, and what a client put into a block, is never taken for a frame.
    #[test]
    fn old_bytes_and_payloads_that_look_like_frames_are_none() {
        let files = <[Shared; 2]>::default();
        let (mut journal, _) = open(&files).unwrap();
        let forged = |seed: [u8; SEED_BYTES]| {
            let hash = frame_hash(&seed, 4_u32.to_le_bytes(), b"evil");
            [&seed[..MARK_BYTES], &4_u32.to_le_bytes(), &hash, b"evil"].concat()
        };
        let old = [forged(journal.seed), forged([0; SEED_BYTES])].concat();
        add(&mut journal, &old);
        add(&mut journal, &old);
        journal.turn();
        add(&mut journal, b"between");
        journal.turn();
        add(&mut journal, b"new");
        assert_eq!(open(&files).unwrap().1, [b"between".as_slice(), b"new"]);
    }
}
