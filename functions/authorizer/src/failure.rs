//! The function's errors, as API Gateway receives them.

use lambda_runtime::Diagnostic;
use outcome::Reason;

/// An error that ends an invocation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// 401. API Gateway recognises it by exactly this message. The reason is for logs and metrics.
    #[error("Unauthorized")]
    Unauthorized(Reason),
    /// 500, with the cause.
    #[error("{0}")]
    Fault(String),
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        let error_type = match failure {
            Failure::Unauthorized(_) => "Unauthorized",
            Failure::Fault(_) => "Fault",
        };

        Diagnostic {
            error_type: error_type.to_owned(),
            error_message: failure.to_string(),
        }
    }
}
