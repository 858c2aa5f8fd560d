//! Reads the response of an introspection endpoint: about the token, about our credentials, or
//! unusable.
//!
//! Source: RFC 7662, section 2.3; RFC 6749, section 5.2; RFC 6750, section 3.1.

use bytes::Bytes;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, Response, StatusCode};
use serde_json::{Map, Value};

use crate::outbound::body;

/// The longest OAuth error code that is read.
const MAX_CODE_BYTES: usize = 64;

/// The reason why a response has no claims. The strings contain a status and an OAuth error code,
/// but never the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IntrospectionError {
    /// The server refuses the token itself.
    Token(String),
    /// The server refuses our client id or secret.
    Credentials(String),
    /// Our own key cannot be used, so nothing was sent.
    ClientKey(String),
    /// The server is unavailable, or its response is not one of introspection.
    Unusable(String),
}

/// Returns the claims of a response, including `active`.
pub(crate) fn read(response: Response<Bytes>) -> Result<Map<String, Value>, IntrospectionError> {
    if response.status() != StatusCode::OK {
        return Err(refusal(&response));
    }
    let body = body(response).map_err(|error| IntrospectionError::Unusable(error.to_string()))?;
    let claims = strict_json::object(&body)
        .filter(|claims| claims.get("active").is_some_and(Value::is_boolean));
    claims.ok_or_else(|| {
        IntrospectionError::Unusable(
            "the response does not say whether the token is active".to_owned(),
        )
    })
}

/// Classifies a response with another status than 200.
///
/// 401 and 403 are about our credentials, unless an error code says that they are about the token.
/// A 404 or similar status without a code means a wrong endpoint, not a wrong token.
fn refusal(response: &Response<Bytes>) -> IntrospectionError {
    let status = response.status();
    let challenge = Challenge::read(response.headers());
    let code = code_in_body(response.body()).or_else(|| challenge.error.clone());
    let text = match &code {
        Some(code) => format!("status {} ({code})", status.as_u16()),
        None => format!("status {}", status.as_u16()),
    };

    match (status.as_u16(), code.as_deref()) {
        (400..=499, Some("invalid_client" | "unauthorized_client")) => {
            IntrospectionError::Credentials(text)
        }
        (401, Some("invalid_token")) if !challenge.is_basic => IntrospectionError::Token(text),
        (401, _) => IntrospectionError::Credentials(text),
        (403, Some("invalid_token")) => IntrospectionError::Token(text),
        (403, Some("access_denied" | "insufficient_scope")) => {
            IntrospectionError::Credentials(text)
        }
        (408 | 429, _) => IntrospectionError::Unusable(text),
        (400 | 413 | 414 | 422 | 431, _) => IntrospectionError::Token(text),
        (404..=499, Some(_)) => IntrospectionError::Token(text),
        _ => IntrospectionError::Unusable(text),
    }
}

fn code_in_body(body: &[u8]) -> Option<String> {
    let document = strict_json::object(body)?;
    code(document.get("error")?.as_str()?)
}

/// Returns an error code in the form of OAuth. Other strings are messages for people.
fn code(text: &str) -> Option<String> {
    let is_code_byte =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    ((1..=MAX_CODE_BYTES).contains(&text.len()) && text.bytes().all(is_code_byte))
        .then(|| text.to_owned())
}

/// The `WWW-Authenticate` headers of a response.
#[derive(Default)]
struct Challenge {
    is_basic: bool,
    error: Option<String>,
}

impl Challenge {
    fn read(headers: &HeaderMap) -> Self {
        let mut challenge = Self::default();
        for value in headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok())
        {
            let scheme = value
                .trim_start()
                .split([' ', ','])
                .next()
                .unwrap_or_default();
            challenge.is_basic |= scheme.eq_ignore_ascii_case("basic");

            let quoted = value
                .split_once("error=\"")
                .and_then(|(_, rest)| rest.split('"').next());
            challenge.error = challenge.error.or_else(|| code(quoted?));
        }
        challenge
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, challenge: &str, body: &str) -> &'static str {
        let mut response = Response::builder().status(status);
        if !challenge.is_empty() {
            response = response.header(WWW_AUTHENTICATE, challenge);
        }
        match read(
            response
                .body(Bytes::copy_from_slice(body.as_bytes()))
                .unwrap(),
        ) {
            Ok(_) => "claims",
            Err(IntrospectionError::Token(_)) => "token",
            Err(IntrospectionError::Credentials(_)) => "credentials",
            Err(IntrospectionError::ClientKey(_)) => "key",
            Err(IntrospectionError::Unusable(_)) => "unusable",
        }
    }

    #[test]
    fn responses_are_classified() {
        for (status, challenge, body, expected) in [
            (200, "", r#"{"active":true}"#, "claims"),
            (200, "", r#"{"active":"true"}"#, "unusable"),
            (200, "", "<html>", "unusable"),
            (204, "", "", "unusable"),
            (302, "", "", "unusable"),
            (400, "", "", "token"),
            (400, "", r#"{"error":"invalid_request"}"#, "token"),
            (400, "", r#"{"error":"invalid_client"}"#, "credentials"),
            (400, "", r#"{"error":"unauthorized_client"}"#, "credentials"),
            (401, "", "", "credentials"),
            (401, r#"Basic realm="as""#, "", "credentials"),
            (
                401,
                r#"Basic realm="as", error="invalid_token""#,
                "",
                "credentials",
            ),
            (401, "", r#"{"error":"invalid_client"}"#, "credentials"),
            (401, "", r#"{"error":"invalid_token"}"#, "token"),
            (
                401,
                r#"Bearer error="invalid_token", error_description="unknown""#,
                "",
                "token",
            ),
            (403, "", "<html>", "unusable"),
            (
                403,
                r#"Bearer error="insufficient_scope""#,
                "",
                "credentials",
            ),
            (403, "", r#"{"error":"invalid_token"}"#, "token"),
            (404, "", "<html>", "unusable"),
            (404, "", r#"{"status":404,"error":"Not Found"}"#, "unusable"),
            (404, "", r#"{"error":"not_found"}"#, "token"),
            (405, "", "", "unusable"),
            (413, "", "", "token"),
            (422, "", "", "token"),
            (429, "", r#"{"error":"too_many_requests"}"#, "unusable"),
            (408, "", "", "unusable"),
            (500, "", r#"{"error":"server_error"}"#, "unusable"),
            (
                503,
                "",
                r#"{"error":"temporarily_unavailable"}"#,
                "unusable",
            ),
        ] {
            assert_eq!(
                kind(status, challenge, body),
                expected,
                "{status} {challenge} {body}"
            );
        }
    }

    #[test]
    fn error_contains_only_the_code() {
        let read = |body: &'static str| {
            read(
                Response::builder()
                    .status(400)
                    .body(Bytes::from(body))
                    .unwrap(),
            )
        };
        assert_eq!(
            read(r#"{"error":"invalid_request"}"#),
            Err(IntrospectionError::Token(
                "status 400 (invalid_request)".into()
            ))
        );
        for body in [
            r#"{"error":"token Ab3 is unknown"}"#,
            r#"{"error":["x"]}"#,
            r#"{"error":""}"#,
            "x",
        ] {
            assert_eq!(
                read(body),
                Err(IntrospectionError::Token("status 400".into())),
                "{body}"
            );
        }
    }
}
