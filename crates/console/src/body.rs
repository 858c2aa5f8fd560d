//! The JSON bodies of requests.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// The largest body, in bytes. A policy is the largest document, and text in JSON is escaped.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Reads the body of a request. Errors do not repeat values, because a value may be a secret.
///
/// # Errors
/// 413 if it is too large, 415 if it is not JSON by its type, and 400 if it cannot be read.
pub(crate) fn read<T: DeserializeOwned>(request: &Request<Bytes>) -> Result<T, Problem> {
    let body = request.body();
    if body.len() > MAX_BODY_BYTES {
        let detail = format!("The request body is larger than {MAX_BODY_BYTES} bytes.");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    if !is_json(request) {
        let detail = "Expected a request body of type application/json.";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }

    let text = std::str::from_utf8(body)
        .map_err(|_| Problem::bad_request("The request body is not UTF-8."))?;
    strict_json::parse_json(text)
        .map_err(|error| Problem::bad_request(format!("The request body is invalid: {error}.")))
}

fn is_json(request: &Request<Bytes>) -> bool {
    let content_type = request.headers().get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|value| value.split(';').next());
    media_type.is_some_and(|name| name.trim().eq_ignore_ascii_case("application/json"))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Document {
        text: String,
    }

    fn request(content_type: &str, body: &str) -> Request<Bytes> {
        let request = Request::post("/").header(CONTENT_TYPE, content_type);
        request.body(Bytes::from(body.to_owned())).unwrap()
    }

    #[test]
    fn json_body_is_read() {
        for content_type in ["application/json", "Application/JSON; charset=utf-8"] {
            let document: Document = read(&request(content_type, r#"{"text":"a"}"#)).unwrap();
            assert_eq!(document.text, "a");
        }
    }

    #[test]
    fn invalid_body_is_refused_without_its_values() {
        let large = format!(r#"{{"text":"{}"}}"#, "x".repeat(MAX_BODY_BYTES));
        for (content_type, body, status) in [
            ("text/plain", r#"{"text":"hush"}"#, 415),
            ("application/json", r#"{"text":{"a":"hush"}}"#, 400),
            ("application/json", r#""hush""#, 400),
            ("application/json", "", 400),
            ("application/json", &*large, 413),
        ] {
            let problem = read::<Document>(&request(content_type, body)).unwrap_err();
            let problem = serde_json::to_value(problem).unwrap();
            assert_eq!(problem["status"], status, "{problem}");
            assert!(!problem.to_string().contains("hush"), "{problem}");
        }
    }
}
