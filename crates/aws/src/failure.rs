//! Classification of failed calls: the kind, whether to retry, and whether the call may have been
//! applied.

use std::io;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use telemetry::{ErrorKind, find_source};

use crate::breaker::Verdict;
use crate::connect_error::ConnectError;
use crate::error_code::{CONDITION_FAILED, is_throttle, kind_of};
use crate::fate::Fate;

/// The classification of a failed call.
///
/// `fate` describes the last attempt. With [`Retries::Off`](crate::Retries::Off) it describes the
/// whole call, because an earlier attempt can then only have failed to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// The kind in call records.
    pub kind: ErrorKind,
    /// True if the same call may succeed when it is repeated.
    pub retryable: bool,
    /// Whether the request may have been applied.
    pub fate: Fate,
    /// True if the request was at fault (a 4xx other than a throttle). This does not indicate that
    /// the service is unhealthy.
    pub client_error: bool,
}

impl Failure {
    /// Classifies the error of an AWS operation.
    ///
    /// A 4xx response other than 408 means that the service refused the request and did not apply
    /// it.
    #[must_use]
    pub fn of_sdk<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Self {
        match error {
            SdkError::ConstructionFailure(_) => Self::refused(ErrorKind::Unknown, true),
            SdkError::TimeoutError(_) => Self::transient(ErrorKind::Timeout, Fate::Unknown),
            SdkError::DispatchFailure(failure) => failure.as_connector_error().map_or(
                Self::transient(ErrorKind::Network, Fate::Unknown),
                Self::of_connector,
            ),
            SdkError::ServiceError(error) => {
                let status = error.raw().status().as_u16();
                Self::of_response(status, error.err().code(), error.err().message())
            }
            _ => Self::transient(ErrorKind::Unknown, Fate::Unknown),
        }
    }

    /// Classifies the status of an HTTP response. `None` if it is below 400.
    #[must_use]
    pub fn of_status(status: u16) -> Option<Self> {
        (status >= 400).then(|| Self::of_response(status, None, None))
    }

    /// Classifies an I/O error. Only a refused or unreachable address proves that nothing was sent.
    #[must_use]
    pub fn of_io(error: &io::Error) -> Self {
        use io::ErrorKind as Io;

        match error.kind() {
            Io::TimedOut | Io::WouldBlock => Self::transient(ErrorKind::Timeout, Fate::Unknown),
            Io::ConnectionRefused
            | Io::HostUnreachable
            | Io::NetworkUnreachable
            | Io::NetworkDown => Self::transient(ErrorKind::Network, Fate::NotApplied),
            Io::ConnectionReset
            | Io::ConnectionAborted
            | Io::NotConnected
            | Io::BrokenPipe
            | Io::UnexpectedEof => Self::transient(ErrorKind::Network, Fate::Unknown),
            _ => Self {
                retryable: false,
                ..Self::transient(ErrorKind::Unknown, Fate::Unknown)
            },
        }
    }

    /// Returns the verdict for a circuit breaker. A throttle counts as a failure.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        if self.client_error {
            Verdict::ClientError
        } else {
            Verdict::Failure
        }
    }

    /// Classifies an error of the connector.
    pub(crate) fn of_connector(error: &ConnectorError) -> Self {
        let fate = match find_source::<ConnectError>(error) {
            Some(_) => Fate::NotApplied,
            None => Fate::Unknown,
        };

        if error.is_timeout() {
            Self::transient(ErrorKind::Timeout, fate)
        } else if error.is_user() {
            Self {
                fate,
                ..Self::refused(ErrorKind::Unknown, true)
            }
        } else {
            Self::transient(ErrorKind::Network, fate)
        }
    }

    fn of_response(status: u16, code: Option<&str>, message: Option<&str>) -> Self {
        let kind = kind_of(status, code, message);

        match status {
            _ if is_throttle(status, code) => Self {
                retryable: true,
                ..Self::refused(kind, false)
            },
            408 | 500 | 502..=504 => Self::transient(kind, Fate::Unknown),
            400..=499 => Self::refused(kind, true),
            _ => Self {
                retryable: false,
                ..Self::transient(kind, Fate::Unknown)
            },
        }
    }

    /// Classifies an error response of an AWS service.
    pub(crate) fn of_aws(status: u16, code: &str) -> Self {
        Self::of_response(status, Some(code), None)
    }

    /// True if the service, and not the request, is at fault.
    pub(crate) const fn is_transient(&self) -> bool {
        !self.client_error
    }

    const fn transient(kind: ErrorKind, fate: Fate) -> Self {
        Self {
            kind,
            retryable: true,
            fate,
            client_error: false,
        }
    }

    const fn refused(kind: ErrorKind, client_error: bool) -> Self {
        Self {
            kind,
            retryable: false,
            fate: Fate::NotApplied,
            client_error,
        }
    }
}

/// True if an AWS operation certainly had no effect: it could not connect, it was throttled or
/// invalid, or its condition failed. See [`Failure`] about earlier attempts.
#[must_use]
pub fn was_not_applied<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    Failure::of_sdk(error).fate == Fate::NotApplied
}

/// Returns the verdict on an AWS operation for a circuit breaker. A failed condition counts as a
/// success, because the service responded.
pub fn verdict<T, E: ProvideErrorMetadata>(
    outcome: &Result<T, SdkError<E, HttpResponse>>,
) -> Verdict {
    match outcome {
        Ok(_) => Verdict::Success,
        Err(error) if error.code() == Some(CONDITION_FAILED) => Verdict::Success,
        Err(error) => Failure::of_sdk(error).verdict(),
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;
    use crate::error_code::THROTTLING_CODES;

    fn response(status: u16, body: &'static str) -> HttpResponse {
        HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))
    }

    fn service_error(status: u16, code: &str) -> SdkError<ErrorMetadata, HttpResponse> {
        SdkError::service_error(
            ErrorMetadata::builder().code(code).build(),
            response(status, ""),
        )
    }

    #[test]
    fn every_throttling_code_is_throttling_and_surely_not_applied() {
        for code in THROTTLING_CODES {
            let failure = Failure::of_sdk(&service_error(400, code));
            assert_eq!(
                (failure.kind, failure.fate),
                (ErrorKind::Throttling, Fate::NotApplied),
                "{code}"
            );
            assert!(
                failure.retryable && failure.verdict() == Verdict::Failure,
                "{code}"
            );
        }

        assert_eq!(
            Failure::of_sdk(&service_error(429, "Whatever")).kind,
            ErrorKind::Throttling
        );
    }

    #[test]
    fn failed_condition_is_not_applied_and_counts_as_success() {
        let error = service_error(400, CONDITION_FAILED);

        assert!(was_not_applied(&error));
        assert_eq!(verdict::<(), _>(&Err(error)), Verdict::Success);
        assert_eq!(
            verdict::<(), _>(&Err(service_error(400, "ValidationException"))),
            Verdict::ClientError
        );
        assert_eq!(
            verdict::<(), _>(&Err(service_error(500, "InternalServerError"))),
            Verdict::Failure
        );
    }

    #[test]
    fn status_determines_kind_fate_and_retry() {
        use ErrorKind::{AccessDenied, ServerError, Throttling, Timeout, Unknown};
        for (status, kind, fate, retryable) in [
            (400, Unknown, Fate::NotApplied, false),
            (403, AccessDenied, Fate::NotApplied, false),
            (408, Timeout, Fate::Unknown, true),
            (429, Throttling, Fate::NotApplied, true),
            (500, ServerError, Fate::Unknown, true),
            (501, ServerError, Fate::Unknown, false),
            (503, ServerError, Fate::Unknown, true),
            (504, Timeout, Fate::Unknown, true),
        ] {
            let failure = Failure::of_status(status).unwrap();
            assert_eq!(
                (failure.kind, failure.fate, failure.retryable),
                (kind, fate, retryable),
                "{status}"
            );
        }

        assert!((100..400).all(|status| Failure::of_status(status).is_none()));
    }

    #[test]
    fn denied_call_is_a_client_error_that_is_not_retried() {
        for (code, kind) in [
            ("AccessDeniedException", ErrorKind::AccessDenied),
            ("ExpiredTokenException", ErrorKind::ExpiredCredentials),
            ("RequestTimeTooSkewed", ErrorKind::ClockSkew),
        ] {
            let failure = Failure::of_sdk(&service_error(400, code));
            let expected = Failure::refused(kind, true);
            assert_eq!(failure, expected, "{code}");
        }
    }

    #[test]
    fn io_error_determines_kind_and_fate() {
        use io::ErrorKind as Io;
        for (error, kind, fate) in [
            (Io::TimedOut, ErrorKind::Timeout, Fate::Unknown),
            (Io::ConnectionRefused, ErrorKind::Network, Fate::NotApplied),
            (Io::ConnectionReset, ErrorKind::Network, Fate::Unknown),
            (Io::UnexpectedEof, ErrorKind::Network, Fate::Unknown),
            (Io::InvalidData, ErrorKind::Unknown, Fate::Unknown),
        ] {
            let failure = Failure::of_io(&error.into());
            assert_eq!((failure.kind, failure.fate), (kind, fate), "{error}");
        }
    }

    #[test]
    fn timeout_or_broken_response_has_unknown_fate() {
        let timeout = SdkError::<ErrorMetadata, HttpResponse>::timeout_error("late");
        let broken =
            SdkError::<ErrorMetadata, HttpResponse>::response_error("half", response(200, ""));
        let unsent = SdkError::<ErrorMetadata, HttpResponse>::construction_failure("incomplete");

        assert_eq!(Failure::of_sdk(&timeout).kind, ErrorKind::Timeout);
        assert_eq!(
            [timeout, broken, unsent].map(|error| was_not_applied(&error)),
            [false, false, true]
        );
    }
}
