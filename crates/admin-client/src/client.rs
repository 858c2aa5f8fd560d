//! The client: requests, retries and deadlines.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws::{CallError, Fate, HttpCall, HttpCalls, Replay};
use bytes::Bytes;
use http::header::{ACCEPT, HeaderValue, USER_AGENT};
use http::{Method, Request, Response, StatusCode, Uri};
use tokio::time::Instant;

use crate::api::{API_PATH, Api};
use crate::error::ClientError;
use crate::options::TargetOptions;
use crate::pages::Pages;
use crate::path;
use crate::refusal::{Refusal, RequestContext, Signature, retry_after};
use crate::request::AdminRequest;
use crate::response::AdminResponse;
use crate::success;

/// The time for one attempt. It exceeds API Gateway's timeout of 30 s.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(35);
/// The time for all attempts and the pauses between them.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(75);
pub(crate) const USER_AGENT_VALUE: HeaderValue =
    HeaderValue::from_static(concat!("tollgate/", env!("CARGO_PKG_VERSION")));

/// A client of one admin API. Clones share its connections.
#[derive(Clone)]
pub struct AdminClient {
    pub(crate) api: Arc<Api>,
}

impl AdminClient {
    /// Finds the API that the options, or else the environment, select. With `stack`, the outputs of
    /// the stack are read. Nothing is sent to the API.
    ///
    /// Requests to a URL of this machine are not signed, unless the options have a profile or a
    /// region. All others are.
    ///
    /// # Errors
    /// [`ClientError`] if the options or the settings of the environment are invalid, or the stack
    /// cannot be read.
    pub async fn connect(options: &TargetOptions) -> Result<Self, ClientError> {
        let api = Api::find(options).await?;
        Ok(Self { api: Arc::new(api) })
    }

    /// Returns the target for messages: its URL, or `stack NAME (URL)`.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.api.target
    }

    /// Returns the URL of the API, without a `/` at its end.
    #[must_use]
    pub fn url(&self) -> &str {
        self.api.base.as_str()
    }

    /// True if requests to the admin API are signed, as those to a deployed API are.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.api.signer.is_some()
    }

    /// Returns the AWS region that requests are signed for. `None` if they are not signed.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        let signer = self.api.signer.as_ref()?;
        Some(&signer.region)
    }

    /// Returns the ARN of the user or role that signs requests. AWS is asked once. `None` if requests
    /// are not signed, or if there is no response within 5 s.
    pub async fn identity(&self) -> Option<&str> {
        self.api.identity().await
    }

    /// True if the API is reached through a proxy.
    #[must_use]
    pub fn has_proxy(&self) -> bool {
        self.api.network.has_proxy_for(&self.api.base)
    }

    /// True if requests have a client certificate.
    #[must_use]
    pub fn has_certificate(&self) -> bool {
        self.api.has_certificate
    }

    /// Calls a route of the API as its clients do: unsigned, once, and with any status. `request`
    /// has a path instead of a URL, which is sent as it is.
    ///
    /// # Errors
    /// [`ClientError`] if the path is invalid, or if there is no response within `limit`.
    pub async fn call(
        &self,
        request: Request<Bytes>,
        limit: Duration,
    ) -> Result<Response<Bytes>, ClientError> {
        self.call_over(&self.api.calls, request, limit).await
    }

    /// Calls a route as [`Self::call`] does, without the client certificate of the options.
    ///
    /// # Errors
    /// See [`Self::call`].
    pub async fn call_without_certificate(
        &self,
        request: Request<Bytes>,
        limit: Duration,
    ) -> Result<Response<Bytes>, ClientError> {
        self.call_over(&self.api.aws_calls, request, limit).await
    }

    /// Calls a route as [`Self::call`] does, with the names of headers in upper case. The request must
    /// have no body.
    ///
    /// # Errors
    /// See [`Self::call`].
    pub async fn call_in_upper_case(
        &self,
        request: Request<Bytes>,
        limit: Duration,
    ) -> Result<Response<Bytes>, ClientError> {
        let calls = self.api.upper_case_calls()?;
        self.call_over(&calls, request, limit).await
    }

    async fn call_over(
        &self,
        calls: &HttpCalls,
        mut request: Request<Bytes>,
        limit: Duration,
    ) -> Result<Response<Bytes>, ClientError> {
        let path = request.uri().to_string();
        let url = format!("{}{path}", self.url());
        let is_write = !request.method().is_safe();
        *request.uri_mut() = url.parse().map_err(|_| ClientError::InvalidPath { path })?;

        let call = HttpCall {
            service: "tollgate".into(),
            operation: "Route",
            request,
            replay: Replay::Never,
        };
        let outcome = calls.send_once(call, limit).await;
        outcome.map_err(|error| ClientError::Unreachable {
            target: self.target().to_owned(),
            error,
            has_certificate: self.api.has_certificate,
            is_write,
        })
    }

    /// Sends a request and returns the response if its status is 200 to 299, and it is one that the
    /// admin API sends.
    ///
    /// Failed connections and 429 are retried, and 503 with `Retry-After` if the request is a
    /// `GET` or has an `Idempotency-Key`. Redirects are not followed.
    ///
    /// # Errors
    /// [`ClientError`] if there is no response, or another status.
    pub async fn send(&self, request: AdminRequest) -> Result<AdminResponse, ClientError> {
        let deadline = Instant::now() + REQUEST_TIMEOUT;

        let mut attempt = 1;
        loop {
            let outcome = self.attempt(&request, remaining(deadline)).await?;
            let remaining = remaining(deadline);
            let pause = pause_before_retry(&request, &outcome, attempt, remaining);
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return self.result(&request, outcome).await,
            }
            attempt += 1;
        }
    }

    /// Sends a `GET` request.
    ///
    /// # Errors
    /// See [`Self::send`].
    pub async fn get(&self, path: &str) -> Result<AdminResponse, ClientError> {
        self.send(AdminRequest::get(path)).await
    }

    /// Returns the pages of a list. `path` may have a query.
    #[must_use]
    pub fn pages(&self, path: &str) -> Pages {
        Pages::new(self.clone(), path)
    }

    async fn attempt(
        &self,
        request: &AdminRequest,
        remaining: Duration,
    ) -> Result<Result<Response<Bytes>, CallError>, ClientError> {
        let mut request = self.http_request(request)?;
        if let Some(signer) = &self.api.signer {
            signer.sign(&mut request).await?;
        }
        let call = HttpCall {
            service: "tollgate".into(),
            operation: "AdminApi",
            request,
            replay: Replay::Never,
        };
        let limit = ATTEMPT_TIMEOUT.min(remaining);
        Ok(self.api.calls.send_once(call, limit).await)
    }

    fn http_request(&self, request: &AdminRequest) -> Result<Request<Bytes>, ClientError> {
        let url = format!("{}{API_PATH}{}", self.api.base.as_str(), request.path);
        let path = request.path.split('?').next().unwrap_or_default();
        let uri = url.parse().ok().filter(|_| path::is_plain(path));
        let uri: Uri = uri.ok_or_else(|| ClientError::InvalidPath {
            path: path.to_owned(),
        })?;

        let mut built = Request::new(request.body.clone());
        *built.method_mut() = request.method.clone();
        *built.uri_mut() = uri;
        *built.headers_mut() = request.headers()?.clone();
        let headers = built.headers_mut();
        headers.insert(USER_AGENT, USER_AGENT_VALUE);
        headers
            .entry(ACCEPT)
            .or_insert(HeaderValue::from_static("application/json"));
        Ok(built)
    }

    async fn result(
        &self,
        request: &AdminRequest,
        outcome: Result<Response<Bytes>, CallError>,
    ) -> Result<AdminResponse, ClientError> {
        match outcome {
            Ok(response) if response.status().is_success() => {
                self.checked(request, AdminResponse::from_http(response))
            }
            Ok(response) => {
                let refusal = self.refusal(&request.method, &request.path, &response);
                Err(ClientError::Refused(refusal.await))
            }
            Err(error) => Err(ClientError::Unreachable {
                target: self.target().to_owned(),
                error,
                has_certificate: self.api.has_certificate,
                is_write: request.is_write(),
            }),
        }
    }

    fn checked(
        &self,
        request: &AdminRequest,
        response: AdminResponse,
    ) -> Result<AdminResponse, ClientError> {
        match success::check(request, &response) {
            Ok(()) => Ok(response),
            Err(problem) => {
                let path = request.path.split('?').next().unwrap_or_default();
                Err(ClientError::Unexpected {
                    target: self.target().to_owned(),
                    request: format!("{} {API_PATH}{path}", request.method),
                    problem,
                })
            }
        }
    }

    /// Returns the refusal in a response. If access is denied, AWS is asked for the identity.
    pub(crate) async fn refusal(
        &self,
        method: &Method,
        path: &str,
        response: &Response<Bytes>,
    ) -> Refusal {
        let resource = self.api.resource();
        let mut context = RequestContext {
            target: self.target(),
            method,
            path,
            signature: Signature::None,
        };
        if self.api.signer.is_none() {
            return Refusal::of(response, &context);
        }

        context.signature = Signature::Signed {
            identity: None,
            resource: &resource,
        };
        let refusal = Refusal::of(response, &context);
        if !refusal.is_access_denied() {
            return refusal;
        }

        context.signature = Signature::Signed {
            identity: self.api.identity().await,
            resource: &resource,
        };
        Refusal::of(response, &context)
    }
}

impl fmt::Debug for AdminClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AdminClient({})", self.target())
    }
}

fn remaining(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// Returns the pause before another attempt, or `None` if there is none.
fn pause_before_retry(
    request: &AdminRequest,
    outcome: &Result<Response<Bytes>, CallError>,
    attempt: u32,
    remaining: Duration,
) -> Option<Duration> {
    if !is_worth_a_retry(request, outcome) {
        return None;
    }
    let requested = outcome.as_ref().ok().and_then(retry_after);
    aws::retry::pause(attempt, requested, remaining, fastrand::f64())
}

/// True if another attempt is safe and may succeed.
fn is_worth_a_retry(request: &AdminRequest, outcome: &Result<Response<Bytes>, CallError>) -> bool {
    match outcome {
        Ok(response) => match response.status() {
            StatusCode::TOO_MANY_REQUESTS => true,
            StatusCode::SERVICE_UNAVAILABLE => request.is_repeatable(),
            _ => false,
        },
        // The service may be overloaded, and the operator has waited long enough.
        Err(CallError::TimedOut { .. }) => false,
        Err(error) => {
            error.is_retryable() && (error.fate() == Fate::NotApplied || request.is_repeatable())
        }
    }
}
