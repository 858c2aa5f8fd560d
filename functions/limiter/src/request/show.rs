//! What all routes that show one thing have in common.

use std::future::Future;

use axum::response::Response;
use http::{HeaderMap, Uri};
use serde::Serialize;
use usage::{AdminError, Stored};

use crate::problem::{Problem, refused};
use crate::{request::accept, request::precondition};

/// Answers with a document and its version, or with 304 where the client has that very one.
///
/// # Errors
/// Those of the request's headers and query; 404 where there is no such `what`, or the store's
/// failure.
pub(crate) async fn one<T, B: Serialize>(
    uri: &Uri,
    headers: &HeaderMap,
    what: &'static str,
    stored: impl Future<Output = Result<Stored<T>, AdminError>>,
    body: impl FnOnce(T) -> Result<B, Problem>,
) -> Result<Response, Problem> {
    accept::json_alone(uri, headers)?;
    let stored = stored.await.map_err(|error| refused(error, what))?;
    precondition::unless_known(headers, &stored.version, &body(stored.document)?)
}
