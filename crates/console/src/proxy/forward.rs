//! Requests to the admin API of the target, signed with the identity of the operator.

use std::time::Duration;

use admin_client::ClientError;
use bytes::Bytes;
use http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use limiter::Limiter;

use super::headers;
use super::target_path::{DESCRIPTION_PATH, is_of_api};
use crate::deployed::{Deployed, READ_ONLY};
use crate::problem::Problem;
use crate::response;

/// The time for a response. It exceeds API Gateway's timeout of 30 s, and the page waits longer.
const TIMEOUT: Duration = Duration::from_secs(35);
/// The `POST` request that finds a key by its secret.
const LOOKUP_PATH: &str = "/_tollgate/v1/keys/lookup";
/// The `POST` request that decides about a call. With the mode `peek`, it consumes nothing.
const DECISIONS_PATH: &str = "/_tollgate/v1/decisions";
/// The header of a description that is not the target's own. Its value is `program`.
const DESCRIPTION_SOURCE: &str = "x-tollgate-console-description";

/// No browser may use a response of the target as a page.
const NO_PAGE: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

/// Admits a request to the target.
///
/// # Errors
/// [`Problem`] if the path is not one of the admin API, or if the proxy only reads and the request could
/// change something.
fn admit(request: &Request<Bytes>, may_write: bool) -> Result<(), Problem> {
    if !is_of_api(request.uri().path()) {
        let detail = "The console forwards only requests to the admin API.";
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    }
    if may_write || is_read(request) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, READ_ONLY))
}

/// True if the request changes nothing: by its method, or because it is one of the two `POST` requests
/// that only look something up.
fn is_read(request: &Request<Bytes>) -> bool {
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, _) | (&Method::POST, LOOKUP_PATH) => true,
        (&Method::POST, DECISIONS_PATH) => is_peek(request.body()),
        _ => false,
    }
}

/// True for a decision that consumes nothing. A body with a repeated field is not one, because readers of
/// JSON differ in which of the two they use.
fn is_peek(body: &[u8]) -> bool {
    let decision = strict_json::object(body);
    decision.is_some_and(|fields| fields.get("mode").is_some_and(|mode| mode == "peek"))
}

/// Sends a request to the target.
///
/// # Errors
/// [`Problem`] if the request is not allowed or cannot be signed, or if Tollgate does not respond.
pub(super) async fn send(
    api: &Deployed,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, Problem> {
    admit(&request, api.may_write())?;
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut forwarded = Request::new(body);
    *forwarded.method_mut() = head.method.clone();
    *forwarded.uri_mut() = path
        .parse()
        .map_err(|_| Problem::bad_request("The path is invalid."))?;
    *forwarded.headers_mut() = headers::of_request(&head.headers);

    match api.client.forward(forwarded, TIMEOUT).await {
        Ok(response) => Ok(protected(response)),
        // A deployment publishes its description only if a parameter says so.
        Err(error) if head.uri.path() == DESCRIPTION_PATH && is_missing(&error) => {
            Ok(own_description())
        }
        Err(error) => Err(Problem::new(status(&error), error.to_string())),
    }
}

/// Returns the description of this version of the program, with a header that says so.
fn own_description() -> Response<Bytes> {
    let mut response = response::json(StatusCode::OK, &Limiter::openapi());
    response
        .headers_mut()
        .insert(DESCRIPTION_SOURCE, HeaderValue::from_static("program"));
    response
}

/// Returns a response of the target with the headers that the browser may see, and those that
/// protect it.
fn protected(response: Response<Bytes>) -> Response<Bytes> {
    let (head, body) = response.into_parts();
    let mut response = response::whole(head.status, body);
    response
        .headers_mut()
        .extend(headers::of_response(head.status, &head.headers));
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, NO_PAGE);
    response
}

fn is_missing(error: &ClientError) -> bool {
    matches!(error, ClientError::Refused(refusal) if refusal.status == StatusCode::NOT_FOUND)
}

/// Returns the status for a request without a response of Tollgate.
fn status(error: &ClientError) -> StatusCode {
    match error {
        // The signature or the credentials are not valid, which is not a matter of permissions.
        ClientError::Refused(refusal)
            if matches!(refusal.status, 401 | 403) && error.missing_permission().is_none() =>
        {
            StatusCode::SERVICE_UNAVAILABLE
        }
        ClientError::Refused(refusal) => match refusal.status {
            400..=599 => StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_GATEWAY),
            _ => StatusCode::BAD_GATEWAY,
        },
        ClientError::Credentials(_) => StatusCode::SERVICE_UNAVAILABLE,
        ClientError::InvalidPath { .. } => StatusCode::BAD_REQUEST,
        ClientError::Unreachable { .. } if error.is_timeout() => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::BAD_GATEWAY,
    }
}
