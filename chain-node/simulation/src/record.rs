//! A file with a line for every run of a matrix, so that many thousands of them can be run in several sittings.
//!
//! Refuses a file that is not one. A last line that was cut off in the middle is run again.

use crate::{
    matrix,
    report::Outcome,
    run::RunError,
    scenario::{Mode, Scenario},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
};

/// What a run is summed up as: a few hundred bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The seed.
    pub seed: u64,
    /// How many validators its drawing was bounded by.
    pub largest: usize,
    /// What was promised.
    pub mode: Mode,
    /// How many validators it had at first.
    pub validators: usize,
    /// The names of its kinds of faults, each once.
    pub kinds: Vec<String>,
    /// Final blocks.
    pub blocks: u64,
    /// Final transactions.
    pub transactions: u64,
    /// How many transactions took so many milliseconds until they were final.
    pub latencies: BTreeMap<u64, u64>,
    /// Milliseconds after the last fault until everybody had a new transaction; 0 where that was not asked.
    pub recovery_ms: u64,
    /// What is wrong with it, with the command that shows it again.
    pub failure: Option<String>,
}

impl Line {
    /// Sums a run up.
    pub fn new(largest: usize, scenario: &Scenario, outcome: &Result<Outcome, RunError>) -> Self {
        let mut kinds: Vec<String> = scenario.faults.iter().map(|fault| fault.kind.name().to_owned()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let mut line = Self {
            seed: scenario.seed,
            largest,
            mode: scenario.mode,
            validators: scenario.validators,
            kinds,
            blocks: 0,
            transactions: 0,
            latencies: BTreeMap::new(),
            recovery_ms: 0,
            failure: matrix::failure(scenario, outcome),
        };
        if let Ok(outcome) = outcome {
            line.blocks = u64::try_from(outcome.blocks.count).unwrap_or(u64::MAX);
            line.transactions = u64::try_from(outcome.transactions.1).unwrap_or(u64::MAX);
            line.recovery_ms = outcome.recovery.as_ref().map_or(0, |recovery| recovery.took.0);
            for latency in &outcome.latencies {
                *line.latencies.entry(latency.0).or_default() += 1;
            }
        }
        line
    }
}

/// Why a record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file cannot be read or written.
    #[error("the record {path} cannot be read or written")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line is not that of a run.
    #[error("line {number} of {path} is not that of a run: give a file that --record wrote, or a new one")]
    Content {
        /// Which.
        path: PathBuf,
        /// The line, from 1.
        number: usize,
    },
}

/// The file.
#[derive(Debug)]
pub struct Record {
    path: PathBuf,
    file: File,
    lines: Vec<Line>,
}

impl Record {
    /// Opens it, or makes it.
    ///
    /// # Errors
    /// When it cannot be read or written, or is not a record.
    pub fn open(path: &Path) -> Result<Self, RecordError> {
        let error = |source| RecordError::File { path: path.to_owned(), source };
        let file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(error)?;
        let (mut lines, mut whole) = (Vec::new(), 0_u64);
        let mut reader = BufReader::new(&file);
        let mut text = String::new();
        while reader.read_line(&mut text).map_err(error)? > 0 {
            if text.ends_with('\n') {
                let parsed = serde_json::from_str(&text);
                let number = lines.len() + 1;
                lines.push(parsed.map_err(|_| RecordError::Content { path: path.to_owned(), number })?);
                whole += u64::try_from(text.len()).unwrap_or(u64::MAX);
            }
            text.clear();
        }
        file.set_len(whole).map_err(error)?;
        Ok(Self { path: path.to_owned(), file, lines })
    }

    /// Every run in it.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Adds a run.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add(&mut self, line: &Line) -> Result<(), RecordError> {
        let mut text = serde_json::to_string(line).expect("a line has no key but numbers and names");
        text.push('\n');
        let written = self.file.write_all(text.as_bytes());
        written.map_err(|source| RecordError::File { path: self.path.clone(), source })
    }
}
