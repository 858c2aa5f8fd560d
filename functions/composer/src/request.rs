//! A request to a composition.

use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderValue};
use telemetry::RequestScope;

use crate::caller_context::CallerContext;

/// A request to a composition, from whichever server received it.
#[derive(Clone, Default)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The decoded path, with the prefix of compositions.
    pub path: String,
    /// The query as the client sent it, without `?`. Empty if there is none.
    pub query: String,
    /// The headers of the client.
    pub headers: HeaderMap,
    /// The body of the client.
    pub body: Bytes,
    /// The id of the request, if the server gave it one.
    pub id: Option<String>,
    /// The address that the request came from.
    pub source_address: Option<IpAddr>,
    /// The context of the authorizer. A request without one is refused.
    pub context: Option<CallerContext>,
}

impl Request {
    /// Returns a header, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// True for a POST whose body has a content coding.
    pub(crate) fn has_encoded_body(&self) -> bool {
        let codings = self.headers.get_all(CONTENT_ENCODING);
        let mut codings = codings.iter().map(HeaderValue::as_bytes);
        self.method == "POST" && codings.any(|coding| !coding.eq_ignore_ascii_case(b"identity"))
    }

    /// Returns the ids for log lines, call records and calls.
    pub(crate) fn scope(&self) -> RequestScope {
        RequestScope::from_headers(|name| self.header(name), self.id.as_deref())
    }
}

/// Headers, queries and bodies may contain secrets, so that they are not printed.
impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Request")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}
