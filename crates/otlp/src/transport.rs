//! Requests to the collector (OTLP 1.x over HTTP with binary protobuf).

use std::time::{Duration, SystemTime};

use aws::{CallError, Connections, HttpCalls};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use telemetry::RecordLog;

use crate::losses::Reason;
use crate::settings::Target;
use crate::tracer::VERSION;

/// The largest response that is read. A partial success is a few hundred bytes. Without the body of
/// a larger one, its status decides.
const MAX_RESPONSE_BYTES: usize = 64 * 1_024;

/// The longest pause that a collector may request.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// The result of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The collector accepted the request. Its response may report a partial success.
    Accepted(Bytes),
    /// The request can never succeed.
    Refused(Reason),
    /// The same request may succeed later.
    Retryable {
        reason: Reason,
        /// The pause that the collector asked for.
        retry_after: Option<Duration>,
    },
}

/// Sends requests over the connections of the process, without call records and spans.
#[derive(Debug)]
pub(crate) struct Transport {
    calls: HttpCalls,
}

impl Transport {
    pub(crate) fn new(connections: Connections) -> Self {
        let records = RecordLog::to(std::io::sink());
        Self {
            calls: HttpCalls::new(connections, records, MAX_RESPONSE_BYTES),
        }
    }

    /// Sends a message. The response is due within the target's timeout.
    pub(crate) async fn send(&self, target: &Target, message: Bytes) -> Outcome {
        let request = request(target, message);

        match self.calls.send_unrecorded(&request, target.timeout).await {
            Ok(response) => outcome_of_response(response),
            Err(error) => outcome_of_error(&error),
        }
    }
}

fn request(target: &Target, message: Bytes) -> Request<Bytes> {
    let mut request = Request::new(message);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = target.url.clone();

    let headers = request.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-protobuf"),
    );
    headers.insert(USER_AGENT, user_agent());
    headers.extend(target.headers.clone());
    request
}

fn user_agent() -> HeaderValue {
    HeaderValue::try_from(format!("Tollgate-OTLP-Exporter/{VERSION}"))
        .unwrap_or_else(|_| HeaderValue::from_static("Tollgate-OTLP-Exporter"))
}

/// Returns the outcome of a response. Only 429, 502, 503 and 504 are retryable, as the
/// specification says ("Retryable Response Codes").
fn outcome_of_response(response: Response<Bytes>) -> Outcome {
    let status = response.status();
    if status.is_success() {
        return Outcome::Accepted(response.into_body());
    }

    let reason = Reason::Status(status.as_u16());
    match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Outcome::Retryable {
            reason,
            retry_after: requested_pause(&response),
        },
        _ => Outcome::Refused(reason),
    }
}

fn requested_pause(response: &Response<Bytes>) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let pause = aws::retry::retry_after(value, SystemTime::now())?;

    Some(pause.min(MAX_RETRY_AFTER))
}

fn outcome_of_error(error: &CallError) -> Outcome {
    let reason = Reason::Failure(error.cause());

    match error {
        CallError::TimedOut { .. } | CallError::Transport { .. } => Outcome::Retryable {
            reason,
            retry_after: None,
        },
        _ => Outcome::Refused(reason),
    }
}
