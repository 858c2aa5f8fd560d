//! Converts the event of an HTTP API (payload format 2.0) to a request.
//!
//! `lambda_http` builds a URL from the host, the scheme, the path and the query, decodes the body,
//! and panics if any of them is invalid. All of them come from the client, so they are checked or
//! replaced first. An invalid one becomes a mistake of the request. An event that API Gateway
//! cannot have sent becomes a [`Failure`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;

use crate::Failure;
use crate::problem::Mistake;

/// The most bytes of path and query together, percent-encoded. API Gateway accepts 10,240 bytes of
/// request line and headers, and encoding triples their length at most.
const MAX_TARGET_BYTES: usize = 32 * 1024;
/// The most headers. API Gateway's limit of 10,240 bytes allows far fewer, and a `HeaderMap` panics
/// above 24,576.
const MAX_HEADERS: usize = 2048;

/// The beginning of all paths of this function.
const ROUTES_PREFIX: &str = "/_tollgate/";

/// The characters to encode in a path, which arrives decoded.
const PATH_ESCAPES: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');
/// The characters to encode in a query, which arrives as the client sent it. Its escapes are kept.
const QUERY_ESCAPES: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A request, and the mistakes of the client. If there are mistakes, the request is only used for the
/// log.
#[derive(Debug)]
pub(crate) struct EventRequest {
    pub(crate) request: ApiGatewayV2httpRequest,
    pub(crate) mistakes: Vec<Mistake>,
}

/// Reads an event.
///
/// # Errors
/// [`Failure`] if the event is not from an HTTP API with payload format 2.0.
pub(crate) fn read(mut event: Value) -> Result<EventRequest, Failure> {
    check_objects(&event)?;

    let mut mistakes = Vec::new();
    let path = event["rawPath"]
        .as_str()
        .ok_or_else(|| Failure("event: `rawPath` is missing".to_owned()))?;
    let stage = event.pointer("/requestContext/stage");
    let path = without_stage(path, stage.and_then(Value::as_str));
    let query = event["rawQueryString"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let headers = headers(&event["headers"], &mut mistakes)?;
    check_method(&mut event, &mut mistakes);
    check_body(&mut event, &mut mistakes);

    remove_unused(&mut event);
    let mut request: ApiGatewayV2httpRequest = serde_json::from_value(event).map_err(|_| {
        Failure("event: expected an HTTP API event of payload format 2.0".to_owned())
    })?;

    let (path, query) = target(&path, &query, &mut mistakes);
    request.raw_path = Some(path);
    request.raw_query_string = Some(query);
    request.headers = headers;
    // The stage would become a part of the path.
    request.request_context.stage = None;
    Ok(EventRequest { request, mistakes })
}

/// Removes fields that are not used, and the headers and the query, which are read separately.
fn remove_unused(event: &mut Value) {
    const UNUSED: [&str; 5] = [
        "headers",
        "rawQueryString",
        "queryStringParameters",
        "cookies",
        "pathParameters",
    ];

    if let Some(fields) = event.as_object_mut() {
        for name in UNUSED {
            fields.remove(name);
        }
    }
}

/// Rejects a list in place of an object. The event's types would read its items as fields, in order,
/// so that a list could pass for the IAM identity of the caller.
fn check_objects(event: &Value) -> Result<(), Failure> {
    const OBJECTS: [&str; 5] = [
        "",
        "/requestContext",
        "/requestContext/http",
        "/requestContext/authorizer",
        "/requestContext/authorizer/iam",
    ];

    let is_object = |pointer: &&str| {
        event
            .pointer(pointer)
            .is_none_or(|value| value.is_object() || value.is_null())
    };
    match OBJECTS.iter().find(|pointer| !is_object(pointer)) {
        Some(pointer) => Err(Failure(format!(
            "event: expected an object at `{}`",
            pointer.trim_start_matches('/').replace('/', ".")
        ))),
        None => Ok(()),
    }
}

/// Returns the headers. The host and the scheme are constants, because nothing depends on them.
fn headers(sent: &Value, mistakes: &mut Vec<Mistake>) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    let sent = match sent {
        Value::Null => None,
        Value::Object(sent) => Some(sent),
        _ => return Err(Failure("event: expected an object at `headers`".to_owned())),
    };
    if sent.is_some_and(|sent| sent.len() > MAX_HEADERS) {
        mistakes.push(Mistake::in_parameter(
            "headers",
            format!("expected at most {MAX_HEADERS} headers"),
        ));
        return Ok(headers);
    }

    for (name, value) in sent.into_iter().flatten() {
        let value = value
            .as_str()
            .ok_or_else(|| Failure("event: expected strings in `headers`".to_owned()))?;
        let Ok(name) = HeaderName::try_from(name.as_str()) else {
            mistakes.push(Mistake::in_parameter("headers", "invalid header name"));
            continue;
        };
        match HeaderValue::try_from(value) {
            Ok(value) => drop(headers.append(name, value)),
            Err(_) => mistakes.push(Mistake::in_parameter(
                name.as_str(),
                "control characters are not allowed",
            )),
        }
    }

    headers.insert(HOST, HeaderValue::from_static("limiter"));
    headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
    Ok(headers)
}

fn check_method(event: &mut Value, mistakes: &mut Vec<Mistake>) {
    let Some(method) = event.pointer_mut("/requestContext/http/method") else {
        return;
    };
    let Some(text) = method.as_str() else { return };

    if Method::try_from(text).is_err() {
        mistakes.push(Mistake::in_parameter("method", "invalid HTTP method"));
        *method = "GET".into();
    }
}

fn check_body(event: &mut Value, mistakes: &mut Vec<Mistake>) {
    let is_encoded = event["isBase64Encoded"].as_bool().unwrap_or_default();
    let Some(body) = event["body"].as_str().filter(|_| is_encoded) else {
        return;
    };

    if STANDARD.decode(body).is_err() {
        mistakes.push(Mistake::at("", "the body is not valid base64"));
        event["body"] = Value::Null;
    }
}

/// Removes the stage from the beginning of the path. API Gateway puts it there unless the stage is
/// `$default`. No other path than one of this function's routes is shortened.
fn without_stage(path: &str, stage: Option<&str>) -> String {
    stage
        .and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage))
        .filter(|rest| rest.starts_with(ROUTES_PREFIX))
        .unwrap_or(path)
        .to_owned()
}

/// Returns the path and the query, percent-encoded. A path with dot segments would be resolved to
/// another path than the one that IAM authorized, so it is replaced by `/`, which is no resource.
fn target(path: &str, query: &str, mistakes: &mut Vec<Mistake>) -> (String, String) {
    let has_dot_segments = path
        .split('/')
        .any(|segment| segment == "." || segment == "..");
    if has_dot_segments || !path.starts_with('/') {
        return ("/".to_owned(), String::new());
    }

    let path = utf8_percent_encode(path, PATH_ESCAPES).to_string();
    let query = utf8_percent_encode(query, QUERY_ESCAPES).to_string();
    if path.len() + query.len() > MAX_TARGET_BYTES {
        let detail = format!("expected at most {MAX_TARGET_BYTES} bytes of path and query");
        mistakes.push(Mistake::in_parameter("path", detail));
        return ("/".to_owned(), String::new());
    }
    (path, query)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(changes: &[(&str, Value)]) -> Value {
        let mut event = json!({"rawPath": "/_tollgate/v1/plans", "rawQueryString": "", "headers": {"host": "api.example"},
            "requestContext": {"stage": "$default", "requestId": "r", "http": {"method": "GET"}}, "isBase64Encoded": false});
        for (pointer, value) in changes {
            let (parent, field) = pointer.rsplit_once('/').unwrap();
            event.pointer_mut(parent).unwrap()[field] = value.clone();
        }
        event
    }

    fn mistakes(changes: &[(&str, Value)]) -> Vec<String> {
        let received = read(event(changes)).unwrap();
        received
            .mistakes
            .into_iter()
            .map(|mistake| mistake.parameter.unwrap_or_default())
            .collect()
    }

    #[test]
    fn mistakes_of_the_client_are_named() {
        let many: serde_json::Map<String, Value> = (0..30_000)
            .map(|n| (format!("x-{n}"), "1".into()))
            .collect();
        for (changes, expected) in [
            (vec![("/headers/x-a", json!("a\nb"))], vec!["x-a"]),
            (vec![("/headers/a b", json!("1"))], vec!["headers"]),
            (vec![("/headers", many.into())], vec!["headers"]),
            (
                vec![("/requestContext/http/method", json!("GE T"))],
                vec!["method"],
            ),
            (
                vec![("/requestContext/http/method", json!(""))],
                vec!["method"],
            ),
            (
                vec![("/body", json!("!!!")), ("/isBase64Encoded", json!(true))],
                vec![""],
            ),
            (vec![("/rawPath", json!("/ü".repeat(20_000)))], vec!["path"]),
            (
                vec![("/rawQueryString", json!("x".repeat(70_000)))],
                vec!["path"],
            ),
            (
                vec![
                    ("/rawPath", json!("/".repeat(70_000))),
                    ("/headers/x-a", json!("\0")),
                ],
                vec!["x-a", "path"],
            ),
        ] {
            assert_eq!(mistakes(&changes), expected);
        }
    }

    #[test]
    fn host_and_scheme_of_the_client_are_ignored() {
        let odd = [
            ("/headers/Host", json!("1.2.3.4.5")),
            ("/headers/x-forwarded-proto", json!("https,http")),
        ];
        let received = read(event(&odd)).unwrap();

        assert_eq!(received.mistakes, []);
        assert_eq!(
            received
                .request
                .headers
                .get_all(HOST)
                .iter()
                .collect::<Vec<_>>(),
            ["limiter"]
        );
        assert_eq!(received.request.headers["x-forwarded-proto"], "https");
    }

    #[test]
    fn query_keeps_its_escapes_and_gets_missing_ones() {
        let received = read(event(&[("/rawQueryString", json!("a=%2B%zz&b=\"<ü #>\t"))])).unwrap();
        assert_eq!(
            received.request.raw_query_string.as_deref(),
            Some("a=%2B%zz&b=%22%3C%C3%BC%20%23%3E%09")
        );
    }

    #[test]
    fn stage_is_removed_from_the_path() {
        for (path, stage, expected) in [
            ("/prod/_tollgate/v1/plans", "prod", "/_tollgate/v1/plans"),
            ("/_tollgate/v1/plans", "prod", "/_tollgate/v1/plans"),
            ("/_tollgate/v1/plans", "$default", "/_tollgate/v1/plans"),
            ("/_tollgate/v1/plans", "_tollgate", "/_tollgate/v1/plans"),
            (
                "/_tollgate/_tollgate/v1/plans",
                "_tollgate",
                "/_tollgate/v1/plans",
            ),
            (
                "/production/_tollgate/v1",
                "prod",
                "/production/_tollgate/v1",
            ),
            ("/prod/other", "prod", "/prod/other"),
            ("/prod", "prod", "/prod"),
        ] {
            let changes = [
                ("/rawPath", json!(path)),
                ("/requestContext/stage", json!(stage)),
            ];
            let received = read(event(&changes)).unwrap();
            assert_eq!(
                received.request.raw_path.as_deref(),
                Some(expected),
                "{path}"
            );
        }
    }

    #[test]
    fn path_with_dot_segments_is_no_resource() {
        for path in ["/a/../b", "/a/.", "a", "", ":99999", "@evil"] {
            let received = read(event(&[("/rawPath", json!(path))])).unwrap();
            assert_eq!(received.request.raw_path.as_deref(), Some("/"), "{path}");
        }
    }

    #[test]
    fn event_that_is_not_from_an_http_api_is_a_failure() {
        for (pointer, value) in [
            ("/rawPath", Value::Null),
            ("/headers", json!("secret")),
            ("/headers/x-a", json!(["secret"])),
            ("/requestContext", Value::Null),
            ("/requestContext/http", json!("secret")),
            ("/requestContext/http/method", json!(7)),
            ("/isBase64Encoded", json!("secret")),
            ("/body", json!({"secret": 1})),
        ] {
            let failure = read(event(&[(pointer, value)])).unwrap_err().to_string();
            assert!(!failure.contains("secret"), "{pointer}: {failure}");
        }
    }
}
