//! The events for authorizers and for functions that are integrations, both of format 2.0.
//!
//! Sources:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>,
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>.

mod common_fields;

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::Serialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use self::common_fields::{AuthorizerContext, CommonFields};
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
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthorizerEvent<'e> {
    #[serde(flatten)]
    common: CommonFields<'e>,
    r#type: &'static str,
    route_arn: String,
    /// Null: the authorizer has no identity sources.
    identity_source: (),
}

/// The event for a function that is an integration.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProxyEvent<'e> {
    #[serde(flatten)]
    common: CommonFields<'e>,
    is_base64_encoded: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Cow<'e, str>>,
}

/// Returns the event for an authorizer.
///
/// # Errors
/// An error of the serializer, which does not occur: all keys are strings.
pub(super) fn authorizer_event(
    exchange: &Exchange,
    request: &IntegrationRequest<'_>,
) -> Result<Box<RawValue>, serde_json::Error> {
    let (method, path) = (&exchange.method, &request.parts.path);
    to_raw_value(&AuthorizerEvent {
        common: CommonFields::new(exchange, request, None),
        r#type: "REQUEST",
        route_arn: format!(
            "arn:aws:execute-api:us-east-1:123456789012:local/$default/{method}{path}"
        ),
        identity_source: (),
    })
}

/// Returns the event for a function that is an integration.
///
/// # Errors
/// An error of the serializer, which does not occur: all keys are strings.
pub(super) fn proxy_event(
    exchange: &Exchange,
    request: &IntegrationRequest<'_>,
    authorization: &Authorization,
    body: &[u8],
) -> Result<Box<RawValue>, serde_json::Error> {
    let text = std::str::from_utf8(body)
        .ok()
        .filter(|_| is_text(&request.parts.headers));
    let encoded = || Cow::Owned(STANDARD.encode(body));

    to_raw_value(&ProxyEvent {
        common: CommonFields::new(
            exchange,
            request,
            authorizer_context(exchange, authorization),
        ),
        is_base64_encoded: text.is_none() && !body.is_empty(),
        body: (!body.is_empty()).then(|| text.map_or_else(encoded, Cow::Borrowed)),
    })
}

fn authorizer_context<'e>(
    exchange: &'e Exchange,
    authorization: &Authorization,
) -> Option<AuthorizerContext<'e>> {
    match authorization {
        Authorization::None => None,
        Authorization::Iam => Some(AuthorizerContext::Iam(json!({
            "accessKey": "LOCAL", "accountId": "123456789012", "callerId": "LOCAL",
            "principalOrgId": null, "userArn": "local", "userId": "LOCAL", "cognitoIdentity": null,
        }))),
        Authorization::Custom(_) => Some(AuthorizerContext::Lambda(&exchange.authorizer)),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue, Method};
    use serde_json::Value;

    use crate::api::RequestParts;

    fn value(event: Result<Box<RawValue>, serde_json::Error>) -> Value {
        serde_json::from_str(event.unwrap().get()).unwrap()
    }

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
        value(authorizer_event(&exchange, &request))
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
            let event = value(proxy_event(&exchange, &request, &Authorization::None, body));
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
        exchange.authorizer.insert("key_id", "k1".into());
        let request = request("/", Vec::new(), HeaderMap::new());
        let authorizer = |authorization| {
            let event = value(proxy_event(&exchange, &request, &authorization, b""));
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
