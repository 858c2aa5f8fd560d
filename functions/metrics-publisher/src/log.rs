//! The log: JSON, a line an event.

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

/// Our own. What others log stays at INFO: below it, the HTTP client shows whole headers.
const OWN: [&str; 2] = ["metrics_publisher", "calls"];

/// A log at `level` (`info` where it is none).
pub fn log_to(
    level: Option<&str>,
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) -> impl Subscriber + Send + Sync {
    let level = level.and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let targets = Targets::new().with_default(level.min(LevelFilter::INFO));
    let targets = targets.with_targets(OWN.map(|target| (target, level)));
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_target(false);
    let lines = lines.with_current_span(false).with_span_list(false).with_writer(writer);
    tracing_subscriber::registry().with(lines.with_filter(targets))
}
