//! The log's line for each group and run.

use crate::answer::Outcome;
use crate::gauges::group;

/// What came of a group. `reason` is what alarms look for.
pub(crate) fn outcome(outcome: &Outcome, dry_run: bool) {
    let (told, seen) = (outcome, &outcome.seen);
    let reason = if told.error.is_some() { "fault" } else { "ok" };
    macro_rules! told {
        ($level:ident, $message:literal) => {
            tracing::$level!(
                reason,
                target_group = group(&told.target_group_arn),
                resolved = told.resolved.len(),
                lookups = seen.lookups,
                ttl_s = seen.ttl_s,
                complete = told.complete,
                targets = seen.size,
                registered = listed(&told.registered),
                deregistered = listed(&told.deregistered),
                pending = listed(told.pending.keys()),
                withheld = seen.withheld,
                kept_healthy = seen.kept_healthy,
                left_to_another = seen.left_to_another,
                dry_run,
                error = told.error,
                $message
            )
        };
    }
    match (&told.error, seen.kept_healthy, seen.withheld) {
        (Some(_), ..) => told!(error, "a target group could not be reconciled"),
        (None, 1.., _) => told!(
            warn,
            "healthy targets stay until a target that the names show is healthy"
        ),
        (None, 0, 0) => told!(info, "a target group follows its names"),
        (None, 0, _) => told!(
            warn,
            "more targets are due to leave than may in one interval"
        ),
    }
}

fn listed(targets: impl IntoIterator<Item = impl ToString>) -> String {
    targets
        .into_iter()
        .map(|target| target.to_string())
        .collect::<Vec<_>>()
        .join(" ")
}
