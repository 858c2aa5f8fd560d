//! The parts of a request that mappings change.

use http::HeaderMap;

/// The parts of a request that a mapping can change.
#[derive(Clone, Debug)]
pub struct RequestParts {
    /// The decoded path.
    pub path: String,
    /// The names and values of the query string, not decoded.
    pub query: Vec<(String, Option<String>)>,
    /// The headers.
    pub headers: HeaderMap,
}
