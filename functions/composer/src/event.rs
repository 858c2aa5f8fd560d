//! Events of an HTTP API with payload format 2.0.
//!
//! Fields may be missing or null. Errors name the field and never its value.
//!
//! Source:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use outcome::ContextField;
use routes::{RouteKey, path_ambiguity};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::caller_context::CallerContext;
use crate::request::Request;

/// The version of the payload format.
const FORMAT: &str = "2.0";
/// The fields of an object, without the values of fields that are null.
type Fields = HashMap<String, Option<String>>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    version: Option<String>,
    route_key: Option<String>,
    raw_query_string: Option<String>,
    headers: Option<Fields>,
    path_parameters: Option<Fields>,
    request_context: Option<RequestContext>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    request_id: Option<String>,
    http: Option<Http>,
    authorizer: Option<Authorizer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    method: Option<String>,
    source_ip: Option<String>,
}

#[derive(Deserialize)]
struct Authorizer {
    lambda: Option<HashMap<String, Value>>,
}

/// The error for an event that is not a request. It contains no value of the event.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EventError {
    #[error("event: `{0}` has the wrong type")]
    Type(String),
    #[error("event: not an event of an HTTP API, expected `version` \"{FORMAT}\"")]
    Format,
    #[error("event: `{0}` is missing or invalid")]
    Field(&'static str),
    #[error("event: a variable of the route key has no usable value")]
    Variable,
    #[error("event: {0}")]
    Path(&'static str),
}

impl Request {
    /// Reads an event.
    ///
    /// # Errors
    /// [`EventError`] if the event is not one of an HTTP API with payload format 2.0.
    pub(crate) fn from_event(event: &RawValue) -> Result<Self, EventError> {
        let mut deserializer = serde_json::Deserializer::from_str(event.get());
        let event: Event = serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| EventError::Type(error.path().to_string()))?;
        if event.version.as_deref() != Some(FORMAT) {
            return Err(EventError::Format);
        }

        event.request()
    }
}

impl Event {
    fn request(self) -> Result<Request, EventError> {
        let path = path(
            self.route_key.as_deref(),
            &self.path_parameters.unwrap_or_default(),
        )?;
        let body = body(self.body, self.is_base64_encoded == Some(true))?;
        let context = self
            .request_context
            .ok_or(EventError::Field("requestContext"))?;
        let http = context
            .http
            .ok_or(EventError::Field("requestContext.http"))?;
        let method = http
            .method
            .ok_or(EventError::Field("requestContext.http.method"))?;

        Ok(Request {
            method,
            path,
            query: self.raw_query_string.unwrap_or_default(),
            headers: headers(self.headers.unwrap_or_default()),
            body,
            id: context.request_id,
            source_address: http.source_ip.and_then(|address| address.parse().ok()),
            context: context
                .authorizer
                .and_then(|authorizer| authorizer.lambda)
                .map(caller_context),
        })
    }
}

/// Returns the path of the route key with its variables filled in, as the authorizer reads it.
fn path(route_key: Option<&str>, parameters: &Fields) -> Result<String, EventError> {
    let key = route_key.and_then(|key| RouteKey::parse_stored(key).ok());
    let key = key.ok_or(EventError::Field("routeKey"))?;
    let path = key
        .fill(|name| parameters.get(name)?.as_deref())
        .ok_or(EventError::Variable)?;

    match path_ambiguity(&path) {
        Some(problem) => Err(EventError::Path(problem)),
        None => Ok(path),
    }
}

fn body(text: Option<String>, is_base64: bool) -> Result<Bytes, EventError> {
    let text = text.unwrap_or_default();
    if !is_base64 {
        return Ok(text.into());
    }
    let decoded = STANDARD
        .decode(text)
        .map_err(|_| EventError::Field("body"))?;
    Ok(decoded.into())
}

/// Returns the headers. One that is no valid header can neither be read nor passed on.
fn headers(fields: Fields) -> HeaderMap {
    let parsed = fields.into_iter().filter_map(|(name, value)| {
        let name = HeaderName::try_from(name).ok()?;
        Some((name, HeaderValue::try_from(value?).ok()?))
    });
    let mut headers = HeaderMap::new();
    for (name, value) in parsed {
        headers.append(name, value);
    }
    headers
}

/// Returns the fields that the authorizer defines. Its values are strings.
fn caller_context(fields: HashMap<String, Value>) -> CallerContext {
    CallerContext::new(fields.into_iter().filter_map(|(name, value)| {
        let field = ContextField::from_word(&name)?;
        match value {
            Value::String(value) => Some((field, value)),
            _ => None,
        }
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::json;

    use super::*;

    fn event() -> Value {
        json!({
            "version": "2.0",
            "routeKey": "ANY /bff/{proxy+}",
            "rawPath": "/bff/products/7",
            "rawQueryString": "a=1&b=%20",
            "headers": {"Accept-Language": "de", "x-null": null, "bad name": "x"},
            "pathParameters": {"proxy": "products/7"},
            "requestContext": {
                "requestId": "id-1",
                "authorizer": {"lambda": {"user_id": "alice", "plan": "-", "number": 1}},
                "http": {"method": "GET", "sourceIp": "192.0.2.7"},
            },
            "isBase64Encoded": false,
        })
    }

    fn read(event: &Value) -> Result<Request, String> {
        let event = serde_json::value::to_raw_value(event).unwrap();
        Request::from_event(&event).map_err(|error| error.to_string())
    }

    #[test]
    fn event_becomes_a_request() {
        let request = read(&event()).unwrap();

        assert_eq!(request.method, "GET");
        assert_eq!(request.path, "/bff/products/7");
        assert_eq!(request.query, "a=1&b=%20");
        assert_eq!(request.header("accept-language"), Some("de"));
        assert_eq!(request.headers.len(), 1);
        assert_eq!(request.id.as_deref(), Some("id-1"));
        assert_eq!(request.source_address, "192.0.2.7".parse().ok());

        let context = request.context.unwrap();
        assert_eq!(context.get(ContextField::UserId), Some("alice"));
        assert_eq!(context.get(ContextField::Plan), None);
    }

    #[test]
    fn fields_may_be_missing_or_null() {
        let mut event = event();
        for name in ["rawQueryString", "headers", "body", "isBase64Encoded"] {
            event[name] = Value::Null;
        }
        event["requestContext"] = json!({"http": {"method": "GET"}});

        let request = read(&event).unwrap();
        assert!(request.context.is_none() && request.id.is_none());
        assert!(request.query.is_empty() && request.body.is_empty());
    }

    #[test]
    fn body_is_decoded() {
        let mut event = event();
        for (body, is_base64, expected) in [("{}", false, "{}"), ("e30=", true, "{}")] {
            event["body"] = body.into();
            event["isBase64Encoded"] = is_base64.into();
            assert_eq!(read(&event).unwrap().body, expected);
        }

        event["body"] = "secret!".into();
        assert_eq!(
            read(&event).unwrap_err(),
            "event: `body` is missing or invalid"
        );
    }

    #[test]
    fn error_names_the_field_without_its_value() {
        for (pointer, value, expected) in [
            (
                "/version",
                json!("1.0"),
                "event: not an event of an HTTP API, expected `version` \"2.0\"",
            ),
            (
                "/routeKey",
                json!("$default"),
                "event: `routeKey` is missing or invalid",
            ),
            (
                "/routeKey",
                json!(null),
                "event: `routeKey` is missing or invalid",
            ),
            (
                "/pathParameters",
                json!(null),
                "event: a variable of the route key has no usable value",
            ),
            (
                "/pathParameters/proxy",
                json!("a/../secret"),
                "event: the path contains `..`",
            ),
            (
                "/pathParameters/proxy",
                json!(["secret"]),
                "event: `pathParameters.proxy` has the wrong type",
            ),
            (
                "/requestContext",
                json!(null),
                "event: `requestContext` is missing or invalid",
            ),
            (
                "/requestContext/http",
                json!({}),
                "event: `requestContext.http.method` is missing or invalid",
            ),
            (
                "/headers",
                json!({"x": {"secret": 1}}),
                "event: `headers.x` has the wrong type",
            ),
        ] {
            let mut event = event();
            *event.pointer_mut(pointer).unwrap() = value;
            assert_eq!(read(&event).unwrap_err(), expected);
        }
        assert!(read(&json!("secret")).is_err_and(|error| !error.contains("secret")));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,6}".prop_map(Value::from),
            Just(Value::from("ANY /{proxy+}")),
        ];
        leaf.prop_recursive(2, 8, 3, |inner| {
            let fields = proptest::collection::vec((".{0,4}", inner.clone()), 0..3);
            prop_oneof![
                proptest::collection::vec(inner, 0..3).prop_map(Value::from),
                fields.prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_event_panics(value in any_json(), pointer in select(vec![
            "", "/version", "/routeKey", "/rawQueryString", "/headers", "/headers/Accept-Language",
            "/pathParameters", "/pathParameters/proxy", "/requestContext", "/requestContext/http",
            "/requestContext/http/method", "/requestContext/authorizer",
            "/requestContext/authorizer/lambda", "/requestContext/authorizer/lambda/user_id",
            "/isBase64Encoded",
        ])) {
            let mut event = event();
            *event.pointer_mut(pointer).unwrap() = value;
            if let Ok(request) = read(&event) {
                prop_assert!(request.path.starts_with('/'));
            }
        }
    }
}
