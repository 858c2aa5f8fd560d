//! The response to an invocation with records or to a log subscription.

use serde_json::{Value, json};

use crate::cloudwatch::Outcome;
use crate::intake::Intake;

/// Returns the response. `events` is the number of threshold events, and `lost` the number of
/// records that are not repeated although some of their data may not have been counted.
pub(super) fn report(intake: &Intake, outcome: &Outcome, events: usize, lost: u64) -> Value {
    let accepted = intake.accepted;
    let refused = u64::try_from(outcome.refused_records.len()).unwrap_or(accepted);
    json!({
        "accepted": accepted,
        "rejected": intake.rejections.listed(),
        "rejected_count": intake.rejections.count(),
        "duplicates": intake.duplicates,
        "skipped": intake.skipped,
        "published": accepted.saturating_sub(refused).saturating_sub(lost),
        "refused": refused,
        "lost": lost,
        "requests": outcome.requests,
        "events": events,
    })
}
