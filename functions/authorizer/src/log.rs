//! The log: JSON, a line a request, and nothing in it that a credential could be told from.

use std::sync::Arc;

use serde_json::value::RawValue;
use telemetry::contained;
use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;

use crate::{Authorizer, Failure};

/// A log at `level` (`info` where it is none).
pub fn log_to(
    level: Option<&str>,
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) -> impl Subscriber + Send + Sync {
    telemetry::log_to(["authorizer", "aws", "usage"], level, writer)
}

/// Answers an event, and survives a panic.
///
/// # Errors
/// As [`Authorizer::handle`], and [`Failure::Fault`] for a panic.
pub async fn answer(
    authorizer: Arc<Authorizer>,
    event: Box<RawValue>,
) -> Result<Box<RawValue>, Failure> {
    let answer = contained(async move { authorizer.handle(&event).await }).await;
    answer.unwrap_or_else(|| Err(Failure::Fault("panicked".to_owned())))
}
