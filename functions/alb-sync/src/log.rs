//! The log line of each group and run.

use crate::gauges::group_dimension;
use crate::outcome::Outcome;

/// Logs the outcome of a group. Alarms match the field `reason`.
pub(crate) fn outcome(outcome: &Outcome, dry_run: bool) {
    let metrics = &outcome.metrics;
    let reason = if outcome.error.is_some() {
        "fault"
    } else {
        "ok"
    };

    // `tracing` needs the level and the message at compile time.
    macro_rules! log_outcome {
        ($level:ident, $message:literal) => {
            tracing::$level!(
                reason,
                target_group = group_dimension(&outcome.target_group_arn),
                resolved = outcome.resolved.len(),
                lookups = metrics.lookups,
                ttl_s = metrics.ttl_s,
                complete = outcome.complete,
                targets = metrics.size,
                registered = joined(&outcome.registered),
                deregistered = joined(&outcome.deregistered),
                pending = joined(outcome.pending.keys()),
                withheld = metrics.withheld,
                kept_healthy = metrics.kept_healthy,
                left_to_another = metrics.left_to_another,
                dry_run,
                error = outcome.error,
                $message
            )
        };
    }

    match (&outcome.error, metrics.kept_healthy, metrics.withheld) {
        (Some(_), ..) => log_outcome!(error, "failed to reconcile a target group"),
        (None, 1.., _) => log_outcome!(
            warn,
            "healthy targets stay until a resolved target is healthy"
        ),
        (None, 0, 0) => log_outcome!(info, "reconciled a target group"),
        (None, 0, _) => log_outcome!(
            warn,
            "more targets are due to leave than one interval allows"
        ),
    }
}

fn joined(targets: impl IntoIterator<Item = impl ToString>) -> String {
    targets
        .into_iter()
        .map(|target| target.to_string())
        .collect::<Vec<_>>()
        .join(" ")
}
