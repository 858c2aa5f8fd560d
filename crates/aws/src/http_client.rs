//! The HTTP client of all calls: a client of hyper that the AWS SDK can use.
//!
//! `aws-smithy-http-client` has the same purpose. It also contains HTTP/2, a second pool and the
//! reader of the system's certificates, and creates its TLS settings with the client.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use http::{Extensions, Request, Response};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::{
    CaptureConnection, Connect, HttpInfo, capture_connection,
};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use telemetry::{error_sources, find_source};

/// The read buffer of a connection, and so the size of the largest head of a response.
const MAX_BUFFER_BYTES: usize = 64 * 1024;

/// The idle connections of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pool {
    /// The number of connections to each host that may stay open while they are idle.
    pub(crate) max_idle: usize,
    /// The time after which an idle connection is closed.
    pub(crate) idle_timeout: Duration,
}

/// A client of hyper. `C` opens connections. Clones share them.
#[derive(Clone)]
pub(crate) struct HttpClient<C>(Client<C, SdkBody>);

impl<C: Connect + Clone + Send + Sync + 'static> HttpClient<C> {
    /// Returns a client without connections.
    pub(crate) fn new(connector: C, pool: Pool) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(pool.idle_timeout)
            .pool_max_idle_per_host(pool.max_idle)
            .http1_max_buf_size(MAX_BUFFER_BYTES)
            .build(connector);
        Self(client)
    }

    /// Sends a request and waits for the head of the response. A request that was certainly not
    /// sent, because an idle connection was closed, is sent again on another connection.
    ///
    /// # Errors
    /// [`ConnectorError`] if there is no response.
    pub(crate) async fn exchange(
        &self,
        request: Request<SdkBody>,
    ) -> Result<Response<Incoming>, ConnectorError> {
        self.0.request(request).await.map_err(connector_error)
    }
}

impl<C: Connect + Clone + Send + Sync + 'static> HttpConnector for HttpClient<C> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        };
        let connection = capture_connection(&mut request);
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            capture.set_connection_retriever(move || connection_metadata(&connection));
        }

        let client = self.clone();
        HttpConnectorFuture::new(async move {
            let response = client.exchange(request).await?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

impl<C> fmt::Debug for HttpClient<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HttpClient")
    }
}

/// Returns the description of a connection through which the SDK closes it after a transient error.
fn connection_metadata(captured: &CaptureConnection) -> Option<ConnectionMetadata> {
    let mut extras = Extensions::new();
    let is_proxied = {
        let connected = captured.connection_metadata();
        let connected = connected.as_ref()?;
        connected.get_extras(&mut extras);
        connected.is_proxied()
    };

    let info = extras.get::<HttpInfo>();
    let captured = captured.clone();
    let mut metadata = ConnectionMetadata::builder()
        .proxied(is_proxied)
        .poison_fn(move || {
            if let Some(connected) = captured.connection_metadata().as_ref() {
                connected.poison();
            }
        });
    metadata
        .set_local_addr(info.map(HttpInfo::local_addr))
        .set_remote_addr(info.map(HttpInfo::remote_addr));
    Some(metadata.build())
}

/// Returns the error of hyper as that of a connector, so that the SDK retries the same failures as
/// with its own client.
fn connector_error(error: Error) -> ConnectorError {
    let has_io = |is_kind: fn(io::ErrorKind) -> bool| {
        error_sources(&error).any(|source: &(dyn StdError + 'static)| {
            source
                .downcast_ref::<io::Error>()
                .is_some_and(|source| is_kind(source.kind()))
        })
    };

    if error.is_connect() {
        return if has_io(|kind| kind == io::ErrorKind::TimedOut) {
            ConnectorError::timeout(error.into())
        } else {
            ConnectorError::io(error.into())
        };
    }
    let Some(exchange) = find_source::<hyper::Error>(&error) else {
        return ConnectorError::io(error.into());
    };

    if exchange.is_timeout() {
        ConnectorError::timeout(error.into())
    } else if exchange.is_user() {
        ConnectorError::user(error.into())
    } else if exchange.is_incomplete_message() {
        ConnectorError::other(error.into(), Some(ErrorKind::TransientError))
    } else if exchange.is_closed() || exchange.is_canceled() || has_io(|_| true) {
        ConnectorError::io(error.into())
    } else {
        ConnectorError::other(error.into(), None)
    }
}
