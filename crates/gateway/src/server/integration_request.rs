//! A request on its way to an integration.

use http::Method;

use crate::api::RequestParts;

/// A request to an integration, without its body.
pub(super) struct IntegrationRequest<'r> {
    pub(super) method: Method,
    pub(super) parts: RequestParts,
    /// The query string as sent.
    pub(super) raw_query: String,
    /// The names and values of path parameters.
    pub(super) parameters: &'r [(&'r str, &'r str)],
}
