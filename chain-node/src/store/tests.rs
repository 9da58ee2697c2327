//! What is in the journal, in the tables, on its way, and gone.

use super::*;
use ledger::cell::Cell;

#[test]
fn what_was_recorded_is_there_after_reopening_and_twice_is_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bodies.redb");
    let hash = body_hash(b"body");
    let additions = Additions {
        bodies: vec![(hash, Arc::from(b"body".as_slice()))],
        cells: vec![([2; 32], 1, [3; CELL_BYTES])],
        first_seen_ms: Some(7),
        proposals: vec![(4, [1; 32]), (4, [2; 32]), (5, [0; 32])],
    };
    let store = Store::open(&path).unwrap();
    assert_eq!(store.height().unwrap(), 0);
    store.record(5, &additions).unwrap();
    store.record(5, &additions).unwrap();
    drop(store);

    let store = Store::open(&path).unwrap();
    assert_eq!(store.height().unwrap(), 5);
    assert_eq!(store.body(&hash).unwrap().as_deref(), Some(b"body".as_slice()));
    assert_eq!(store.body(&[9; 32]).unwrap(), None);
    assert_eq!(store.version(&[2; 32], 1).unwrap(), Some([3; CELL_BYTES]));
    assert_eq!(store.version(&[2; 32], 2).unwrap(), None);
    assert_eq!(store.version_up_to(&[2; 32], 9).unwrap(), Some((1, [3; CELL_BYTES])));
    assert_eq!(store.version_up_to(&[2; 32], 0).unwrap(), None);
    assert_eq!(store.proposals(None, 9).unwrap(), [[0; 32], [2; 32], [1; 32]]);
    assert_eq!(store.proposals(None, 1).unwrap(), [[0; 32]]);
    assert_eq!(store.proposals(Some((4, [2; 32])), 9).unwrap(), [[1; 32]]);
    assert_eq!(store.versions_from(&[0; 32], 0, 9).unwrap(), [([2; 32], 1, [3; CELL_BYTES])]);
    assert_eq!((store.first_seen_ms(5).unwrap(), store.first_seen_ms(6).unwrap()), (Some(7), None));
}

fn cell(version: u32) -> Cell {
    let height = u64::from(version);
    Cell { version, status: 0, created_height: 1, updated_height: height, body: body_hash(&height.to_le_bytes()) }
}

fn additions(height: u64) -> Additions {
    let body = height.to_le_bytes();
    let version = u32::try_from(height).unwrap();
    Additions {
        bodies: vec![(body_hash(&body), Arc::from(body.as_slice()))],
        cells: vec![([7; 32], version, cell(version).to_bytes())],
        first_seen_ms: Some(height * 10),
        proposals: Vec::new(),
    }
}

/// INV-I2: whatever is settled and whatever is not, reads say the same, and so does a store that is opened after a crash.
#[test]
fn what_is_in_the_journal_alone_is_read_as_if_it_were_settled() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bodies.redb");
    for last in 1..=9_u64 {
        let store = Store::open(&path).unwrap();
        store.record(last, &additions(last)).unwrap();
        if last % 3 == 0 {
            store.settle().unwrap();
        }
        assert_eq!(store.height().unwrap(), last);
        let newest = u32::try_from(last).unwrap();
        assert_eq!(store.version_up_to(&[7; 32], 99).unwrap(), Some((newest, cell(newest).to_bytes())));
        let versions: Vec<u32> =
            store.versions_from(&[0; 32], 0, 99).unwrap().into_iter().map(|(_, version, _)| version).collect();
        assert_eq!(versions, (1..=newest).collect::<Vec<_>>());
        assert_eq!(store.versions_from(&[7; 32], 1, 2).unwrap().len(), usize::try_from(last).unwrap().min(2));
        for height in 1..=last {
            assert!(store.body(&body_hash(&height.to_le_bytes())).unwrap().is_some(), "{height} of {last}");
            assert_eq!(store.first_seen_ms(height).unwrap(), Some(height * 10));
        }
    }
}

/// What was removed from the tables does not come back from a journal that nobody needs any more.
#[test]
fn a_journal_that_was_settled_is_not_played_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bodies.redb");
    let store = Store::open(&path).unwrap();
    store.record(1, &additions(1)).unwrap();
    store.record(2, &additions(2)).unwrap();
    store.settle().unwrap();
    assert_eq!(store.remove_obsolete(([0; 32], 0), u64::MAX).unwrap().1, 1);
    drop(store);
    let store = Store::open(&path).unwrap();
    assert_eq!((store.version(&[7; 32], 1).unwrap(), store.height().unwrap()), (None, 2));
}

/// A batch grows while another one is on its way into the tables, and nothing is missed meanwhile.
#[test]
fn blocks_are_recorded_and_read_while_others_are_settled() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("bodies.redb")).unwrap();
    std::thread::scope(|scope| {
        let settling = scope.spawn(|| (0..50).for_each(|_| store.settle().unwrap()));
        for height in 1..=200 {
            store.record(height, &additions(height)).unwrap();
            for known in [1, height / 2 + 1, height] {
                assert!(store.body(&body_hash(&known.to_le_bytes())).unwrap().is_some(), "{known} of {height}");
            }
        }
        settling.join().unwrap();
    });
    assert_eq!(store.height().unwrap(), 200);
}

#[test]
fn a_file_in_use_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bodies.redb");
    let _open = Store::open(&path).unwrap();
    assert!(Store::open(&path).is_err());
}
