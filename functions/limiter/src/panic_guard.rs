//! The log: JSON, one line per request and one per change (see [`crate::audit`]), and nothing that
//! reveals a key.

use std::sync::Arc;

use serde_json::Value;
use telemetry::contained;

use crate::{Failure, Limiter};

/// Answers an event, and survives a panic.
///
/// # Errors
/// As [`Limiter::handle`], and [`Failure`] for a panic.
pub async fn answer(limiter: Arc<Limiter>, event: Value) -> Result<Value, Failure> {
    let answer = contained(async move { limiter.handle(event).await }).await;
    answer.unwrap_or_else(|| Err(Failure("panicked".to_owned())))
}
