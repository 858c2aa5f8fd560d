//! A failed call, failure_of: its kind, whether to try again, and whether it can have been applied.

use std::io;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use telemetry::{ErrorKind, find_source};

use crate::breaker::Verdict;
use crate::connect_error::ConnectError;
use crate::error_code::{CONDITION_FAILED, THROTTLING_CODES};
use crate::fate::Fate;

/// A failed call, failure_of.
///
/// `fate` speaks of the last attempt. It holds for the whole call when retries are off
/// ([`Retries::Off`](crate::Retries::Off)), because then an earlier attempt can only have been a
/// failed connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// The kind it is recorded under.
    pub kind: ErrorKind,
    /// Whether the same call may succeed if it is made again.
    pub retryable: bool,
    /// Whether the other side can have acted on it.
    pub fate: Fate,
    /// True if the request was at fault (a 4xx other than a throttle). It says nothing about the
    /// health of the service.
    pub client_error: bool,
}

impl Failure {
    /// Judges an AWS operation's error.
    ///
    /// A service's 4xx answer means that it refused the request before acting on it; 408 does not.
    #[must_use]
    pub fn of_sdk<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Self {
        match error {
            SdkError::ConstructionFailure(_) => Self::refused(ErrorKind::Unknown, true),
            SdkError::TimeoutError(_) => Self::transient(ErrorKind::Timeout, Fate::Unknown),
            SdkError::DispatchFailure(failure) => failure.as_connector_error().map_or(
                Self::transient(ErrorKind::Network, Fate::Unknown),
                Self::of_connector,
            ),
            SdkError::ServiceError(answer) => {
                let status = answer.raw().status().as_u16();
                Self::of_answer(status, answer.err().code())
            }
            _ => Self::transient(ErrorKind::Unknown, Fate::Unknown),
        }
    }

    /// Judges the status of an HTTP answer; `None` when it reports no failure.
    #[must_use]
    pub fn of_status(status: u16) -> Option<Self> {
        (status >= 400).then(|| Self::of_answer(status, None))
    }

    /// Judges an I/O error. Only a refused or unreachable address is sure not to have been sent.
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

    /// What this failure tells a circuit breaker. Being throttled counts as a failure.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        if self.client_error {
            Verdict::ClientError
        } else {
            Verdict::Failure
        }
    }

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

    fn of_answer(status: u16, code: Option<&str>) -> Self {
        let throttled = status == 429 || code.is_some_and(|code| THROTTLING_CODES.contains(&code));
        match status {
            _ if throttled => Self {
                retryable: true,
                ..Self::refused(ErrorKind::Throttling, false)
            },
            408 | 504 => Self::transient(ErrorKind::Timeout, Fate::Unknown),
            500 | 502 | 503 => Self::transient(ErrorKind::Unknown, Fate::Unknown),
            400..=499 => Self::refused(ErrorKind::Unknown, true),
            _ => Self {
                retryable: false,
                ..Self::transient(ErrorKind::Unknown, Fate::Unknown)
            },
        }
    }

    /// The failure that an AWS service's error is.
    pub(crate) fn of_aws(status: u16, code: &str) -> Self {
        Self::of_answer(status, Some(code))
    }

    /// Returns whether the other side, and not the request, is to blame.
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

/// Returns true if an AWS operation certainly had no effect: it could not connect, was throttled or
/// invalid, or its condition failed. [`Failure`] describes the effect of earlier attempts.
#[must_use]
pub fn was_not_applied<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    Failure::of_sdk(error).fate == Fate::NotApplied
}

/// Returns the verdict of an AWS operation's outcome for a circuit breaker. A failed condition is a
/// response of the service, so it counts as a success.
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

    fn answer(status: u16, body: &'static str) -> HttpResponse {
        HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))
    }

    fn service_error(status: u16, code: &str) -> SdkError<ErrorMetadata, HttpResponse> {
        SdkError::service_error(
            ErrorMetadata::builder().code(code).build(),
            answer(status, ""),
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
    fn a_failed_condition_is_surely_not_applied_and_a_sign_of_health() {
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
    fn a_status_says_kind_fate_and_whether_to_retry() {
        use ErrorKind::{Throttling, Timeout, Unknown};
        for (status, kind, fate, retryable) in [
            (400, Unknown, Fate::NotApplied, false),
            (403, Unknown, Fate::NotApplied, false),
            (408, Timeout, Fate::Unknown, true),
            (429, Throttling, Fate::NotApplied, true),
            (500, Unknown, Fate::Unknown, true),
            (501, Unknown, Fate::Unknown, false),
            (503, Unknown, Fate::Unknown, true),
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
    fn an_io_error_says_whether_anything_was_sent() {
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
    fn a_time_out_or_a_broken_answer_leaves_the_fate_unknown() {
        let timeout = SdkError::<ErrorMetadata, HttpResponse>::timeout_error("late");
        let broken =
            SdkError::<ErrorMetadata, HttpResponse>::response_error("half", answer(200, ""));
        let unsent = SdkError::<ErrorMetadata, HttpResponse>::construction_failure("incomplete");
        assert_eq!(Failure::of_sdk(&timeout).kind, ErrorKind::Timeout);
        assert_eq!(
            [timeout, broken, unsent].map(|error| was_not_applied(&error)),
            [false, false, true]
        );
    }
}
