//! HTTP calls without an SDK client. They share its connector, limit the size of responses, do not
//! follow redirects, and retry within the deadline.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::result::ConnectorError;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::response::Parts;
use http::uri::Authority;
use http::{HeaderMap, Request, Response};
use telemetry::{ErrorKind, OpenRecord, RecordLog, RequestScope, Span};
use tokio::time::{Instant, sleep, timeout};

use crate::address::callable;
use crate::authorities::ExtraAuthorities;
use crate::body::{BodyError, read_body};
use crate::breaker::{Breaker, Verdict};
use crate::call_error::CallError;
use crate::cause::Cause;
use crate::connections::{Connections, UnreadBody, call_error};
use crate::deadline::Deadline;
use crate::error_response::ErrorResponse;
use crate::failure::Failure;
use crate::fate::Fate;
use crate::replay::Replay;
use crate::retry::{pause, retry_after};
use crate::span_attributes::{describe_request, describe_response};

/// An HTTP client. Clones share the connections.
#[derive(Debug, Clone)]
pub struct HttpCalls {
    connections: Connections,
    records: RecordLog,
    max_body_bytes: usize,
}

/// A call of an HTTP service.
#[derive(Clone)]
pub struct HttpCall {
    /// The service's name in call records, such as `jwks` or `introspection`.
    pub service: Cow<'static, str>,
    /// The operation's name in call records.
    pub operation: &'static str,
    /// Method, absolute URL, headers and body. `x-request-id` and `traceparent` are added to it.
    pub request: Request<Bytes>,
    /// How often it may be made again.
    pub replay: Replay,
}

impl fmt::Debug for HttpCall {
    /// Omits URL, headers and body, which may contain secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "HttpCall({} {})", self.service, self.operation)
    }
}

impl HttpCalls {
    /// Returns a client that uses these connections and reads at most `max_body_bytes` of a
    /// response.
    #[must_use]
    pub const fn new(connections: Connections, records: RecordLog, max_body_bytes: usize) -> Self {
        Self {
            connections,
            records,
            max_body_bytes,
        }
    }

    /// Returns a client whose connections also trust these certificate authorities.
    #[must_use]
    pub fn trusting(self, authorities: &ExtraAuthorities) -> Self {
        Self {
            connections: self.connections.trusting(authorities),
            ..self
        }
    }

    /// Returns the connections.
    #[must_use]
    pub const fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Returns the destination of call records.
    #[must_use]
    pub const fn records(&self) -> &RecordLog {
        &self.records
    }

    /// Returns a client like this one that uses other connections.
    #[must_use]
    pub fn with_connections(&self, connections: Connections) -> Self {
        Self {
            connections,
            records: self.records.clone(),
            max_body_bytes: self.max_body_bytes,
        }
    }

    /// Makes a call and returns the response with any status. Redirects are not followed.
    ///
    /// [`Replay`] sets the number of attempts. The pauses between them use full jitter and the
    /// service's Retry-After, and none ends after the deadline. The last response or failure is
    /// returned, and one record is written for all attempts. With [`Replay::Safe`] its [`Fate`] is
    /// the last attempt's; an earlier one may have been applied.
    ///
    /// # Errors
    /// [`CallError::Address`] if the URL must not be called, otherwise the error of the last
    /// attempt.
    pub async fn send(
        &self,
        call: HttpCall,
        deadline: Deadline,
    ) -> Result<Response<Bytes>, CallError> {
        self.send_counted(call, deadline).await.0
    }

    /// Makes a call as [`Self::send`] does, and also returns the number of attempts.
    pub async fn send_counted(
        &self,
        call: HttpCall,
        deadline: Deadline,
    ) -> (Result<Response<Bytes>, CallError>, u32) {
        let host = match callable(call.request.uri(), self.connections.reach()) {
            Ok(host) => host,
            Err(error) => return (Err(error), 0),
        };
        let mut record = self.records.begin(call.service.clone(), call.operation);
        describe_request(record.span(), &call);
        let outcome = self.attempts(&call, &host, deadline, &mut record).await;

        let attempts = record.attempts();
        describe_response(record.span(), &outcome);
        record.finish(recorded(&outcome));
        (outcome, attempts)
    }

    /// Makes one attempt of a call, with a timeout that the caller chooses. For callers that wait
    /// longer than [`timeouts::ATTEMPT_TIMEOUT`](crate::timeouts::ATTEMPT_TIMEOUT), or that sign
    /// each attempt. [`HttpCall::replay`] is ignored.
    ///
    /// # Errors
    /// [`CallError::Address`] if the URL must not be called, otherwise the error of the attempt.
    pub async fn send_once(
        &self,
        call: HttpCall,
        limit: Duration,
    ) -> Result<Response<Bytes>, CallError> {
        let host = callable(call.request.uri(), self.connections.reach())?;
        let mut record = self.records.begin(call.service.clone(), call.operation);
        describe_request(record.span(), &call);
        record.begin_attempt();
        let outcome = self
            .attempt(&call.request, &host, limit, record.span())
            .await;

        describe_response(record.span(), &outcome);
        record.finish(recorded(&outcome));
        outcome
    }

    /// Makes one attempt without a call record and a span, for what the process sends about itself.
    /// The operator chose the URL, so that it may be any address. If the body of the response is
    /// too large or breaks off, an empty one is returned: the status says whether the request was
    /// accepted.
    ///
    /// # Errors
    /// [`CallError`] of the attempt.
    pub async fn send_unrecorded(
        &self,
        request: &Request<Bytes>,
        limit: Duration,
    ) -> Result<Response<Bytes>, CallError> {
        let host = request.uri().authority().map_or("", Authority::as_str);
        let exchange = async {
            let (head, body) = self.send_head(request, host, &Span::none()).await?;
            let body = self.read_body(&head, body, host).await.unwrap_or_default();
            Ok(Response::from_parts(head, body))
        };

        timed(exchange, host, limit).await
    }

    /// Makes a call through a circuit breaker and reports the result to it.
    ///
    /// # Errors
    /// [`CallError::BreakerOpen`] if the breaker is open, otherwise as [`Self::send`].
    pub async fn send_guarded(
        &self,
        breaker: &Breaker,
        call: HttpCall,
        deadline: Deadline,
    ) -> Result<Response<Bytes>, CallError> {
        let permit = breaker.permit(Instant::now().into_std())?;
        let outcome = self.send(call, deadline).await;

        let verdict = failure_of(&outcome).map_or(Verdict::Success, |failure| failure.verdict());
        permit.settle(verdict, Instant::now().into_std());
        outcome
    }

    async fn attempts(
        &self,
        call: &HttpCall,
        host: &str,
        deadline: Deadline,
        record: &mut OpenRecord,
    ) -> Result<Response<Bytes>, CallError> {
        let mut last = Err(CallError::NoTimeLeft {
            host: host.to_owned(),
        });
        for attempt in 1..=call.replay.attempts() {
            let remaining = deadline.remaining(Instant::now().into_std());
            let Some(limit) = call.replay.attempt_time(attempt, remaining) else {
                break;
            };

            record.begin_attempt();
            last = self
                .attempt(&call.request, host, limit, record.span())
                .await;
            match pause_before_retry(call.replay, &last, attempt, deadline) {
                Some(pause) => sleep(pause).await,
                None => break,
            }
        }
        last
    }

    async fn attempt(
        &self,
        request: &Request<Bytes>,
        host: &str,
        limit: Duration,
        span: &Span,
    ) -> Result<Response<Bytes>, CallError> {
        let exchange = async {
            let (head, body) = self.send_head(request, host, span).await?;
            let body = self.read_body(&head, body, host).await?;
            Ok(Response::from_parts(head, body))
        };

        timed(exchange, host, limit).await
    }

    /// Sends a request and returns the head of the response with its unread body.
    async fn send_head(
        &self,
        request: &Request<Bytes>,
        host: &str,
        span: &Span,
    ) -> Result<(Parts, UnreadBody), CallError> {
        let mut request = request.clone();
        RequestScope::current()
            .within(span)
            .put_on(request.headers_mut());
        let to_call_error = |error: ConnectorError| call_error(host.to_owned(), error);

        let response = self.connections.exchange(request).await;
        Ok(response.map_err(to_call_error)?.into_parts())
    }

    async fn read_body(
        &self,
        head: &Parts,
        body: UnreadBody,
        host: &str,
    ) -> Result<Bytes, CallError> {
        if let Some(problem) = framing_problem(&head.headers) {
            return Err(self.body_broken(host, Cause::InvalidResponse, problem.into()));
        }

        let body = read_body(body, declared_length(&head.headers), self.max_body_bytes).await;
        body.map_err(|error| match error {
            BodyError::TooLarge => self.body_too_large(host),
            BodyError::Broken(error) => {
                self.body_broken(host, Cause::of_exchange(error.as_ref()), error)
            }
        })
    }

    fn body_broken(&self, host: &str, cause: Cause, source: BoxError) -> CallError {
        CallError::Transport {
            host: host.to_owned(),
            kind: ErrorKind::Network,
            fate: Fate::Unknown,
            cause,
            source,
        }
    }

    fn body_too_large(&self, host: &str) -> CallError {
        CallError::BodyTooLarge {
            host: host.to_owned(),
            limit: self.max_body_bytes,
        }
    }
}

/// Waits for an exchange for at most `limit`.
async fn timed(
    exchange: impl Future<Output = Result<Response<Bytes>, CallError>>,
    host: &str,
    limit: Duration,
) -> Result<Response<Bytes>, CallError> {
    match timeout(limit, exchange).await {
        Ok(outcome) => outcome,
        Err(_) => Err(CallError::TimedOut {
            host: host.to_owned(),
            waited: limit,
        }),
    }
}

/// Returns the reason why the body of a response cannot be read, if there is one.
///
/// If a response has both a length and a transfer coding, two recipients can disagree about its end,
/// so it is an error by RFC 9112, section 6.3. The only accepted coding is `chunked`.
fn framing_problem(headers: &HeaderMap) -> Option<&'static str> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let coding = codings.next()?;

    if headers.contains_key(CONTENT_LENGTH) {
        return Some("the response has both Content-Length and Transfer-Encoding");
    }
    let is_chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    let has_other = !is_chunked || codings.next().is_some();
    has_other.then_some("the response has a transfer coding other than chunked")
}

/// Returns the length of a body that its headers state. `None` if there is none, or an invalid one.
fn declared_length(headers: &HeaderMap) -> Option<usize> {
    let length = headers.get(CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// Returns the outcome of a call for its record. AWS services send most errors with status 400, so
/// the error code counts.
fn recorded(outcome: &Result<Response<Bytes>, CallError>) -> Result<(), ErrorKind> {
    match outcome {
        Ok(response) if response.status().as_u16() < 400 => Ok(()),
        Ok(response) => {
            let status = response.status().as_u16();
            Err(ErrorResponse::of_http(response).kind(status))
        }
        Err(error) => Err(error.kind()),
    }
}

/// Returns the failure of a call, or `None` if it succeeded.
fn failure_of(outcome: &Result<Response<Bytes>, CallError>) -> Option<Failure> {
    match outcome {
        Ok(response) => Failure::of_status(response.status().as_u16()),
        Err(error) => Some(Failure {
            kind: error.kind(),
            retryable: error.is_retryable(),
            fate: error.fate(),
            client_error: false,
        }),
    }
}

/// Returns the pause before the next attempt, or `None` if there is none.
fn pause_before_retry(
    replay: Replay,
    outcome: &Result<Response<Bytes>, CallError>,
    attempt: u32,
    deadline: Deadline,
) -> Option<Duration> {
    let failure = failure_of(outcome).filter(|failure| failure.retryable)?;
    let status = outcome.as_ref().ok().map(Response::status);
    let header = outcome
        .as_ref()
        .ok()
        .and_then(|response| response.headers().get(http::header::RETRY_AFTER));
    let requested_pause =
        header.and_then(|value| retry_after(value.to_str().ok()?, SystemTime::now()));

    if attempt >= replay.attempts() || !replay.admits(failure, status, requested_pause, attempt) {
        return None;
    }

    pause(
        attempt,
        requested_pause,
        deadline.remaining(Instant::now().into_std()),
        fastrand::f64(),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_types::body::SdkBody;

    use super::*;
    use crate::test_log::TestLog;

    /// Responds with 503 and a Retry-After before the `good`-th request.
    #[derive(Debug, Clone)]
    struct Busy {
        retry_after: &'static str,
        good: u32,
        requests: Arc<AtomicU32>,
    }

    impl HttpConnector for Busy {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            let nth = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
            let status = if nth < self.good { 503u16 } else { 200 };
            let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
            response
                .headers_mut()
                .insert("retry-after", self.retry_after);
            HttpConnectorFuture::ready(Ok(response))
        }
    }

    async fn call(
        retry_after: &'static str,
        good: u32,
        budget: Duration,
    ) -> (u16, Duration, u32, TestLog) {
        let busy = Busy {
            retry_after,
            good,
            requests: Arc::default(),
        };
        let log = TestLog::default();
        let calls = HttpCalls::new(
            Connections::over(busy.clone(), crate::Reach::Any),
            RecordLog::to(log.clone()),
            1024,
        );
        let request = Request::get("https://busy.example/")
            .body(Bytes::new())
            .unwrap();
        let call = HttpCall {
            service: "busy".into(),
            operation: "Get",
            request,
            replay: Replay::Safe,
        };
        let began = Instant::now();

        let response = calls
            .send(call, Deadline::after(began.into_std(), budget))
            .await
            .unwrap();
        (
            response.status().as_u16(),
            began.elapsed(),
            busy.requests.load(Ordering::SeqCst),
            log,
        )
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_waited_for() {
        let (status, took, requests, log) = call("3", 2, Duration::from_secs(20)).await;

        assert_eq!((status, requests), (200, 2));
        assert!(
            took >= Duration::from_secs(3) && took < Duration::from_millis(3_150),
            "{took:?}"
        );
        assert_eq!(log.json_lines()[0]["api_call"]["attempts"], 2);
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_beyond_the_deadline_ends_the_call() {
        let (status, took, requests, log) = call("60", 2, Duration::from_secs(20)).await;
        assert_eq!((status, requests, took), (503, 1, Duration::ZERO));
        assert_eq!(log.json_lines()[0]["api_call"]["success"], false);
    }

    #[tokio::test(start_paused = true)]
    async fn last_response_is_returned_after_three_attempts() {
        let (status, took, requests, _) = call("1", 9, Duration::from_secs(20)).await;

        assert_eq!((status, requests), (503, 3));
        assert!(
            took >= Duration::from_secs(2) && took < Duration::from_millis(2_350),
            "{took:?}"
        );
    }
}
