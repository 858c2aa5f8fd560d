//! The client: requests, retries and deadlines.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws::{CallError, Connections, ExtraAuthorities, Fate, HttpCall, HttpCalls, Proxy, Replay};
use bytes::Bytes;
use http::header::{ACCEPT, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::{Request, Response, StatusCode, Uri};
use telemetry::RecordLog;

use crate::error::ClientError;
use crate::options::TargetOptions;
use crate::pages::Pages;
use crate::request::AdminRequest;
use crate::response::AdminResponse;
use crate::target::{BaseUrl, Place};

/// The time for name resolution, TCP and TLS, also from far away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);
/// The time for one attempt. It exceeds API Gateway's timeout of 30 s.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(35);
/// The time for all attempts and the pauses between them.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(75);
/// The largest response. API Gateway sends at most 10 MB.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
/// The path of the API below the URL of a target.
const API_PATH: &str = "/_tollgate/v1";
const USER_AGENT_VALUE: HeaderValue =
    HeaderValue::from_static(concat!("tollgate/", env!("CARGO_PKG_VERSION")));

/// A client of one admin API. Clones share its connections.
#[derive(Clone)]
pub struct AdminClient {
    inner: Arc<Inner>,
}

struct Inner {
    calls: HttpCalls,
    base: BaseUrl,
    target: String,
}

impl AdminClient {
    /// Finds the API that the options, or else the environment, select. Nothing is sent to it.
    ///
    /// # Errors
    /// [`ClientError`] if the options or the settings of the environment are invalid.
    pub async fn connect(options: &TargetOptions) -> Result<Self, ClientError> {
        let lookup = |name: &str| std::env::var(name).ok();
        let base = match Place::select(options, lookup)? {
            Place::Url(base) => base,
            // The output of a stack is read once requests can be signed.
            Place::Stack(_) => return Err(ClientError::Unsigned),
        };

        Ok(Self {
            inner: Arc::new(Inner {
                calls: http_calls(lookup)?,
                target: base.as_str().to_owned(),
                base,
            }),
        })
    }

    /// Returns the target for messages: its URL.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.inner.target
    }

    /// Sends a request and returns the response if its status is 200 to 299.
    ///
    /// Failed connections and 429 are retried, and 503 with `Retry-After` if the request is a
    /// `GET` or has an `Idempotency-Key`. Redirects are not followed.
    ///
    /// # Errors
    /// [`ClientError`] if there is no response, or another status.
    pub async fn send(&self, request: AdminRequest) -> Result<AdminResponse, ClientError> {
        let deadline = tokio::time::Instant::now() + REQUEST_TIMEOUT;

        let mut attempt = 1;
        loop {
            let outcome = self.attempt(&request).await?;
            let remaining = deadline.saturating_duration_since(tokio::time::Instant::now());
            let pause = is_worth_a_retry(&request, &outcome)
                .then(|| {
                    aws::retry::pause(attempt, retry_after(&outcome), remaining, fastrand::f64())
                })
                .flatten();
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return self.result(outcome),
            }
            attempt += 1;
        }
    }

    /// Sends a `GET` request.
    ///
    /// # Errors
    /// As [`Self::send`].
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
    ) -> Result<Result<Response<Bytes>, CallError>, ClientError> {
        let call = HttpCall {
            service: "tollgate",
            operation: "AdminApi",
            request: self.http_request(request)?,
            replay: Replay::Never,
        };
        Ok(self.inner.calls.send_once(call, ATTEMPT_TIMEOUT).await)
    }

    fn http_request(&self, request: &AdminRequest) -> Result<Request<Bytes>, ClientError> {
        let url = format!("{}{API_PATH}{}", self.inner.base.as_str(), request.path);
        let invalid_path = || ClientError::InvalidPath {
            path: request
                .path
                .split('?')
                .next()
                .unwrap_or_default()
                .to_owned(),
        };
        let uri: Uri = url.parse().map_err(|_| invalid_path())?;

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

    fn result(
        &self,
        outcome: Result<Response<Bytes>, CallError>,
    ) -> Result<AdminResponse, ClientError> {
        match outcome {
            Ok(response) if response.status().is_success() => {
                Ok(AdminResponse::from_http(response))
            }
            Ok(response) => Err(ClientError::of_response(&response)),
            Err(error) => Err(ClientError::Unreachable {
                target: self.target().to_owned(),
                error,
            }),
        }
    }
}

impl fmt::Debug for AdminClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AdminClient({})", self.target())
    }
}

/// Returns an HTTP client with the proxy and the certificate authorities of the environment.
fn http_calls(lookup: impl Fn(&str) -> Option<String>) -> Result<HttpCalls, ClientError> {
    let proxy = Proxy::from_lookup(&lookup)?;
    aws::check_system_authorities(&lookup)?;
    let authorities = match lookup("EXTRA_CA_CERTS").filter(|path| !path.is_empty()) {
        Some(path) => ExtraAuthorities::read("EXTRA_CA_CERTS", &path)?,
        None => ExtraAuthorities::default(),
    };

    let connections = Connections::through(proxy.as_ref(), CONNECT_TIMEOUT).trusting(&authorities);
    let records = RecordLog::to(io::sink());
    Ok(HttpCalls::new(connections, records, MAX_BODY_BYTES))
}

/// True if another attempt is safe and may succeed.
fn is_worth_a_retry(request: &AdminRequest, outcome: &Result<Response<Bytes>, CallError>) -> bool {
    match outcome {
        Ok(response) => match response.status() {
            StatusCode::TOO_MANY_REQUESTS => true,
            StatusCode::SERVICE_UNAVAILABLE => request.is_repeatable(),
            _ => false,
        },
        Err(error) => {
            error.is_retryable() && (error.fate() == Fate::NotApplied || request.is_repeatable())
        }
    }
}

/// Returns the pause that the response asks for.
fn retry_after(outcome: &Result<Response<Bytes>, CallError>) -> Option<Duration> {
    let header = outcome.as_ref().ok()?.headers().get(RETRY_AFTER)?;
    aws::retry::retry_after(header.to_str().ok()?, SystemTime::now())
}
