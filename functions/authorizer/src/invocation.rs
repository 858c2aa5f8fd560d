//! One invocation of the function.

use std::sync::Arc;

use serde_json::value::RawValue;
use telemetry::contain_panic;

use crate::{Authorizer, Failure};

/// Handles one event. A panic fails only this invocation.
///
/// # Errors
/// The errors of [`Authorizer::handle`], and [`Failure::Fault`] after a panic.
pub async fn invoke(
    authorizer: Arc<Authorizer>,
    event: Box<RawValue>,
) -> Result<Box<RawValue>, Failure> {
    let result = contain_panic(async move { authorizer.handle(&event).await }).await;
    result.unwrap_or_else(|| Err(Failure::Fault("panicked".to_owned())))
}
