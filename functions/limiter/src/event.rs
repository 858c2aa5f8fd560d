//! The event of an HTTP API (payload format 2.0) as a request that can be served.
//!
//! `lambda_http` builds a URL from the host, the scheme, the path and the query, decodes the body,
//! and panics if any of them is invalid. All of them come from the client, so they are checked or
//! replaced first: what is invalid becomes a mistake of the request, and an event that API Gateway
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

/// The longest path and query together, percent-encoded. API Gateway accepts 10,240 bytes of
/// request line and headers, and encoding makes them three times as long at most.
const MAX_TARGET_BYTES: usize = 32 * 1024;
/// API Gateway's 10,240 bytes hold far fewer. Beyond 24,576 a `HeaderMap` panics.
const MAX_HEADERS: usize = 2048;

/// A path comes decoded, and goes into a URI.
const PATH: &AsciiSet = &CONTROLS
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
/// A query comes as the client sent it: its own escapes stay.
const QUERY: &AsciiSet = &CONTROLS
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

/// A request with what the client did wrong. If there are mistakes, the request is good for its log
/// line only.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) request: ApiGatewayV2httpRequest,
    pub(crate) mistakes: Vec<Mistake>,
}

/// Reads an event.
///
/// # Errors
/// [`Failure`] for an event that is not one of an HTTP API, format 2.0.
pub(crate) fn received(mut event: Value) -> Result<Received, Failure> {
    check_objects(&event)?;

    let mut mistakes = Vec::new();
    let path = event["rawPath"]
        .as_str()
        .ok_or_else(|| Failure("rawPath: it is missing".to_owned()))?
        .to_owned();
    let query = event["rawQueryString"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let headers = headers(&event["headers"], &mut mistakes)?;
    check_method(&mut event, &mut mistakes);
    check_body(&mut event, &mut mistakes);

    // Nothing here reads these; the headers are read above.
    if let Some(fields) = event.as_object_mut() {
        for unused in [
            "headers",
            "rawQueryString",
            "queryStringParameters",
            "cookies",
            "pathParameters",
        ] {
            fields.remove(unused);
        }
    }
    let mut request: ApiGatewayV2httpRequest = serde_json::from_value(event)
        .map_err(|_| Failure("it is not an event of an HTTP API, format 2.0".to_owned()))?;

    let (path, query) = target(&path, &query, &mut mistakes);
    request.raw_path = Some(path);
    request.raw_query_string = Some(query);
    request.headers = headers;
    // It would become a part of the path.
    request.request_context.stage = None;
    Ok(Received { request, mistakes })
}

/// Refuses lists in the place of objects. The event's types would read their items as fields, in
/// order, so that a list could pass for what IAM says of the caller.
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
            "{}: it is not an object",
            pointer.trim_start_matches('/').replace('/', ".")
        ))),
        None => Ok(()),
    }
}

/// The headers, with a constant host and scheme: nothing depends on them.
fn headers(sent: &Value, mistakes: &mut Vec<Mistake>) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    let sent = match sent {
        Value::Null => None,
        Value::Object(sent) => Some(sent),
        _ => return Err(Failure("headers: it is not an object".to_owned())),
    };
    if sent.is_some_and(|sent| sent.len() > MAX_HEADERS) {
        mistakes.push(Mistake::in_parameter(
            "headers",
            format!("there are more than {MAX_HEADERS}"),
        ));
        return Ok(headers);
    }

    for (name, value) in sent.into_iter().flatten() {
        let value = value
            .as_str()
            .ok_or_else(|| Failure("headers: a value is not a string".to_owned()))?;
        let Ok(known) = HeaderName::try_from(name.as_str()) else {
            mistakes.push(Mistake::in_parameter(
                "headers",
                "a name is not a valid name of a header",
            ));
            continue;
        };
        match HeaderValue::try_from(value) {
            Ok(value) => drop(headers.append(known, value)),
            Err(_) => mistakes.push(Mistake::in_parameter(
                known.as_str(),
                "the value contains a control character",
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
        mistakes.push(Mistake::in_parameter(
            "method",
            "it is not a valid HTTP method",
        ));
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

/// The path and the query, percent-encoded. A URI with dot segments would be resolved to another
/// path than IAM was asked about, so such a path becomes one that has no resource.
fn target(path: &str, query: &str, mistakes: &mut Vec<Mistake>) -> (String, String) {
    let is_resolved = path
        .split('/')
        .any(|segment| segment == "." || segment == "..");
    if is_resolved || !path.starts_with('/') {
        return ("/".to_owned(), String::new());
    }

    let path = utf8_percent_encode(path, PATH).to_string();
    let query = utf8_percent_encode(query, QUERY).to_string();
    if path.len() + query.len() > MAX_TARGET_BYTES {
        let detail = format!("path and query are longer than {MAX_TARGET_BYTES} bytes");
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
        let received = received(event(changes)).unwrap();
        received
            .mistakes
            .into_iter()
            .map(|mistake| mistake.parameter.unwrap_or_default())
            .collect()
    }

    #[test]
    fn what_a_client_does_wrong_is_named() {
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
    fn host_and_scheme_of_the_client_do_not_matter() {
        let odd = [
            ("/headers/Host", json!("1.2.3.4.5")),
            ("/headers/x-forwarded-proto", json!("https,http")),
        ];
        let received = received(event(&odd)).unwrap();
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
    fn a_query_keeps_its_escapes_and_gets_those_that_are_missing() {
        let received =
            received(event(&[("/rawQueryString", json!("a=%2B%zz&b=\"<ü #>\t"))])).unwrap();
        assert_eq!(
            received.request.raw_query_string.as_deref(),
            Some("a=%2B%zz&b=%22%3C%C3%BC%20%23%3E%09")
        );
    }

    #[test]
    fn a_path_that_would_be_resolved_is_no_resource() {
        for path in ["/a/../b", "/a/.", "a", "", ":99999", "@evil"] {
            let received = received(event(&[("/rawPath", json!(path))])).unwrap();
            assert_eq!(received.request.raw_path.as_deref(), Some("/"), "{path}");
        }
    }

    #[test]
    fn what_api_gateway_cannot_have_sent_is_a_failure() {
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
            let failure = received(event(&[(pointer, value)]))
                .unwrap_err()
                .to_string();
            assert!(!failure.contains("secret"), "{pointer}: {failure}");
        }
    }
}
