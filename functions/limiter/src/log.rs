//! The log: JSON, a line a request, and nothing in it that a key could be told from.

use std::future::Future;
use std::panic::{self, PanicHookInfo};
use std::sync::Arc;

use serde_json::Value;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::{Failure, Limiter};

/// Our own, whose events name no value at any level.
const OWN: [&str; 3] = ["limiter", "calls", "usage"];

/// A log at `level` (`info` where it is none). What others log stays at INFO: below it, the runtime and the HTTP
/// client show whole events and headers.
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

/// Where a panic happened, and not what it says: that may hold a piece of a request.
pub fn log_panics() {
    panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(reason = "fault", place, "panicked");
    }));
}

/// Answers an event in a task of its own, so that a panic costs this request alone.
///
/// # Errors
/// As [`Limiter::handle`], and [`Failure`] for a panic.
pub async fn answer(limiter: Arc<Limiter>, event: Value) -> Result<Value, Failure> {
    contained(async move { limiter.handle(event).await }).await
}

async fn contained<F>(work: F) -> Result<Value, Failure>
where
    F: Future<Output = Result<Value, Failure>> + Send + 'static,
{
    tokio::spawn(work).await.unwrap_or_else(|_| Err(Failure("panicked".to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_failure_that_does_not_say_what_the_panic_said() {
        let panics = async { Err(Failure(["secret"].get(1).unwrap().to_string())) };
        assert_eq!(contained(panics).await, Err(Failure("panicked".to_owned())));
        assert_eq!(contained(async { Ok(Value::Null) }).await, Ok(Value::Null));
    }
}
