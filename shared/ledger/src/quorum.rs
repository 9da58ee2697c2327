//! Quorum arithmetic, in one place: how many liars n validators survive, and how many signatures decide.

/// Byzantine validators that `validators` tolerate: ⌊(n − 1) / 3⌋.
pub fn faults_tolerated(validators: usize) -> usize {
    validators.saturating_sub(1) / 3
}

/// Votes that decide: n − f, so that any two quorums share an honest validator. It is 2f + 1 only where n = 3f + 1.
pub fn quorum(validators: usize) -> usize {
    validators.saturating_sub(faults_tolerated(validators))
}
