//! One invocation of the function.

use std::sync::Arc;

use bytes::Bytes;
use telemetry::contain_panic;

use crate::{Authorizer, Failure, Response};

/// Handles one event. A panic fails only this invocation.
///
/// # Errors
/// The errors of [`Authorizer::respond_to`], and [`Failure::Fault`] after a panic.
pub async fn invoke(authorizer: Arc<Authorizer>, event: Bytes) -> Result<Response, Failure> {
    let result = contain_panic(async move { authorizer.respond_to(&event).await }).await;
    result.unwrap_or_else(|| Err(Failure::Fault("panicked".to_owned())))
}
