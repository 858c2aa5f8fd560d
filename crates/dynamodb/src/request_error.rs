//! The failure of a request that is no part of a decision.

/// A request to DynamoDB that failed.
#[derive(Debug, thiserror::Error)]
#[error("{operation} failed")]
pub struct RequestError {
    /// DynamoDB's name of the operation, such as `PutItem`.
    pub operation: &'static str,
    /// The cause.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl RequestError {
    /// Returns the failure of `operation`.
    pub fn new(
        operation: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            operation,
            source: source.into(),
        }
    }
}
