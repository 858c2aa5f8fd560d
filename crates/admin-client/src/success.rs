//! Checks of successful responses. Another server, such as a login page in front of a wrong URL, may
//! respond with 200 to everything. Its responses must not look like changes that were made.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, StatusCode};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::problem::media_type;
use crate::request::AdminRequest;
use crate::response::AdminResponse;

const JSON: &str = "application/json";

/// Checks that a response with a status of 200 to 299 is one that the admin API sends.
///
/// # Errors
/// A text that says what is wrong, and what was expected.
pub(crate) fn check(request: &AdminRequest, response: &AdminResponse) -> Result<(), String> {
    if request.method == Method::DELETE {
        return if response.status == StatusCode::NO_CONTENT {
            Ok(())
        } else {
            Err(format!("status {}, expected 204", response.status))
        };
    }

    let expected = request.header_value(ACCEPT.as_str()).unwrap_or(JSON);
    let content_type = response.header(CONTENT_TYPE.as_str()).unwrap_or_default();
    if !media_type(content_type).eq_ignore_ascii_case(expected) {
        let found = if content_type.is_empty() {
            "no content type".to_owned()
        } else {
            format!("content type `{content_type}`")
        };
        return Err(format!("{found}, expected `{expected}`"));
    }

    if expected == JSON {
        check_json(request, response)
    } else {
        Ok(())
    }
}

fn check_json(request: &AdminRequest, response: &AdminResponse) -> Result<(), String> {
    if serde_json::from_slice::<IgnoredAny>(&response.body).is_err() {
        return Err("the body is not valid JSON".to_owned());
    }

    let path = request.path.split('?').next().unwrap_or_default();
    let segments: Vec<_> = path.split('/').skip(1).collect();
    match segments.as_slice() {
        ["plans" | "policies", _] | ["policies", _, "candidate"] => check_etag(response),
        ["keys", _] if request.method != Method::POST && !is_list(path) => {
            check_etag(response)?;
            check_field(response, "key_id")
        }
        ["blocks", _, _] => check_field(response, "target"),
        _ => Ok(()),
    }
}

/// True for paths below `/keys` that are not about one key.
fn is_list(path: &str) -> bool {
    ["/keys/hashes", "/keys/export"].contains(&path)
}

fn check_etag(response: &AdminResponse) -> Result<(), String> {
    match response.etag() {
        Some(etag) if !etag.is_empty() => Ok(()),
        _ => Err("the header `ETag` is missing".to_owned()),
    }
}

fn check_field(response: &AdminResponse, name: &str) -> Result<(), String> {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    if body[name].is_string() {
        Ok(())
    } else {
        Err(format!("the field `{name}` is missing"))
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;

    fn outcome(
        request: &AdminRequest,
        status: u16,
        headers: &[(&'static str, &'static str)],
        body: &'static str,
    ) -> String {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        let response = AdminResponse {
            status,
            headers: headers.collect::<HeaderMap>(),
            body: body.into(),
        };
        check(request, &response).err().unwrap_or_default()
    }

    const TYPE: (&str, &str) = ("content-type", "application/json");
    const ETAG: (&str, &str) = ("etag", "\"1\"");

    #[test]
    fn pages_of_other_servers_are_refused() {
        let html = [("content-type", "text/html; charset=utf-8")];
        let problem = [("content-type", "application/problem+json"), ETAG];
        let put = AdminRequest::put("/plans/a", &Value::Null);

        assert_eq!(
            outcome(&put, 200, &html, "<html>"),
            "content type `text/html; charset=utf-8`, expected `application/json`"
        );
        assert!(outcome(&put, 200, &problem, "{}").starts_with("content type"));
        assert_eq!(
            outcome(&put, 204, &[], ""),
            "no content type, expected `application/json`"
        );
        assert_eq!(
            outcome(&put, 200, &[TYPE, ETAG], ""),
            "the body is not valid JSON"
        );
        let delete = AdminRequest::delete("/plans/a");
        assert_eq!(outcome(&delete, 200, &html, ""), "status 200, expected 204");
    }

    #[test]
    fn documents_have_etag_and_id() {
        let put = |path| AdminRequest::put(path, &Value::Null);
        let etag = "the header `ETag` is missing";
        assert_eq!(outcome(&put("/plans/a"), 200, &[TYPE], "{}"), etag);
        let empty = [TYPE, ("etag", "")];
        assert_eq!(
            outcome(&put("/policies/a/candidate"), 200, &empty, "{}"),
            etag
        );
        assert_eq!(
            outcome(&AdminRequest::get("/keys/a?x=y"), 200, &[TYPE, ETAG], "{}"),
            "the field `key_id` is missing"
        );
        assert_eq!(
            outcome(&put("/blocks/key/a"), 200, &[TYPE], "{}"),
            "the field `target` is missing"
        );
    }

    #[test]
    fn responses_of_the_api_are_accepted() {
        let csv = AdminRequest::get("/keys/export").accept("text/csv");
        let csv_type = [("content-type", "text/csv; charset=utf-8")];
        assert_eq!(outcome(&csv, 200, &csv_type, "a,b"), "");
        assert_eq!(outcome(&AdminRequest::delete("/keys/a"), 204, &[], ""), "");
        assert_eq!(outcome(&AdminRequest::get("/keys"), 200, &[TYPE], "{}"), "");
        let key = r#"{"key_id": "a"}"#;
        let get = AdminRequest::get("/keys/a");
        assert_eq!(outcome(&get, 200, &[TYPE, ETAG], key), "");
    }
}
