//! The events that an authorizer is asked with, and a function that answers itself; both of format
//! 2.0.
//!
//! Sources:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>,
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, COOKIE};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::api::{Authorization, Exchange, RequestParts};

/// Bodies of these types, and `text/`, are passed on as text where they are text; all others in
/// base64.
const TEXTS: [&str; 3] = [
    "application/json",
    "application/javascript",
    "application/xml",
];

/// Everything that API Gateway tells an authorizer of a request; no body.
pub(super) fn authorizer_event(
    exchange: &Exchange,
    request: &RequestParts,
    raw_query: &str,
    parameters: &[(&str, &str)],
) -> Value {
    let mut event = common(exchange, request, raw_query, parameters);
    event["type"] = "REQUEST".into();
    event["routeArn"] = format!(
        "arn:aws:execute-api:us-east-1:123456789012:local/$default/{}{}",
        exchange.method, request.path
    )
    .into();
    event["identitySource"] = Value::Null;
    event
}

/// Everything that API Gateway tells a function that is to answer a request.
pub(super) fn proxy_event(
    exchange: &Exchange,
    request: &RequestParts,
    raw_query: &str,
    parameters: &[(&str, &str)],
    authorization: &Authorization,
    body: &[u8],
) -> Value {
    let mut event = common(exchange, request, raw_query, parameters);
    let authorizer = match authorization {
        Authorization::None => None,
        Authorization::Iam => Some(json!({"iam": {
            "accessKey": "LOCAL", "accountId": "123456789012", "callerId": "LOCAL", "principalOrgId": null,
            "userArn": "local", "userId": "LOCAL", "cognitoIdentity": null,
        }})),
        Authorization::Custom(_) => Some(json!({"lambda": exchange.authorizer})),
    };
    if let Some(authorizer) = authorizer {
        event["requestContext"]["authorizer"] = authorizer;
    }
    let text = std::str::from_utf8(body)
        .ok()
        .filter(|_| is_text(&request.headers));
    event["isBase64Encoded"] = (text.is_none() && !body.is_empty()).into();
    if !body.is_empty() {
        event["body"] = text
            .map_or_else(|| STANDARD.encode(body), str::to_owned)
            .into();
    }
    event
}

pub(super) fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("text/plain");
    let kind = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    kind.starts_with("text/") || TEXTS.contains(&kind.as_str())
}

fn common(
    exchange: &Exchange,
    request: &RequestParts,
    raw_query: &str,
    parameters: &[(&str, &str)],
) -> Value {
    let route_key = exchange.route_key.as_deref().unwrap_or_default();
    let mut event = json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": request.path,
        "rawQueryString": raw_query,
        "headers": headers(&request.headers),
        "requestContext": context(exchange, route_key),
    });
    let optional = [
        (
            "cookies",
            Value::from(cookies(&request.headers)),
            request.headers.contains_key(COOKIE),
        ),
        (
            "queryStringParameters",
            query(&request.query),
            !request.query.is_empty(),
        ),
        ("pathParameters", map(parameters), !parameters.is_empty()),
    ];
    for (name, value, _) in optional.into_iter().filter(|(.., there)| *there) {
        event[name] = value;
    }
    event
}

fn context(exchange: &Exchange, route_key: &str) -> Value {
    json!({
        "accountId": "123456789012",
        "apiId": "local",
        "domainName": exchange.domain,
        "domainPrefix": exchange.domain.split('.').next().unwrap_or_default(),
        "http": {
            "method": exchange.method,
            "path": exchange.path,
            "protocol": exchange.protocol,
            "sourceIp": exchange.source.to_string(),
            "userAgent": exchange.user_agent,
        },
        "requestId": exchange.request_id,
        "routeKey": route_key,
        "stage": "$default",
        "time": exchange.received.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
        "timeEpoch": exchange.received.as_millisecond(),
    })
}

/// Names are in lower case already; headers of one name are joined with a comma. Cookies stand
/// apart.
fn headers(headers: &HeaderMap) -> Value {
    let mut joined: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| *name != COOKIE) {
        let value = String::from_utf8_lossy(value.as_bytes());
        joined
            .entry(name.as_str())
            .and_modify(|before| *before = format!("{before},{value}"))
            .or_insert_with(|| value.into_owned());
    }
    json!(joined)
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let values = headers
        .get_all(COOKIE)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    values
        .flat_map(|value| value.split("; ").map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

fn query(pairs: &[(String, Option<String>)]) -> Value {
    let decode = |text: &str| {
        percent_decode_str(&text.replace('+', " "))
            .decode_utf8_lossy()
            .into_owned()
    };
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pairs {
        let value = value.as_deref().map(decode).unwrap_or_default();
        joined
            .entry(decode(name))
            .and_modify(|before| *before = format!("{before},{value}"))
            .or_insert(value);
    }
    json!(joined)
}

fn map(pairs: &[(&str, &str)]) -> Value {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
        .collect::<Map<_, _>>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn event() -> Value {
        let mut exchange = Exchange::begin("r1".to_owned(), "192.0.2.1".parse().unwrap());
        exchange.method = "GET".to_owned();
        exchange.route_key = Some("ANY /{proxy+}".to_owned());
        let headers = [
            ("x-a", "1"),
            ("x-a", "2"),
            ("cookie", "a=1; b=2"),
            ("x-b", "3"),
        ];
        let headers = headers
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .into_iter()
            .collect();
        let query = vec![
            ("q".to_owned(), Some("a%20b".to_owned())),
            ("q".to_owned(), Some("c".to_owned())),
            ("e".to_owned(), None),
        ];
        let request = RequestParts {
            path: "/a b".to_owned(),
            query,
            headers,
        };
        authorizer_event(&exchange, &request, "q=a%20b&q=c&e", &[("proxy", "a b")])
    }

    #[test]
    fn headers_and_query_are_joined_and_cookies_stand_apart() {
        let event = event();
        assert_eq!(event["headers"], json!({"x-a": "1,2", "x-b": "3"}));
        assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
        assert_eq!(
            event["queryStringParameters"],
            json!({"q": "a b,c", "e": ""})
        );
        assert_eq!(event["pathParameters"], json!({"proxy": "a b"}));
        assert_eq!(
            (&event["rawPath"], &event["rawQueryString"]),
            (&json!("/a b"), &json!("q=a%20b&q=c&e"))
        );
    }

    #[test]
    fn a_body_is_text_where_its_type_and_its_bytes_say_so() {
        let exchange = Exchange::begin("r1".to_owned(), "192.0.2.1".parse().unwrap());
        for (kind, body, base64) in [
            (Some("application/json"), "{}".as_bytes(), false),
            (Some("text/csv; charset=utf-8"), b"a,b", false),
            (None, b"a", false),
            (Some("application/octet-stream"), b"a", true),
            (Some("application/json"), b"\xff", true),
            (Some("application/octet-stream"), b"", false),
        ] {
            let headers = kind
                .map(|kind| (CONTENT_TYPE, HeaderValue::from_static(kind)))
                .into_iter()
                .collect();
            let request = RequestParts {
                path: "/".to_owned(),
                query: Vec::new(),
                headers,
            };
            let event = proxy_event(&exchange, &request, "", &[], &Authorization::None, body);
            assert_eq!(event["isBase64Encoded"], base64, "{kind:?} {body:?}");
            let sent = event["body"].as_str().unwrap_or_default();
            let sent = if base64 {
                STANDARD.decode(sent).unwrap()
            } else {
                sent.as_bytes().to_vec()
            };
            assert_eq!(sent, body);
        }
    }

    #[test]
    fn a_function_is_told_who_was_let_through_and_by_whom() {
        let mut exchange = Exchange::begin("r1".to_owned(), "192.0.2.1".parse().unwrap());
        exchange.authorized([("key_id".to_owned(), json!("k1"))].into());
        let request = RequestParts {
            path: "/".to_owned(),
            query: Vec::new(),
            headers: HeaderMap::new(),
        };
        let authorizer = |authorization| {
            proxy_event(&exchange, &request, "", &[], &authorization, b"")["requestContext"]["authorizer"].clone()
        };
        assert_eq!(
            authorizer(Authorization::Custom("authorizer".to_owned())),
            json!({"lambda": {"key_id": "k1"}})
        );
        assert!(authorizer(Authorization::Iam)["iam"].is_object());
        assert_eq!(authorizer(Authorization::None), Value::Null);
    }

    #[test]
    fn the_event_is_of_the_shape_that_a_recorded_one_has() {
        let recorded: Value =
            serde_json::from_str(include_str!("../../../../events/authorizer.allowed.json"))
                .unwrap();
        let shape = |value: &Value| {
            value
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<std::collections::BTreeSet<_>>()
        };
        let (ours, theirs) = (event(), recorded);
        assert!(shape(&theirs).is_subset(&shape(&ours)));
        assert_eq!(
            shape(&ours["requestContext"]),
            shape(&theirs["requestContext"])
        );
        assert_eq!(
            shape(&ours["requestContext"]["http"]),
            shape(&theirs["requestContext"]["http"])
        );
    }
}
