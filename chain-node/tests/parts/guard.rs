//! The vote guard: what it allows after every kind of loss, and what it refuses to be.

use chain_node::guard::{self, Abstention, Data, Files, GuardError, Round, Start, VoteGuard};
use std::fs;

const LEDGER: [u8; 32] = [1; 32];
const KEY: [u8; 32] = [2; 32];

fn files(dir: &tempfile::TempDir) -> Files {
    fs::create_dir_all(dir.path().join("data")).unwrap();
    Files { guard: dir.path().join("key.guard"), token: dir.path().join("data/token") }
}

fn open(files: &Files, data: Data) -> VoteGuard {
    VoteGuard::open(files.clone(), &LEDGER, &KEY, data).unwrap()
}

fn round(epoch: u64, view: u64) -> Round {
    Round { epoch, view }
}

/// A key that voted up to `view` with its guard and data folder whole.
fn voted(files: &Files, view: u64) {
    guard::create(&files.guard, &KEY).unwrap();
    let guard = open(files, Data::Empty);
    assert!((1..=view).all(|view| guard.may_vote(round(0, view))));
}

/// REL-A4: a restart with guard and journal whole votes on at once, also below the mark that was reserved ahead.
#[test]
fn a_restart_with_everything_in_place_votes_on_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(&dir);
    voted(&files, 10);
    let guard = open(&files, Data::Current);
    assert_eq!(guard.start(), Start::After(round(0, 0)));
    assert!(guard.may_vote(round(0, 10)) && guard.may_vote(round(0, 11)));
}

/// REL-C6: with the data folder wiped and the guard kept, nothing that may have been signed before is signed again.
#[test]
fn after_a_wiped_folder_nothing_up_to_the_mark_is_signed_and_everything_after_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(&dir);
    voted(&files, 10);
    fs::remove_file(&files.token).unwrap();
    let guard = open(&files, Data::Empty);
    let Start::After(mark) = guard.start() else { panic!("the guard is there") };
    assert!(mark >= round(0, 10));
    assert!((1..=mark.view).all(|view| !guard.may_vote(round(0, view))));
    assert!(guard.may_vote(mark.plus(1)));
    assert!(guard.may_vote(round(1, 1)), "the next epoch is after it");
    // The journal begins after the mark, and this is remembered over a restart.
    let guard = open(&files, Data::Current);
    assert!(!guard.may_vote(mark));
    assert!(guard.may_vote(mark.plus(1)));
}

/// REL-C6, REL-E6: a folder of an earlier start is a folder without its latest votes.
#[test]
fn an_older_copy_of_the_data_folder_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(&dir);
    voted(&files, 10);
    let old = fs::read(&files.token).unwrap();
    assert!(open(&files, Data::Current).may_vote(round(0, 500)));
    fs::write(&files.token, old).unwrap();
    let guard = open(&files, Data::Current);
    assert!(!guard.may_vote(round(0, 11)) && !guard.may_vote(round(0, 500)));
    assert!(guard.may_vote(round(0, 1_000)));
}

/// A crash between the two writings leaves the token one step ahead: nothing was signed on it, and nothing is lost.
#[test]
fn a_crash_between_the_two_files_costs_nothing_and_allows_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(&dir);
    voted(&files, 10);
    let before = fs::read(&files.guard).unwrap();
    assert!(open(&files, Data::Current).may_vote(round(0, 11)));
    fs::write(&files.guard, before).unwrap();
    assert!(open(&files, Data::Current).may_vote(round(0, 12)));
    // The same after a wiped folder: the part that the journal never knew stays closed.
    fs::remove_file(&files.token).unwrap();
    let guard = open(&files, Data::Empty);
    let Start::After(mark) = guard.start() else { panic!("the guard is there") };
    let before = fs::read(&files.guard).unwrap();
    assert!(guard.may_vote(mark.plus(1)));
    fs::write(&files.guard, before).unwrap();
    assert!(!open(&files, Data::Current).may_vote(mark));
}

/// REL-C6: with the guard lost nothing is signed until the others have answered, and then only after what they proved and a margin.
#[test]
fn a_lost_guard_waits_for_the_others_and_a_margin() {
    for data in [Data::Empty, Data::Current] {
        let dir = tempfile::tempdir().unwrap();
        let files = files(&dir);
        if data == Data::Current {
            voted(&files, 10);
            fs::remove_file(&files.guard).unwrap();
        }
        let guard = open(&files, data);
        assert_eq!((guard.start(), guard.abstention()), (Start::AskOthers, Some(Abstention::AskingOthers)));
        assert!(!guard.may_vote(round(7, 7)));
        guard.answered(Some(round(0, 200)), 64);
        assert!(!guard.may_vote(round(0, 264)));
        assert!(guard.may_vote(round(0, 265)));
        // A second answer changes nothing.
        guard.answered(None, 0);
        assert!(!guard.may_vote(round(0, 264)));
    }
}

/// A new ledger starts by itself: keys come with a guard, and without one everybody says that there is no block yet.
#[test]
fn a_new_ledger_starts_by_itself_and_the_data_of_an_older_version_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let new = files(&dir);
    let guard = open(&new, Data::Empty);
    guard.answered(None, 64);
    assert!(guard.may_vote(round(0, 1)));

    let dir = tempfile::tempdir().unwrap();
    assert!(open(&files(&dir), Data::BeforeGuards).may_vote(round(0, 900)));
}

#[test]
fn the_operators_word_makes_the_folder_count_and_a_guard_made_anew_beside_used_data_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(&dir);
    voted(&files, 10);
    guard::create(&files.guard, &KEY).unwrap();
    assert_eq!(open(&files, Data::Current).start(), Start::AskOthers);
    guard::trust_data(&files, &LEDGER, &KEY).unwrap();
    assert!(open(&files, Data::Current).may_vote(round(0, 1)));
}

#[test]
fn a_guard_of_another_key_or_ledger_and_a_damaged_one_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(&dir);
    voted(&files, 1);
    let refused = |ledger: [u8; 32], key: [u8; 32]| VoteGuard::open(files.clone(), &ledger, &key, Data::Current).unwrap_err();
    assert!(matches!(refused([9; 32], KEY), GuardError::Other { what: "ledger", .. }));
    assert!(matches!(refused(LEDGER, [9; 32]), GuardError::Other { what: "key", .. }));
    fs::write(&files.guard, b"{").unwrap();
    let error = refused(LEDGER, KEY).to_string();
    assert!(error.contains("key.guard"), "{error}");
}

/// REL-D1, REL-D2: a vote that cannot be reserved on the disk is not signed.
#[test]
fn without_a_written_guard_there_is_no_vote_and_with_it_again_there_is() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(&dir);
    voted(&files, 1);
    let guard = open(&files, Data::Current);
    let away = dir.path().join("away");
    fs::rename(dir.path().join("data"), &away).unwrap();
    assert!(!guard.may_vote(round(0, 2)));
    assert!(matches!(guard.abstention(), Some(Abstention::Unwritable(_))));
    fs::rename(&away, dir.path().join("data")).unwrap();
    assert!(guard.may_vote(round(0, 3)));
    assert_eq!(guard.abstention(), None);
    guard.stop("the key votes elsewhere");
    assert!(!guard.may_vote(round(0, 4)));
}
