//! The events for authorizers and for functions that are integrations, both of format 2.0.
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

use super::integration_request::IntegrationRequest;
use crate::api::{Authorization, Exchange};

/// The content types whose bodies are passed on as strings, in addition to `text/*`. All other
/// bodies are encoded in base64.
const TEXT_TYPES: [&str; 3] = [
    "application/json",
    "application/javascript",
    "application/xml",
];

/// The event for an authorizer. It has no body.
pub(super) fn authorizer_event(exchange: &Exchange, request: &IntegrationRequest<'_>) -> Value {
    let mut event = common(exchange, request);
    event["type"] = "REQUEST".into();
    event["routeArn"] = format!(
        "arn:aws:execute-api:us-east-1:123456789012:local/$default/{}{}",
        exchange.method, request.parts.path
    )
    .into();
    event["identitySource"] = Value::Null;
    event
}

/// The event for a function that is an integration.
pub(super) fn proxy_event(
    exchange: &Exchange,
    request: &IntegrationRequest<'_>,
    authorization: &Authorization,
    body: &[u8],
) -> Value {
    let mut event = common(exchange, request);
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
        .filter(|_| is_text(&request.parts.headers));
    event["isBase64Encoded"] = (text.is_none() && !body.is_empty()).into();
    if !body.is_empty() {
        event["body"] = text
            .map_or_else(|| STANDARD.encode(body), str::to_owned)
            .into();
    }
    event
}

/// True if the body is text according to its content type.
pub(super) fn is_text(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("text/plain");
    let essence = content_type.split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    essence.starts_with("text/") || TEXT_TYPES.contains(&essence.as_str())
}

/// The fields that both events have.
fn common(exchange: &Exchange, request: &IntegrationRequest<'_>) -> Value {
    let parts = &request.parts;
    let route_key = exchange.route_key.as_deref().unwrap_or_default();
    let mut event = json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": parts.path,
        "rawQueryString": request.raw_query,
        "headers": headers(&parts.headers),
        "requestContext": context(exchange, route_key),
    });

    if parts.headers.contains_key(COOKIE) {
        event["cookies"] = cookies(&parts.headers).into();
    }
    if !parts.query.is_empty() {
        event["queryStringParameters"] = query(&parts.query);
    }
    if !request.parameters.is_empty() {
        event["pathParameters"] = map(request.parameters);
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

/// Headers by name in lower case. Values of the same name are joined with a comma. Cookies are
/// excluded.
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
    use http::{HeaderName, HeaderValue, Method};

    use crate::api::RequestParts;

    fn request<'r>(
        path: &str,
        query: Vec<(String, Option<String>)>,
        headers: HeaderMap,
    ) -> IntegrationRequest<'r> {
        IntegrationRequest {
            method: Method::GET,
            parts: RequestParts {
                path: path.to_owned(),
                query,
                headers,
            },
            raw_query: String::new(),
            parameters: &[],
        }
    }

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
        let request = IntegrationRequest {
            raw_query: "q=a%20b&q=c&e".to_owned(),
            parameters: &[("proxy", "a b")],
            ..request("/a b", query, headers)
        };
        authorizer_event(&exchange, &request)
    }

    #[test]
    fn headers_and_query_are_joined_and_cookies_are_a_list() {
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
    fn body_is_text_if_its_type_and_its_bytes_are() {
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
            let request = request("/", Vec::new(), headers);
            let event = proxy_event(&exchange, &request, &Authorization::None, body);
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
    fn event_names_the_authorizer_and_its_context() {
        let mut exchange = Exchange::begin("r1".to_owned(), "192.0.2.1".parse().unwrap());
        exchange.set_authorizer_context([("key_id".to_owned(), json!("k1"))].into());
        let request = request("/", Vec::new(), HeaderMap::new());
        let authorizer = |authorization| {
            let event = proxy_event(&exchange, &request, &authorization, b"");
            event["requestContext"]["authorizer"].clone()
        };
        assert_eq!(
            authorizer(Authorization::Custom("authorizer".to_owned())),
            json!({"lambda": {"key_id": "k1"}})
        );
        assert!(authorizer(Authorization::Iam)["iam"].is_object());
        assert_eq!(authorizer(Authorization::None), Value::Null);
    }

    #[test]
    fn event_has_the_fields_of_a_recorded_one() {
        let recorded: Value =
            serde_json::from_str(include_str!("../../../../events/authorizer.allowed.json"))
                .unwrap();
        let fields = |value: &Value| {
            value
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<std::collections::BTreeSet<_>>()
        };

        let event = event();
        assert!(fields(&recorded).is_subset(&fields(&event)));
        let (context, recorded) = (&event["requestContext"], &recorded["requestContext"]);
        assert_eq!(fields(context), fields(recorded));
        assert_eq!(fields(&context["http"]), fields(&recorded["http"]));
    }
}
