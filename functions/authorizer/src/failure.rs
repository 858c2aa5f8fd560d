//! The function's errors, as API Gateway receives them.

use lambda_runtime::Diagnostic;

/// An error that ends an invocation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// 401. API Gateway recognises it by exactly this message.
    #[error("Unauthorized")]
    Unauthorized,
    /// 500, with the cause.
    #[error("{0}")]
    Fault(String),
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        let error_type = match failure {
            Failure::Unauthorized => "Unauthorized",
            Failure::Fault(_) => "Fault",
        };

        Diagnostic {
            error_type: error_type.to_owned(),
            error_message: failure.to_string(),
        }
    }
}
