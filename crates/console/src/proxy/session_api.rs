//! The operation `session`: exchanges the one-time code, extends a session, and ends it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use serde::Serialize;
use serde_json::Value;

use super::clock::Moment;
use super::sessions::{SESSION_IDLE_TIMEOUT, Sessions};
use crate::CONSOLE_HEADER;
use crate::problem::Problem;
use crate::response;

/// The header of requests that the page sends without activity of the operator.
const IDLE_HEADER: &str = "x-tollgate-console-idle";
/// The header of a response to a request without a valid session.
const SESSION_STATUS_HEADER: HeaderName = HeaderName::from_static("x-tollgate-console-session");

#[derive(Serialize)]
struct Opened<'s> {
    session: &'s str,
    idle_s: u64,
}

#[derive(Serialize)]
struct Current {
    idle_s: u64,
}

/// Returns the response to a request without a valid session. `None` if the page has one, which is
/// extended if the operator was active.
pub(super) fn refusal(
    sessions: &Sessions,
    headers: &HeaderMap,
    now: Moment,
) -> Option<Response<Bytes>> {
    let is_active = !headers.contains_key(IDLE_HEADER);
    let is_known = sessions.admit(presented(headers), is_active, now);
    (!is_known).then(ended)
}

/// Exchanges the one-time code for a session.
///
/// # Errors
/// [`Problem`] if the code is not valid. The reasons are not distinguished.
pub(super) fn open(
    sessions: &Sessions,
    request: &Request<Bytes>,
    now: Moment,
) -> Result<Response<Bytes>, Problem> {
    // Other sites cannot send this header without a preflight request, which is refused.
    if !request.headers().contains_key(CONSOLE_HEADER) {
        let detail = format!("The header `{CONSOLE_HEADER}` is missing.");
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let code = code(request.body())
        .ok_or_else(|| Problem::bad_request("The body must be JSON with the field `code`."))?;

    let session = sessions
        .exchange(code.as_bytes(), now)
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let Some(session) = session else {
        let detail = "The code is wrong, was used already, or is older than 30 s. Press Enter in \
                      the terminal of tollgate console to open the page again.";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, detail));
    };
    let opened = Opened {
        session: session.as_str(),
        idle_s: SESSION_IDLE_TIMEOUT.as_secs(),
    };
    Ok(response::json(StatusCode::OK, &opened))
}

/// Responds to a request about the session that sent it.
///
/// # Errors
/// [`Problem`] for an unknown method.
pub(super) fn respond(
    sessions: &Sessions,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response<Bytes>, Problem> {
    match *method {
        Method::GET => {
            let idle_s = SESSION_IDLE_TIMEOUT.as_secs();
            Ok(response::json(StatusCode::OK, &Current { idle_s }))
        }
        Method::DELETE => {
            sessions.end(presented(headers));
            Ok(response::whole(StatusCode::NO_CONTENT, Bytes::new()))
        }
        _ => Err(Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "Expected GET, POST or DELETE.",
        )),
    }
}

/// Returns the code in a body, which has no other field.
fn code(body: &[u8]) -> Option<String> {
    let mut fields = strict_json::object(body).filter(|fields| fields.len() == 1)?;
    match fields.remove("code")? {
        Value::String(code) => Some(code),
        _ => None,
    }
}

fn presented(headers: &HeaderMap) -> &[u8] {
    headers
        .get(CONSOLE_HEADER)
        .map_or(&[], HeaderValue::as_bytes)
}

fn ended() -> Response<Bytes> {
    let detail = "There is no such session, or it has ended. Press Enter in the terminal of \
                  tollgate console to open the page again.";
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, detail).into_response();
    let value = HeaderValue::from_static("ended");
    response.headers_mut().insert(SESSION_STATUS_HEADER, value);
    response
}
