//! The choice of a composition for a request.

use bytes::Bytes;
use composition::{Compositions, Route};
use http::header::ALLOW;
use http::{HeaderMap, HeaderValue, StatusCode};
use routes::Match;

use crate::log::ReplyKind;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::Request;

/// The composition for a request, or the response to a question about methods.
pub(crate) enum Found<'r> {
    Route(Match<'r, 'r, Route>),
    Preflight(Reply),
}

/// Returns the composition for a request.
///
/// # Errors
/// 404 for an unknown path, 405 for a method that the path does not have.
pub(crate) fn find<'r>(
    compositions: &'r Compositions,
    request: &'r Request,
) -> Result<Found<'r>, Problem> {
    if let Some(found) = compositions.find(&request.method, &request.path) {
        return Ok(Found::Route(found));
    }

    let mut allowed = compositions.methods(&request.path);
    if allowed.is_empty() {
        return Err(Problem::not_found());
    }
    allowed.push("OPTIONS");
    if request.method != "OPTIONS" {
        return Err(Problem::method_not_allowed(&allowed));
    }

    let mut headers = HeaderMap::new();
    headers.extend(
        HeaderValue::from_str(&allowed.join(", "))
            .ok()
            .map(|value| (ALLOW, value)),
    );
    Ok(Found::Preflight(Reply {
        status: StatusCode::NO_CONTENT,
        headers,
        body: Bytes::new(),
        kind: ReplyKind::Complete,
        reason: None,
        parts: Vec::new(),
    }))
}
