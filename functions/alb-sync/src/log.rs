//! The log: JSON, a line an event, and one a group and run.

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::answer::Outcome;
use crate::gauges::group;

/// A log at `level` (`info` where it is none). What others log stays at INFO, and hickory's stays at WARN.
pub fn log_to(
    level: Option<&str>,
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) -> impl Subscriber + Send + Sync {
    let level = level.and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let targets = Targets::new().with_default(level.min(LevelFilter::INFO));
    let targets = targets.with_targets(["alb_sync", "calls"].map(|target| (target, level)));
    let noisy = ["hickory_resolver", "hickory_net", "hickory_proto"];
    let targets = targets.with_targets(noisy.map(|target| (target, level.min(LevelFilter::WARN))));
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_target(false);
    let lines = lines.with_current_span(true).with_span_list(false).with_writer(writer);
    tracing_subscriber::registry().with(lines.with_filter(targets))
}

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
                left_to_another = seen.left_to_another,
                dry_run,
                error = told.error,
                $message
            )
        };
    }
    match (&told.error, seen.withheld) {
        (Some(_), _) => told!(error, "a target group could not be reconciled"),
        (None, 0) => told!(info, "a target group follows its names"),
        (None, _) => told!(warn, "more targets are due to leave than may in one interval"),
    }
}

fn listed(targets: impl IntoIterator<Item = impl ToString>) -> String {
    targets.into_iter().map(|target| target.to_string()).collect::<Vec<_>>().join(" ")
}
