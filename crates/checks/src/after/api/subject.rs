//! The API that a stack protects.

use admin_client::path;

use super::http_api::HttpApi;
use super::rest_api::RestApi;
use crate::aws::{Call, Service, Unread};
use crate::stack::Stack;
use crate::verdict::Verdict;

/// The API that a stack protects.
pub(super) enum Subject<'s> {
    Http(Box<HttpApi<'s>>),
    Rest(RestApi<'s>),
    /// The stack does not contain the API, and the run does not name it.
    Unknown,
}

impl<'s> Subject<'s> {
    /// Finds the API: the one that the run names, or else the one of the stack.
    pub(super) async fn of(stack: &'s Stack) -> Result<Self, Unread> {
        if let Some(id) = stack.named_api() {
            return named(id, stack).await;
        }
        if let Some(api) = RestApi::of_stack(stack) {
            return Ok(Self::Rest(api));
        }
        Ok(match stack.output("ApiId") {
            Some(id) => Self::Http(Box::new(HttpApi::of_stack(id, stack))),
            None => Self::Unknown,
        })
    }
}

/// Returns an API by its ID. The same ID cannot be that of an HTTP API and of a REST API.
async fn named<'s>(id: &str, stack: &'s Stack) -> Result<Subject<'s>, Unread> {
    let is_of_stack = stack.output("ApiId") == Some(id);
    if is_of_stack {
        return Ok(Subject::Http(Box::new(HttpApi::of_stack(id, stack))));
    }
    if let Some(api) = RestApi::of_stack(stack).filter(|api| api.id == id) {
        return Ok(Subject::Rest(api));
    }

    let call = Call::get(Service::ApiGateway, "GET", &path(&["v2", "apis", id]));
    match stack.account().read(&call).await {
        Ok(_) => Ok(Subject::Http(Box::new(HttpApi::defined_elsewhere(
            id, stack,
        )))),
        Err(Unread::NotFound { .. }) => Ok(Subject::Rest(RestApi::defined_elsewhere(id, stack))),
        Err(reason) => Err(reason),
    }
}

/// Returns the verdict for a stack whose API is not known.
pub(super) fn unknown() -> Verdict {
    Verdict::not_proven("the stack does not contain the API that uses its authorizer")
        .with_fix("Run the command again with `--api-id ID`, the ID of that API.")
}
