//! The log of every function: JSON, a line an event, and nothing in it that others should not read.
//!
//! - [`log_to`] sets it up; what the line looks like stands in `line`
//! - no field is longer than 4 KiB, whoever chose its text; [`Excerpt`] cuts a single text to 512
//!   bytes, for logs and
//!   for responses
//! - [`contained`] keeps a panic to the request that it happened in, and [`log_panics`] says where
//!   it was

mod error_chain;
mod excerpt;
mod line;
mod members;

use std::future::Future;
use std::panic::{self, PanicHookInfo};

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;

pub use error_chain::error_chain;
pub use excerpt::{Excerpt, MAX_EXCERPT_BYTES, excerpt};

use line::Line;
use members::Members;

/// The target of audit events. They are logged at every level that is set: who changed something
/// must not get lost because a log is kept quiet.
pub const AUDIT_TARGET: &str = "audit";

/// Tell at INFO what a run's own answer says better.
const QUIET: [&str; 3] = ["hickory_net", "hickory_proto", "hickory_resolver"];

/// A log at `level` (`info` where it is none). Below INFO only the crates of `own` speak, whose
/// events name no value at any level: there, the runtime and HTTP clients show whole events and
/// headers.
pub fn log_to<const N: usize>(
    own: [&str; N],
    level: Option<&str>,
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) -> impl Subscriber + Send + Sync {
    let level = level
        .and_then(|level| level.parse().ok())
        .unwrap_or(LevelFilter::INFO);
    let targets = Targets::new().with_default(level.min(LevelFilter::INFO));
    let targets = targets.with_targets(own.map(|target| (target, level)));
    let targets = targets.with_target(AUDIT_TARGET, level.max(LevelFilter::INFO));
    let targets = targets.with_targets(QUIET.map(|target| (target, level.min(LevelFilter::WARN))));
    tracing_subscriber::registry().with(lines(writer).with_filter(targets))
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
