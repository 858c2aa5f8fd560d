//! The HTTP/1.1 client of the backend.

use std::io;
use std::time::{Duration, Instant};

use http::header::CONTENT_LENGTH;
use http::uri::{Authority, Scheme};
use http::{Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::request_body::RequestBody;

/// A load balancer's timeout for connecting to a target.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_IDLE_CONNECTIONS: usize = 256;
/// The read buffer of a connection. It is larger than any head: API Gateway accepts 10,240 bytes.
const READ_BUFFER_BYTES: usize = 32 * 1024;
/// The most memory that the buffers of a response take while its client does not read: read ahead,
/// in transit, and to be written.
pub(super) const MAX_BUFFERED_RESPONSE_BYTES: usize = 6 * READ_BUFFER_BYTES;

/// The backend of HTTP integrations, with its connection pool.
#[derive(Debug)]
pub(super) struct Backend {
    authority: Option<Authority>,
    client: Client<HttpConnector, RequestBody>,
}

/// The reasons why the backend has no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BackendError {
    /// The integration's timeout has passed.
    Timeout,
    /// The target is unreachable or its response is invalid. The status is the load balancer's.
    Target(StatusCode),
}

impl Backend {
    /// `uri` is `http://HOST:PORT`.
    pub(super) fn new(uri: &Uri) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
            .pool_timer(TokioTimer::new())
            .http1_max_buf_size(READ_BUFFER_BYTES)
            .build(connector);

        Self {
            authority: uri.authority().cloned(),
            client,
        }
    }

    /// The URI of a path on the backend.
    pub(super) fn address(&self, path_and_query: &str) -> Option<Uri> {
        let builder = Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.authority.clone()?);
        builder.path_and_query(path_and_query).build().ok()
    }

    /// Sends a request and waits for the head of the response.
    pub(super) async fn call(
        &self,
        request: Request<RequestBody>,
        deadline: Instant,
    ) -> Result<Response<Incoming>, BackendError> {
        match tokio::time::timeout_at(deadline.into(), self.client.request(request)).await {
            Ok(Ok(response)) if is_valid(&response) => Ok(response),
            Ok(Ok(_)) => Err(BackendError::Target(StatusCode::BAD_GATEWAY)),
            Ok(Err(error)) => Err(BackendError::Target(status_for(&error))),
            Err(_) => Err(BackendError::Timeout),
        }
    }
}

/// False for a protocol switch, which was not requested, and for several lengths.
fn is_valid(response: &Response<Incoming>) -> bool {
    let lengths = response.headers().get_all(CONTENT_LENGTH).iter().count();
    response.status() != StatusCode::SWITCHING_PROTOCOLS && lengths <= 1
}

/// 504 if connecting timed out, 502 for every other failure of a target.
fn status_for(error: &Error) -> StatusCode {
    let mut io_errors =
        telemetry::error_sources(error).filter_map(|source| source.downcast_ref::<io::Error>());

    if error.is_connect() && io_errors.any(|error| error.kind() == io::ErrorKind::TimedOut) {
        StatusCode::GATEWAY_TIMEOUT
    } else {
        StatusCode::BAD_GATEWAY
    }
}
