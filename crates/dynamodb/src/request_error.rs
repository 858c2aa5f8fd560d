//! The failure of a request that is no part of a decision.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

/// A request to DynamoDB that failed.
#[derive(Debug, thiserror::Error)]
#[error("{operation}: {reason}")]
pub struct RequestError {
    /// DynamoDB's name of the operation, such as `PutItem`, and its table if it is known.
    pub operation: String,
    /// The cause, on one line.
    pub reason: String,
}

impl RequestError {
    /// Returns the failure of `operation`.
    pub fn new(operation: &'static str, reason: impl ToString) -> Self {
        Self {
            operation: operation.to_owned(),
            reason: reason.to_string(),
        }
    }

    /// Returns the failure of `operation` on a table, see [`aws::explanation`].
    pub fn of_sdk<E>(
        operation: &'static str,
        table: &str,
        error: &SdkError<E, HttpResponse>,
    ) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        Self {
            operation: format!("{operation} on table {table}"),
            reason: aws::explanation(error),
        }
    }
}
