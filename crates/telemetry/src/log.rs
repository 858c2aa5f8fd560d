//! The log: one JSON line per event, filtered by crate and level.

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;

use crate::json_fields::JsonFields;
use crate::json_line::JsonLine;
use crate::log_level::parse_level;

/// The target of audit events. They are logged at every level, so that a quiet log does not lose
/// who changed something.
pub const AUDIT_TARGET: &str = "audit";

/// The target of events of quotas, which are handed on. They are logged at every level, too.
pub const QUOTA_TARGET: &str = "quota";

/// The part of the runtime that logs each error of a handler in debug form, even a 401. Functions
/// log their errors and panics themselves.
const HANDLER_ERRORS_TARGET: &str = "lambda_runtime::layers::panic";

/// Crates whose events below WARN only repeat the result of a run.
const QUIET_CRATES: [&str; 3] = ["hickory_net", "hickory_proto", "hickory_resolver"];

/// Returns a log at `level`, which defaults to `info` if it is missing or invalid.
///
/// Only the crates in `own` log below INFO, because their events contain no secrets at any level.
/// The SDK, the runtime and HTTP clients log whole events and headers there. Crate names must match
/// exactly: `aws` does not include `aws_config`.
pub fn log_to<const N: usize>(
    own: [&'static str; N],
    level: Option<&str>,
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) -> impl Subscriber + Send + Sync {
    let level = level.and_then(parse_level).unwrap_or(LevelFilter::INFO);
    log_at(own, level, writer)
}

/// Returns a log as [`log_to`] does.
pub(crate) fn log_at<const N: usize>(
    own: [&'static str; N],
    level: LevelFilter,
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) -> impl Subscriber + Send + Sync {
    let max_level = move |target: &str| {
        let crate_name = target.split("::").next().unwrap_or_default();
        if own.contains(&crate_name) {
            level
        } else if [AUDIT_TARGET, QUOTA_TARGET].contains(&target) {
            level.max(LevelFilter::INFO)
        } else if target == HANDLER_ERRORS_TARGET {
            LevelFilter::OFF
        } else if QUIET_CRATES.contains(&crate_name) {
            level.min(LevelFilter::WARN)
        } else {
            level.min(LevelFilter::INFO)
        }
    };
    let filter = filter_fn(move |event| *event.level() <= max_level(event.target()))
        .with_max_level_hint(level.max(LevelFilter::INFO));

    tracing_subscriber::registry().with(json_lines(writer).with_filter(filter))
}

/// Returns a layer that writes events as JSON lines, for a program with its own filter.
pub fn json_lines<S>(
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    tracing_subscriber::fmt::layer()
        .fmt_fields(JsonFields)
        .event_format(JsonLine)
        .with_writer(writer)
}
