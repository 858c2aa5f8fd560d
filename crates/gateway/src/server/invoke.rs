//! Asks a function for the answer to a request, and takes it as API Gateway does (response format
//! 2.0).
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
use hyper::body::Incoming;
use lambda_runtime::Diagnostic;
use serde::Deserialize;
use serde_json::Value;

use super::MEMORY_EXHAUSTED;
use super::answer::Own;
use super::body::{BodyError, RequestBody, RequestFate, ResponseBody, full};
use super::event::is_text;
use crate::api::Exchange;
use crate::function::Function;
use crate::memory_budget::{CollectError, MemoryBudget, Reservation};

/// As much as Lambda takes and gives in one invocation.
const LARGEST: usize = 6 * 1024 * 1024;

/// A function's answer; or any JSON, which is then the body.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, Value>,
    #[serde(default)]
    cookies: Vec<String>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// The most bytes that the body of a request with these headers can have, if its event is to fit.
pub(super) fn max_body_bytes(headers: &HeaderMap) -> usize {
    if is_text(headers) {
        LARGEST
    } else {
        LARGEST / 4 * 3
    }
}

/// The body of a request as a whole, with the memory that is reserved for it.
pub(super) async fn whole(
    memory: &MemoryBudget,
    body: Incoming,
    max_bytes: usize,
    deadline: Instant,
    exchange: &mut Exchange,
) -> Result<(Bytes, Reservation), Own> {
    let fate = RequestFate::default();
    let collected = memory
        .collect(RequestBody::new(body, deadline, fate.clone()), max_bytes)
        .await;
    collected.map_err(|error| match (error, fate.error()) {
        (CollectError::TooLarge, _) | (_, Some(BodyError::TooLarge)) => Own::PayloadTooLarge,
        (CollectError::Exhausted, _) => {
            exchange.integration_error = Some(MEMORY_EXHAUSTED.to_owned());
            Own::Unavailable
        }
        (CollectError::Body(_), Some(_)) => Own::BadRequest,
        (CollectError::Body(_), None) => Own::Unavailable,
    })
}

/// The function's answer to an event.
pub(super) async fn invoke(
    function: Arc<Function>,
    event: Value,
    deadline: Instant,
    exchange: &mut Exchange,
) -> Result<Response<ResponseBody>, Own> {
    let event = event.to_string();
    if event.len() > LARGEST {
        return Err(Own::PayloadTooLarge);
    }
    let answer = called(function, event, deadline).await.and_then(|answer| {
        let answer = if answer.len() > LARGEST {
            Err("the answer is larger than 6 MB".to_owned())
        } else {
            Ok(answer)
        };
        answer
            .and_then(|answer| response(&answer))
            .map_err(|problem| (Own::Failed, problem))
    });
    answer.map_err(|(own, problem)| {
        tracing::error!(
            request_id = exchange.request_id,
            problem,
            "a function failed"
        );
        exchange.integration_error = Some(problem);
        own
    })
}

/// In a task of its own, so that a panic costs one request, as it does in Lambda.
async fn called(
    function: Arc<Function>,
    event: String,
    deadline: Instant,
) -> Result<Vec<u8>, (Own, String)> {
    let task = tokio::spawn(async move { function.invoke(event.as_bytes()).await });
    let abort = task.abort_handle();
    match tokio::time::timeout_at(deadline.into(), task).await {
        Ok(Ok(Ok(answer))) => Ok(answer),
        Ok(Ok(Err(Diagnostic { error_message, .. }))) => Err((Own::Failed, error_message)),
        Ok(Err(error)) => Err((Own::Failed, error.to_string())),
        Err(_) => {
            abort.abort();
            Err((Own::Unavailable, "the function took too long".to_owned()))
        }
    }
}

fn response(text: &[u8]) -> Result<Response<ResponseBody>, String> {
    let value: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if value.get("statusCode").is_none() {
        let mut response = Response::new(full(
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned),
        ));
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        return Ok(response);
    }
    let answer: Answer = serde_json::from_value(value).map_err(|error| error.to_string())?;
    let body = answer.body.unwrap_or_default();
    let body = if answer.is_base64_encoded {
        STANDARD
            .decode(body)
            .map_err(|_| "the body is not base64".to_owned())?
    } else {
        body.into_bytes()
    };
    let mut response = Response::new(full(body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status_code).map_err(|error| error.to_string())?;
    for (name, value) in answer.headers {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        let name: HeaderName = name.parse().map_err(|_| format!("`{name}` is no header"))?;
        let value = HeaderValue::from_str(&value)
            .map_err(|_| format!("`{name}` has a value that is none"))?;
        response.headers_mut().insert(name, value);
    }
    for cookie in answer.cookies {
        let value = HeaderValue::from_str(&cookie).map_err(|_| "a cookie is none".to_owned())?;
        response.headers_mut().append(SET_COOKIE, value);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;
    use serde_json::json;

    async fn parts(answer: Value) -> (u16, Vec<(String, String)>, Bytes) {
        let response = response(answer.to_string().as_bytes()).unwrap();
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
    async fn an_answer_has_status_headers_cookies_and_a_body_as_text_or_base64() {
        let headers = json!({"X-A": "1,2", "x-n": 7});
        let answer =
            json!({"statusCode": 201, "headers": headers, "cookies": ["a=1", "b=2"], "body": "hi"});
        let (status, headers, body) = parts(answer).await;
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
    async fn an_answer_without_a_status_is_a_body_in_json() {
        let (status, headers, body) = parts(json!({"message": "hi"})).await;
        assert_eq!((status, &body[..]), (200, &br#"{"message":"hi"}"#[..]));
        assert_eq!(
            headers,
            [("content-type".to_owned(), "application/json".to_owned())]
        );
    }

    #[test]
    fn what_is_no_answer_is_the_functions_failure() {
        for answer in [
            json!({"statusCode": "x"}),
            json!({"statusCode": 99}),
            json!({"statusCode": 200, "body": "?", "isBase64Encoded": true}),
            json!({"statusCode": 200, "headers": {"a b": "c"}}),
            json!({"statusCode": 200, "headers": {"a": "b\r\nc: d"}}),
        ] {
            assert!(response(answer.to_string().as_bytes()).is_err(), "{answer}");
        }
    }
}
