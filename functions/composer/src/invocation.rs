//! One invocation of the function.

use std::sync::Arc;

use lambda_runtime::Diagnostic;
use serde_json::value::RawValue;
use telemetry::contain_panic;

use crate::Composer;
use crate::function_response::fault;

/// Handles one event. A panic fails only this invocation.
///
/// # Errors
/// The errors of [`Composer::handle`], and [`Diagnostic`] after a panic.
pub async fn invoke(
    composer: Arc<Composer>,
    event: Box<RawValue>,
) -> Result<Box<RawValue>, Diagnostic> {
    let result = contain_panic(async move { composer.handle(&event).await }).await;
    result.unwrap_or_else(|| Err(fault("panicked")))
}
