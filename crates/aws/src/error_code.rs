//! Error codes of AWS services, and the kinds of failures that they mean.

use telemetry::ErrorKind;

/// The error codes of throttles, which are those of the SDK
/// (`aws_runtime::retries::classifiers::THROTTLING_ERRORS`).
pub(crate) const THROTTLING_CODES: [&str; 14] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottledException",
    "TooManyRequestsException",
    "ProvisionedThroughputExceededException",
    "TransactionInProgressException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "RequestThrottled",
    "SlowDown",
    "PriorRequestNotComplete",
    "EC2ThrottledException",
];

/// DynamoDB's error code for a failed condition. The call itself succeeded.
pub(crate) const CONDITION_FAILED: &str = "ConditionalCheckFailedException";

/// The error codes of missing permissions and of credentials that are not valid ("Common Error
/// Types" of the AWS API references, and "Error codes" of the Amazon EC2 API reference).
const ACCESS_DENIED_CODES: [&str; 20] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    "AuthorizationError",
    "AuthorizationErrorException",
    "Forbidden",
    "ForbiddenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "OptInRequired",
    "SignatureDoesNotMatch",
    "UnauthorizedException",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
];

/// The error codes of temporary credentials that have expired.
const EXPIRED_CODES: [&str; 3] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "TokenRefreshRequired",
];

/// The error codes of a request whose date differs from the service's clock by more than five or 15
/// minutes.
const CLOCK_SKEW_CODES: [&str; 3] = [
    "RequestTimeTooSkewed",
    "RequestExpired",
    "RequestInTheFuture",
];

/// The error codes of an invalid signature. Its message then states if the date is the reason.
const SIGNATURE_CODES: [&str; 2] = ["InvalidSignatureException", "SignatureDoesNotMatch"];

/// The start of the message about a signature with a date that is too old, or in the future.
const SIGNATURE_DATE_MESSAGES: [&str; 2] = ["Signature expired", "Signature not yet current"];

/// Returns the kind of failure that an error response means.
pub(crate) fn kind_of(status: u16, code: Option<&str>, message: Option<&str>) -> ErrorKind {
    if is_throttle(status, code) {
        return ErrorKind::Throttling;
    }

    code.and_then(|code| kind_of_code(code, message.unwrap_or_default()))
        .unwrap_or(match status {
            401 | 403 => ErrorKind::AccessDenied,
            408 | 504 => ErrorKind::Timeout,
            500..=599 => ErrorKind::ServerError,
            _ => ErrorKind::Unknown,
        })
}

/// True if an error response is a throttle.
pub(crate) fn is_throttle(status: u16, code: Option<&str>) -> bool {
    status == 429 || code.is_some_and(|code| THROTTLING_CODES.contains(&code))
}

/// True for a code whose message may quote the request that was signed.
pub(crate) fn is_about_a_signature(code: &str) -> bool {
    code.contains("Signature")
}

fn kind_of_code(code: &str, message: &str) -> Option<ErrorKind> {
    let is_late = SIGNATURE_CODES.contains(&code)
        && SIGNATURE_DATE_MESSAGES
            .iter()
            .any(|start| message.starts_with(start));

    if is_late || CLOCK_SKEW_CODES.contains(&code) {
        Some(ErrorKind::ClockSkew)
    } else if EXPIRED_CODES.contains(&code) {
        Some(ErrorKind::ExpiredCredentials)
    } else if ACCESS_DENIED_CODES.contains(&code) {
        Some(ErrorKind::AccessDenied)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, code: &str, message: &str) -> ErrorKind {
        kind_of(status, Some(code), Some(message))
    }

    #[test]
    fn code_determines_the_kind() {
        for (code, expected) in [
            ("AccessDeniedException", ErrorKind::AccessDenied),
            ("UnauthorizedOperation", ErrorKind::AccessDenied),
            ("UnrecognizedClientException", ErrorKind::AccessDenied),
            ("InvalidClientTokenId", ErrorKind::AccessDenied),
            ("ExpiredTokenException", ErrorKind::ExpiredCredentials),
            ("ExpiredToken", ErrorKind::ExpiredCredentials),
            ("RequestTimeTooSkewed", ErrorKind::ClockSkew),
            ("RequestExpired", ErrorKind::ClockSkew),
            ("ThrottlingException", ErrorKind::Throttling),
            ("ResourceNotFoundException", ErrorKind::Unknown),
        ] {
            assert_eq!(kind(400, code, ""), expected, "{code}");
        }
        assert_eq!(kind(403, "ExpiredToken", ""), ErrorKind::ExpiredCredentials);
    }

    #[test]
    fn message_of_an_invalid_signature_states_if_the_clock_is_wrong() {
        let expired = "Signature expired: 20261130T040000Z is now earlier than 20261130T041500Z";
        let early = "Signature not yet current: 20261130T050000Z is still later than now";
        let wrong =
            "The request signature we calculated does not match the signature you provided.";
        for code in SIGNATURE_CODES {
            assert_eq!(kind(403, code, expired), ErrorKind::ClockSkew);
            assert_eq!(kind(403, code, early), ErrorKind::ClockSkew);
            assert_eq!(kind(403, code, wrong), ErrorKind::AccessDenied);
        }
        assert_eq!(
            kind(400, "ValidationException", expired),
            ErrorKind::Unknown
        );
    }

    #[test]
    fn status_decides_if_the_code_does_not() {
        for (status, expected) in [
            (400, ErrorKind::Unknown),
            (401, ErrorKind::AccessDenied),
            (403, ErrorKind::AccessDenied),
            (404, ErrorKind::Unknown),
            (408, ErrorKind::Timeout),
            (429, ErrorKind::Throttling),
            (500, ErrorKind::ServerError),
            (503, ErrorKind::ServerError),
            (504, ErrorKind::Timeout),
        ] {
            assert_eq!(kind_of(status, None, None), expected, "{status}");
            assert_eq!(kind(status, "Other", "text"), expected, "{status}");
        }
    }
}
