//! The response to a request, and a report on the parts that were called for it.

use std::time::Duration;

use bytes::Bytes;
use composition::{InvalidValue, Missing, PartMethod};
use http::{HeaderMap, StatusCode, Uri};

use crate::log::ReplyKind;
use crate::problem::Problem;

/// The response to a request.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body. Empty for HEAD, 204 and 304.
    pub body: Bytes,
    /// The kind of the response, for logs and metrics.
    pub kind: ReplyKind,
    /// The reason of an error response, if it has one.
    pub reason: Option<&'static str>,
    /// The parts, in the order of the document. Empty if no part was considered.
    pub parts: Vec<PartReport>,
}

impl Reply {
    /// Returns an error response.
    pub(crate) fn problem(problem: &Problem, kind: ReplyKind) -> Self {
        Self {
            status: problem.status(),
            headers: problem.headers(),
            body: problem.body().into(),
            kind,
            reason: problem.reason(),
            parts: Vec::new(),
        }
    }
}

/// The outcome of one part.
#[derive(Clone, Debug)]
pub struct PartReport {
    /// The name of the part in the document.
    pub name: String,
    /// The method of the call.
    pub method: PartMethod,
    /// The URL of the call, for the command line. It may contain values of the caller, so that it
    /// is not logged. `None` if the part was not called.
    pub url: Option<Uri>,
    /// The status of the response, or the reason why the part is missing.
    pub outcome: Result<u16, Missing>,
    /// The value of the path or query that is invalid, for [`Missing::InvalidValue`].
    pub invalid_value: Option<InvalidValue>,
    /// The number of attempts. 0 if the service was not called.
    pub attempts: u32,
    /// The time from the start of the part to its end, including waits and a charge.
    pub duration: Duration,
    /// The size of the response body in bytes.
    pub bytes: usize,
    /// True if the response has the fallback of the part.
    pub has_fallback: bool,
}
