//! Explanations of failed AWS calls, for logs and error messages.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use telemetry::{Excerpt, error_chain, find_source};

use crate::cause::{Cause, innermost};
use crate::connect_error::ConnectError;
use crate::error_code::is_about_a_signature;

/// Returns the reason why an AWS operation failed, as one line of at most some 600 bytes.
///
/// | failure | text |
/// |---|---|
/// | error response | `AccessDeniedException: User: arn:… is not authorized to perform: …` |
/// | no connection | `no connection to 10.0.0.7:443: connection refused` |
/// | no response | `no response in time` |
/// | broken connection | `the connection broke: connection reset by peer` |
///
/// The message of a service about a signature is omitted, because it can contain the headers of the
/// request, and with them a session token.
pub fn explanation<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    match error {
        SdkError::ServiceError(refused) => of_service(
            refused.raw().status().as_u16(),
            refused.err().code(),
            refused.err().message(),
        ),
        SdkError::TimeoutError(_) => "no response in time".to_owned(),
        SdkError::DispatchFailure(failure) => failure
            .as_connector_error()
            .map_or_else(|| error_chain(error), of_connector),
        SdkError::ResponseError(_) => "invalid response".to_owned(),
        _ => error_chain(error),
    }
}

fn of_service(status: u16, code: Option<&str>, message: Option<&str>) -> String {
    let Some(code) = code.filter(|code| is_error_code(code)) else {
        return format!("status {status} without an error code");
    };

    match message.map(str::trim).filter(|message| !message.is_empty()) {
        Some(message) if !is_about_a_signature(code) => format!("{code}: {}", Excerpt(message)),
        _ => code.to_owned(),
    }
}

fn of_connector(error: &ConnectorError) -> String {
    let cause = Cause::of(error);
    let text = match cause {
        // The innermost error repeats the cause.
        Cause::Refused | Cause::ConnectTimeout => cause.to_string(),
        _ => format!("{cause}: {}", innermost(error)),
    };

    match find_source::<ConnectError>(error) {
        Some(failed) => format!("no connection to {}: {text}", failed.host),
        None => text,
    }
}

/// True if the text looks like an error code. Other text may contain anything, so it is not shown.
pub(crate) fn is_error_code(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    fn refused(code: &str, message: &str) -> String {
        let error = ErrorMetadata::builder().code(code).message(message).build();
        let response = HttpResponse::new(400.try_into().unwrap(), SdkBody::empty());
        explanation(&SdkError::service_error(error, response))
    }

    #[test]
    fn response_is_explained_by_its_code_and_message() {
        assert_eq!(
            refused("AccessDeniedException", "User: arn:x is not authorized"),
            "AccessDeniedException: User: arn:x is not authorized"
        );
        assert_eq!(refused("SlowDown", " "), "SlowDown");
        assert!(refused("SlowDown", &"x".repeat(70_000)).len() < 600);
    }

    #[test]
    fn message_about_a_signature_is_not_shown() {
        let message = "The Canonical String should have been 'x-amz-security-token:secret'";
        for code in [
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
            "IncompleteSignature",
            "IncompleteSignatureException",
        ] {
            assert_eq!(refused(code, message), code);
        }
    }

    #[test]
    fn text_that_is_not_a_code_is_not_shown() {
        for code in ["", "a b", "a\nb", &"a".repeat(65)] {
            assert_eq!(
                refused(code, "message"),
                "status 400 without an error code",
                "{code}"
            );
        }
    }

    #[test]
    fn missing_response_is_explained_without_debug_text() {
        let late = SdkError::<ErrorMetadata, HttpResponse>::timeout_error("operation timed out");
        assert_eq!(explanation(&late), "no response in time");

        let broken = ConnectorError::io("connection reset by peer".into());
        let broken = SdkError::<ErrorMetadata, HttpResponse>::dispatch_failure(broken);
        assert_eq!(
            explanation(&broken),
            "the connection broke: connection reset by peer"
        );
    }
}
