//! Invokes the function of an integration and interprets its response as API Gateway does (payload
//! format 2.0).
//!
//! Source:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use lambda_runtime::Diagnostic;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use telemetry::{TraceParent, below};

use super::body::{BodyError, ResponseBody, full};
use super::event::{is_text, proxy_event};
use super::integration_request::IntegrationRequest;
use super::invocation::{self, InvocationError};
use super::request_body::{BodyStatus, RequestBody};
use super::response::ErrorResponse;
use super::{Gateway, MEMORY_EXHAUSTED};
use crate::api::{Exchange, RequestParts, ResponseSource, Route};
use crate::function::Function;
use crate::memory_budget::{CollectError, MemoryBudget, Reservation, ReservedBody};

/// Lambda's quota for the event and for the response of an invocation.
const MAX_PAYLOAD_BYTES: usize = 6 * 1024 * 1024;

/// A function's response with a status. Any other JSON is the body of a 200.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionResponse {
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, Value>,
    #[serde(default)]
    cookies: Vec<String>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// Returns the original request, which response mapping needs, and the function's response.
pub(super) async fn call_function(
    gateway: &Gateway,
    package: &str,
    route: &Route,
    request: IntegrationRequest<'_>,
    body: Incoming,
    exchange: &mut Exchange,
) -> Result<(RequestParts, Response<ResponseBody>), ErrorResponse> {
    let function = gateway.functions.get(package).map(Arc::clone);
    let function = function.ok_or(ErrorResponse::InternalError)?;
    let deadline = Instant::now() + route.integration.timeout;

    let (body, _reservation) = collect_body(
        &gateway.memory.requests,
        body,
        max_body_bytes(&request.parts.headers),
        deadline,
        exchange,
    )
    .await?;
    let event = proxy_event(exchange, &request, &route.authorization, &body)
        .map_err(|_| ErrorResponse::InternalError)?;
    let began = Instant::now();
    let result = invoke(function, event, deadline, exchange).await;
    exchange.upstream_latency = Some(began.elapsed());

    let response = reserve(gateway, result?, exchange)?;
    exchange.response_source = ResponseSource::Function;
    Ok((request.parts, response))
}

/// Reserves memory for the function's response, which stays in memory until its client has read it.
fn reserve(
    gateway: &Gateway,
    response: Response<ResponseBody>,
    exchange: &mut Exchange,
) -> Result<Response<ResponseBody>, ErrorResponse> {
    let length = usize::try_from(response.body().size_hint().lower()).unwrap_or(usize::MAX);
    let reservation = gateway.memory.responses.reserve(length).ok_or_else(|| {
        exchange.integration_error = Some(MEMORY_EXHAUSTED.to_owned());
        ErrorResponse::Unavailable
    })?;

    Ok(response.map(|body| ReservedBody::new(body, reservation).boxed_unsync()))
}

/// Returns the largest body that fits into an event. A body that is not text is encoded in base64.
fn max_body_bytes(headers: &HeaderMap) -> usize {
    if is_text(headers) {
        MAX_PAYLOAD_BYTES
    } else {
        MAX_PAYLOAD_BYTES / 4 * 3
    }
}

/// Reads a request's body and reserves the memory for it.
async fn collect_body(
    memory: &MemoryBudget,
    body: Incoming,
    max_bytes: usize,
    deadline: Instant,
    exchange: &mut Exchange,
) -> Result<(Bytes, Reservation), ErrorResponse> {
    let status = BodyStatus::default();
    let body = RequestBody::new(body, deadline, status.clone());
    let collected = memory.collect(body, max_bytes).await;
    exchange.client_wait = status.waited();

    collected.map_err(|error| match (error, status.error()) {
        (CollectError::TooLarge, _) | (_, Some(BodyError::TooLarge)) => {
            ErrorResponse::PayloadTooLarge
        }
        (CollectError::Exhausted, _) => {
            exchange.integration_error = Some(MEMORY_EXHAUSTED.to_owned());
            ErrorResponse::Unavailable
        }
        (CollectError::Body(_), Some(_)) => ErrorResponse::BadRequest,
        (CollectError::Body(_), None) => ErrorResponse::Unavailable,
    })
}

/// Invokes the function and returns its response.
async fn invoke(
    function: Arc<Function>,
    event: Box<RawValue>,
    deadline: Instant,
    exchange: &mut Exchange,
) -> Result<Response<ResponseBody>, ErrorResponse> {
    if event.get().len() > MAX_PAYLOAD_BYTES {
        return Err(ErrorResponse::PayloadTooLarge);
    }

    let payload = payload(function, event, deadline, exchange.span.clone()).await;
    let response = payload.and_then(|payload| {
        http_response(&payload).map_err(|problem| (ErrorResponse::InternalError, problem))
    });
    response.map_err(|(error, problem)| {
        tracing::error!(
            request_id = exchange.request_id,
            problem,
            "a function failed"
        );
        exchange.integration_error = Some(problem);
        error
    })
}

/// Invokes the function and returns the JSON of its response.
async fn payload(
    function: Arc<Function>,
    event: Box<RawValue>,
    deadline: Instant,
    parent: Option<TraceParent>,
) -> Result<Vec<u8>, (ErrorResponse, String)> {
    let work = async move { below(parent, function.invoke(event.get().as_bytes())).await };

    match invocation::run(Box::pin(work), deadline).await {
        Ok(Ok(payload)) => Ok(payload),
        Ok(Err(Diagnostic { error_message, .. })) => {
            Err((ErrorResponse::InternalError, error_message))
        }
        Err(InvocationError::Panic) => Err((
            ErrorResponse::InternalError,
            "the function panicked".to_owned(),
        )),
        Err(InvocationError::Timeout) => Err((
            ErrorResponse::Unavailable,
            "the function timed out".to_owned(),
        )),
    }
}

/// Converts a function's response to an HTTP response.
fn http_response(payload: &[u8]) -> Result<Response<ResponseBody>, String> {
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err("the response is larger than 6 MB".to_owned());
    }
    let value: Value = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
    if value.get("statusCode").is_none() {
        return Ok(json_response(&value));
    }

    let response: FunctionResponse =
        serde_json::from_value(value).map_err(|error| error.to_string())?;
    let status = StatusCode::from_u16(response.status_code).map_err(|error| error.to_string())?;
    let headers = response_headers(response.headers, response.cookies)?;
    let body = response.body.unwrap_or_default();
    let body = if response.is_base64_encoded {
        let decoded = STANDARD.decode(body);
        decoded.map_err(|_| "the body is not valid base64".to_owned())?
    } else {
        body.into_bytes()
    };

    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// A response without a status: the body is the string or the JSON.
fn json_response(value: &Value) -> Response<ResponseBody> {
    let mut response = Response::new(full(text(value)));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn response_headers(
    headers: BTreeMap<String, Value>,
    cookies: Vec<String>,
) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name: HeaderName = name
            .parse()
            .map_err(|_| format!("`{name}` is not a valid header name"))?;
        let value = HeaderValue::from_str(&text(&value))
            .map_err(|_| format!("the value of header `{name}` is not valid"))?;
        map.insert(name, value);
    }
    for cookie in cookies {
        let value =
            HeaderValue::from_str(&cookie).map_err(|_| "a cookie is not valid".to_owned())?;
        map.append(SET_COOKIE, value);
    }

    Ok(map)
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    async fn parts(response: Value) -> (u16, Vec<(String, String)>, Bytes) {
        let response = http_response(response.to_string().as_bytes()).unwrap();
        let (parts, body) = response.into_parts();
        let headers = parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        (
            parts.status.as_u16(),
            headers.collect(),
            body.collect().await.unwrap().to_bytes(),
        )
    }

    #[tokio::test]
    async fn response_has_status_headers_cookies_and_a_plain_or_base64_body() {
        let headers = json!({"X-A": "1,2", "x-n": 7});
        let response =
            json!({"statusCode": 201, "headers": headers, "cookies": ["a=1", "b=2"], "body": "hi"});
        let (status, headers, body) = parts(response).await;
        let expected = [
            ("x-a", "1,2"),
            ("x-n", "7"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
        ];
        assert_eq!((status, &body[..]), (201, &b"hi"[..]));
        assert_eq!(
            headers,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
        let (status, _, body) =
            parts(json!({"statusCode": 204, "body": "/wA=", "isBase64Encoded": true})).await;
        assert_eq!((status, &body[..]), (204, &b"\xff\0"[..]));
    }

    #[tokio::test]
    async fn response_without_a_status_is_the_body_of_a_200() {
        let (status, headers, body) = parts(json!({"message": "hi"})).await;
        assert_eq!((status, &body[..]), (200, &br#"{"message":"hi"}"#[..]));
        assert_eq!(
            headers,
            [("content-type".to_owned(), "application/json".to_owned())]
        );
    }

    #[test]
    fn invalid_responses_are_errors() {
        for response in [
            json!({"statusCode": "x"}),
            json!({"statusCode": 99}),
            json!({"statusCode": 200, "body": "?", "isBase64Encoded": true}),
            json!({"statusCode": 200, "headers": {"a b": "c"}}),
            json!({"statusCode": 200, "headers": {"a": "b\r\nc: d"}}),
        ] {
            assert!(
                http_response(response.to_string().as_bytes()).is_err(),
                "{response}"
            );
        }
    }
}
