//! Isolation of panics: a panic fails its own request, and the function keeps running.

use std::sync::Arc;

use serde_json::Value;
use telemetry::contain_panic;

use crate::{Failure, Limiter};

/// Handles one event, see [`Limiter::handle`]. A panic becomes an error.
///
/// # Errors
/// The errors of [`Limiter::handle`], and [`Failure`] for a panic.
pub async fn handle_event(limiter: Arc<Limiter>, event: Value) -> Result<Value, Failure> {
    let response = contain_panic(async move { limiter.handle(event).await }).await;
    response.unwrap_or_else(|| Err(Failure("panicked".to_owned())))
}
