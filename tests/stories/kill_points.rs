//! Validators end themselves at the worst moments of a vote, a commit, a change of epoch, and a step of the vote guard.

use anyhow::Result;

use crate::{alone, say};

/// REL-A4, INV-I1, INV-I2: a validator that ends at any named point of its work (as a leader with its block, with a vote written and not sent,
/// sent and not committed, in the middle of a commit, between two epochs, with half a step of its guard) comes back,
/// has what all have, and never sends a vote that contradicts one that anybody received.
#[tokio::test]
async fn a_validator_that_ends_at_any_point_of_its_work_votes_once_and_loses_nothing() -> Result<()> {
    let _alone = alone().await;
    city::kill_points::once_each(&say).await
}
