//! The values of a request that fill the templates of parts.

use std::borrow::Cow;
use std::sync::OnceLock;

use composition::{Values, scalar};
use http::HeaderMap;
use outcome::ContextField;

use crate::caller_context::CallerContext;
use crate::part_run::PartResult;
use crate::query::Query;

/// The values of one request. Values of parts appear as the parts complete.
#[derive(Clone, Copy)]
pub(crate) struct RequestValues<'r> {
    /// The variables of the route's path, decoded.
    pub(crate) parameters: &'r [(&'r str, &'r str)],
    pub(crate) query: &'r Query<'r>,
    /// The headers of the client that the route allows.
    pub(crate) headers: &'r HeaderMap,
    pub(crate) context: &'r CallerContext,
    /// The results of the parts, by index.
    pub(crate) results: &'r [OnceLock<PartResult>],
}

impl Values for RequestValues<'_> {
    fn parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        let found = self.parameters.iter().find(|(known, _)| *known == name)?;
        Some(Cow::Borrowed(found.1))
    }

    fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        self.query.get(name).map(Cow::Borrowed)
    }

    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        let value = self.headers.get(name)?.to_str().ok()?;
        Some(Cow::Borrowed(value))
    }

    fn context(&self, field: ContextField) -> Option<Cow<'_, str>> {
        self.context.decoded(field)
    }

    fn part(&self, part: usize, pointer: &str) -> Option<Cow<'_, str>> {
        let json = self.results.get(part)?.get()?.json()?;
        scalar(json, pointer)
    }
}
