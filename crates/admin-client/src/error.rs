//! Failed requests, as an operator reads them.

use aws::CallError;
use environment::SettingError;

use crate::problem::Problem;
use crate::target::TargetError;

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
    /// The target needs signed requests.
    #[error("--stack: requests cannot be signed yet, expected --url of the local gateway")]
    Unsigned,
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
    #[error("{target}: {error}")]
    Unreachable {
        /// The target.
        target: String,
        /// What failed.
        error: CallError,
    },
    /// The API responded with an error.
    #[error("{}", refusal(.status, .problem.as_deref()))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The problem as text, if the response has one.
        problem: Option<String>,
    },
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
    /// A list of the API has no items.
    #[error("the response of {path} has no list `items`: is it Tollgate?")]
    NotAList {
        /// The path of the list, without the query.
        path: String,
    },
}

impl ClientError {
    /// Returns the error of a response that is not successful.
    pub(crate) fn of_response(response: &http::Response<bytes::Bytes>) -> Self {
        let content_type = response.headers().get(http::header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let problem = Problem::parse(content_type.unwrap_or_default(), response.body());

        Self::Refused {
            status: response.status().as_u16(),
            problem: problem.map(|problem| problem.text()),
        }
    }

    /// Returns the exit code of the command: 1 if the API refused the request, otherwise 2.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.status() {
            Some(400..=499) => REFUSED,
            _ => UNUSABLE,
        }
    }

    /// Returns the status of the response, if there was one.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
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

fn refusal(status: &u16, problem: Option<&str>) -> String {
    match problem {
        Some(text) => text.to_owned(),
        None => format!("the API responded with status {status}"),
    }
}
