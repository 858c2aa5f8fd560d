//! The backend, over HTTP/1.1.

use std::error::Error as _;
use std::io;
use std::time::{Duration, Instant};

use http::header::CONTENT_LENGTH;
use http::uri::{Authority, Scheme};
use http::{Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::body::RequestBody;

/// As long as a load balancer waits for a connection to a target.
const CONNECT: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(30);
const IDLE_CONNECTIONS: usize = 256;
/// The most bytes of a response that are read ahead. Heads are smaller: API Gateway takes 10,240
/// bytes.
const READ_BUFFER: usize = 32 * 1024;
/// What a response takes in buffers at most, while its client does not read: read ahead, on its
/// way, and to be written.
pub(super) const BUFFERED_RESPONSE: usize = 6 * READ_BUFFER;

/// Where integrations lead, with connections kept for reuse.
#[derive(Debug)]
pub struct Backend {
    authority: Option<Authority>,
    client: Client<HttpConnector, RequestBody>,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// The time of the integration is over.
    TooLate,
    /// What a load balancer says of a target that cannot be reached or breaks off.
    Target(StatusCode),
}

impl Backend {
    /// `uri` is `http://host:port`.
    pub(super) fn new(uri: &Uri) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .pool_timer(TokioTimer::new())
            .http1_max_buf_size(READ_BUFFER)
            .build(connector);
        Self {
            authority: uri.authority().cloned(),
            client,
        }
    }

    /// The address of a path on the backend.
    pub(super) fn address(&self, path_and_query: &str) -> Option<Uri> {
        let builder = Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.authority.clone()?);
        builder.path_and_query(path_and_query).build().ok()
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn call(
        &self,
        request: Request<RequestBody>,
        deadline: Instant,
    ) -> Result<Response<Incoming>, NoAnswer> {
        match tokio::time::timeout_at(deadline.into(), self.client.request(request)).await {
            Ok(Ok(response)) if makes_sense(&response) => Ok(response),
            Ok(Ok(_)) => Err(NoAnswer::Target(StatusCode::BAD_GATEWAY)),
            Ok(Err(error)) => Err(NoAnswer::Target(status_for(&error))),
            Err(_) => Err(NoAnswer::TooLate),
        }
    }
}

/// Neither a switch of protocols that nobody asked for, nor two lengths.
fn makes_sense(response: &Response<Incoming>) -> bool {
    let lengths = response.headers().get_all(CONTENT_LENGTH).iter().count();
    response.status() != StatusCode::SWITCHING_PROTOCOLS && lengths <= 1
}

/// 504 where a connection takes too long, 502 for whatever else goes wrong with a target.
fn status_for(error: &Error) -> StatusCode {
    let mut source = error.source();
    while let Some(cause) = source {
        let timed_out = cause
            .downcast_ref::<io::Error>()
            .is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut);
        if timed_out && error.is_connect() {
            return StatusCode::GATEWAY_TIMEOUT;
        }
        source = cause.source();
    }
    StatusCode::BAD_GATEWAY
}
