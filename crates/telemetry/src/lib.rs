//! The log of every function: JSON, a line an event, and nothing in it that others should not read.
//!
//! - [`log_to`] sets it up; what the line looks like stands in `line`
//! - no field is longer than 4 KiB, whoever chose its text; [`Excerpt`] cuts a single text to 512
//!   bytes, for logs and
//!   for responses
//! - [`contained`] keeps a panic to the request that it happened in, and [`log_panics`] says where
//!   it was

mod call_record;
mod error_chain;
mod error_kind;
mod excerpt;
mod line;
mod members;
mod request_scope;
#[cfg(test)]
mod test_log;
mod trace_context;

use std::future::Future;
use std::panic::{self, PanicHookInfo};

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;

pub use call_record::{CallRecord, EndpointKind, OpenRecord, RecordLog};
pub use error_chain::{error_chain, error_sources, find_source};
pub use error_kind::ErrorKind;
pub use excerpt::{Excerpt, MAX_EXCERPT_BYTES, excerpt};
pub use request_scope::RequestScope;
pub use trace_context::{RequestId, TRACEPARENT, TraceParent, X_REQUEST_ID};

use line::Line;
use members::Members;

/// The target of audit events. They are logged at every level that is set: who changed something
/// must not get lost because a log is kept quiet.
pub const AUDIT_TARGET: &str = "audit";

/// Crates that log below WARN what the result of a run says better.
const QUIET_CRATES: [&str; 3] = ["hickory_net", "hickory_proto", "hickory_resolver"];

/// Returns a log at `level`, which is `info` if it is missing or invalid.
///
/// Only the crates in `own` log below INFO, because their events hold no secret at any level. The
/// SDK, the runtime and HTTP clients log whole events and headers there. Names of crates are
/// compared whole: `aws` does not stand for `aws_config`.
pub fn log_to<const N: usize>(
    own: [&'static str; N],
    level: Option<&str>,
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) -> impl Subscriber + Send + Sync {
    let level = level
        .and_then(|level| level.parse().ok())
        .unwrap_or(LevelFilter::INFO);
    let max_level = move |target: &str| {
        let crate_name = target.split("::").next().unwrap_or_default();
        if own.contains(&crate_name) {
            level
        } else if target == AUDIT_TARGET {
            level.max(LevelFilter::INFO)
        } else if QUIET_CRATES.contains(&crate_name) {
            level.min(LevelFilter::WARN)
        } else {
            level.min(LevelFilter::INFO)
        }
    };
    let filter = filter_fn(move |event| *event.level() <= max_level(event.target()))
        .with_max_level_hint(level.max(LevelFilter::INFO));

    tracing_subscriber::registry().with(lines(writer).with_filter(filter))
}

/// Writes events as JSON lines, without a filter: for a program that brings its own.
pub fn lines<S>(
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) -> impl tracing_subscriber::Layer<S> + Send + Sync
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    tracing_subscriber::fmt::layer()
        .fmt_fields(Members)
        .event_format(Line)
        .with_writer(writer)
}

/// Logs where a panic happened, and not what it says: that may hold a piece of a request.
pub fn log_panics() {
    panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(reason = "fault", place, "panicked");
    }));
}

/// Does `work` in a task of its own, so that a panic costs this request alone; `None` for a panic.
pub async fn contained<T, F>(work: F) -> Option<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    tokio::spawn(work).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_kept_to_its_own_work() {
        assert_eq!(
            contained(async { [0].get(1).copied().unwrap() }).await,
            None
        );
        assert_eq!(contained(async { 1 }).await, Some(1));
    }
}
