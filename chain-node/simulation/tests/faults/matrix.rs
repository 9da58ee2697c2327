//! Many seeds, their table, and the record that lets them be run in several sittings.

use chain_simulation::{
    matrix::{self, Matrix},
    record::{Line, Record},
    scenario::{Kind, Mode, Moment},
};
use std::{collections::BTreeMap, fs, num::NonZeroUsize, path::PathBuf};

fn line(seed: u64, kinds: &[&str], latencies: &[(u64, u64)], failure: Option<&str>) -> Line {
    Line {
        seed,
        largest: 4,
        mode: Mode::Liveness,
        validators: 4,
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        blocks: 3,
        transactions: latencies.iter().map(|(_, count)| count).sum(),
        latencies: latencies.iter().copied().collect(),
        recovery_ms: seed * 100,
        failure: failure.map(str::to_owned),
    }
}

#[test]
fn a_run_counts_under_each_of_its_kinds_and_once_in_all() {
    let mut matrix = Matrix::default();
    matrix.add(&line(1, &["crash", "lossy"], &[(100, 98), (900, 2)], None));
    matrix.add(&line(2, &["crash"], &[(300, 100)], Some("seed 2: broken")));
    let crash = &matrix.rows()[&Kind::Crash];
    assert_eq!((crash.runs, crash.blocks, crash.transactions, crash.broken), (2, 6, 200, 1));
    assert_eq!((crash.finality(50), crash.finality(99), crash.longest_recovery), (Moment(300), Moment(300), Moment(200)));
    assert_eq!(matrix.rows()[&Kind::Lossy].finality(99), Moment(900));
    assert_eq!((matrix.broken(), matrix.failures()), (1, ["seed 2: broken".to_owned()].as_slice()));
    let shown = matrix.to_string();
    assert!(shown.starts_with("2 runs (2 of 4 validators)\n\n| fault |"), "{shown}");
    assert!(shown.contains("| all | 2 | 6 | 200 | 300 ms | 300 ms | 0.2 s | 1 |"), "{shown}");
}

fn file(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    if path.exists() {
        fs::remove_file(&path).unwrap();
    }
    path
}

#[test]
fn a_record_is_read_again_and_a_line_that_was_cut_off_is_not() {
    let path = file("record-cut-off");
    let (first, second) = (line(1, &["crash"], &[(100, 1)], None), line(2, &[], &[], Some("seed 2: broken")));
    let mut record = Record::open(&path).unwrap();
    record.add(&first).unwrap();
    record.add(&second).unwrap();
    drop(record);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text.as_bytes()[..text.len() - 5]).unwrap();
    let mut record = Record::open(&path).unwrap();
    assert_eq!(record.lines(), std::slice::from_ref(&first));
    record.add(&second).unwrap();
    assert_eq!(Record::open(&path).unwrap().lines(), [first, second]);
    fs::write(&path, "what is this\n").unwrap();
    assert!(Record::open(&path).unwrap_err().to_string().contains("line 1"));
}

/// Two drawn runs of each mode, and each is found in the table.
#[test]
fn a_few_seeds_of_each_mode_break_no_rule() {
    for mode in [Mode::Liveness, Mode::Safety] {
        let mut matrix = Matrix::default();
        let mut seen = BTreeMap::new();
        let tell = |line: Line| -> Result<(), std::convert::Infallible> {
            matrix.add(&line);
            seen.insert(line.seed, line.mode);
            Ok(())
        };
        matrix::run(100..102, (4, mode), NonZeroUsize::MIN, tell).unwrap();
        assert_eq!(seen, [(100, mode), (101, mode)].into());
        assert_eq!(matrix.broken(), 0, "{matrix}");
    }
}
