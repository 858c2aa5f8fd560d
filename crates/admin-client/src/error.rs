//! Failed requests, as an operator reads them.

use aws::{CallError, Cause};
use environment::SettingError;

use crate::aws_error::AwsError;
use crate::client_certificate::CertificateError;
use crate::credentials_error::CredentialsError;
use crate::refusal::Refusal;
use crate::stack::StackError;
use crate::target::TargetError;
use crate::unreachable;

/// The exit code after a refusal.
const REFUSED: u8 = 1;
/// The exit code for invalid input, and for an API that cannot be used.
const UNUSABLE: u8 = 2;

/// A request that failed, or that could not be made.
///
/// `Display` is the whole message for the operator. It can have several lines, and text of the
/// server with control characters. It never contains a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The target is invalid.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A setting of the environment is invalid.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The proxy is invalid.
    #[error(transparent)]
    Proxy(#[from] aws::ProxyError),
    /// The client certificate cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// There are no credentials.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The API of a stack is not known.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// A call of an AWS service failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The request cannot be signed.
    #[error("the request cannot be signed: its URL has no host")]
    Signature,
    /// The path of a request does not form a URL.
    #[error("invalid path of the API: {path}")]
    InvalidPath {
        /// The path, without the query.
        path: String,
    },
    /// The name or the value of a header is invalid.
    #[error("the value of the header `{name}` is invalid")]
    InvalidHeader {
        /// The name of the header.
        name: String,
    },
    /// There was no response.
    #[error("{}", unreachable::message(target, error, *has_certificate, *is_write))]
    Unreachable {
        /// The target.
        target: String,
        /// The error of the request.
        error: CallError,
        /// True if the connection has a client certificate.
        has_certificate: bool,
        /// True if the request changes something.
        is_write: bool,
    },
    /// The response is an error.
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// The response should be JSON and is not.
    #[error("the response with status {status} is not JSON (`{content_type}`): is it Tollgate?")]
    NotJson {
        /// The HTTP status.
        status: u16,
        /// The media type of the response.
        content_type: String,
    },
    /// A list of the API does not end.
    #[error("the API returned the same cursor twice in {path}")]
    RepeatedCursor {
        /// The path of the list, without the query.
        path: String,
    },
    /// A list of the API has too many pages.
    #[error("the list {path} does not end")]
    EndlessList {
        /// The path of the list, without the query.
        path: String,
    },
    /// A successful response is not one of the admin API.
    #[error("{target}: unexpected response to {request}: {problem}: is it Tollgate?")]
    Unexpected {
        /// The target.
        target: String,
        /// The method and the path, without the query.
        request: String,
        /// The problem, and the expected form.
        problem: String,
    },
    /// A list of the API has no items.
    #[error("the response of {path} has no list `items`: is it Tollgate?")]
    NotAList {
        /// The path of the list, without the query.
        path: String,
    },
}

impl ClientError {
    /// Returns the exit code of the command: 1 if the API or AWS refused the request, otherwise 2.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let is_refused = match self {
            Self::Refused(refusal) => {
                matches!(refusal.status, 400..=499) && !refusal.is_of_another_server()
            }
            Self::Aws(error) => error.is_access_denied(),
            Self::Stack(StackError::Denied { .. }) => true,
            _ => false,
        };
        if is_refused { REFUSED } else { UNUSABLE }
    }

    /// Returns the status, if Tollgate responded.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) if refusal.is_of_tollgate => Some(refusal.status),
            _ => None,
        }
    }

    /// True if the caller lacks a permission.
    #[must_use]
    pub const fn is_access_denied(&self) -> bool {
        matches!(self, Self::Refused(refusal) if matches!(refusal.status, 401 | 403))
    }

    /// Returns the permission for lack of which API Gateway refused a signed request, such as
    /// `execute-api:Invoke on ARN for arn:aws:iam::123456789012:user/ann`.
    #[must_use]
    pub fn missing_permission(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal) => refusal.missing_permission.as_deref(),
            _ => None,
        }
    }

    /// True if the server ended the TLS handshake for lack of a valid client certificate.
    #[must_use]
    pub fn lacks_certificate(&self) -> bool {
        matches!(self, Self::Unreachable { error, .. } if unreachable::is_lack_of_certificate(error))
    }

    /// True if there was no response in time.
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        let Self::Unreachable { error, .. } = self else {
            return false;
        };
        matches!(
            error,
            CallError::TimedOut { .. } | CallError::NoTimeLeft { .. }
        )
    }

    /// True if the server ended the connection, during the TLS handshake or before its response.
    #[must_use]
    pub const fn is_closed_connection(&self) -> bool {
        let Self::Unreachable { error, .. } = self else {
            return false;
        };
        matches!(
            error,
            CallError::Transport {
                cause: Cause::Tls | Cause::Broken,
                ..
            }
        )
    }

    /// True if the object does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// True if the object is not as `If-Match` or `If-None-Match` expects it.
    #[must_use]
    pub fn is_precondition_failed(&self) -> bool {
        self.status() == Some(412)
    }

    /// True if the request conflicts with the state of an object.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.status() == Some(409)
    }
}
