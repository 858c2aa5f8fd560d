//! The client for http URLs of [`Connections::for_services`](crate::Connections::for_services).
//!
//! The connector of the SDK converts each request and response, and loads the root certificates
//! even if no URL is https. This client does neither.

use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::client::dns::ResolveDns;
use aws_smithy_runtime_api::client::result::ConnectorError;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use telemetry::error_sources;
use tokio::time::timeout;
use tower_service::Service;

use crate::resolver::Resolver;

/// The time after which an idle connection is closed. It is below 60 s, the default idle timeout of
/// an Application Load Balancer, so that the load balancer does not close a connection first.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(50);
/// The read buffer of a connection, and so the size of the largest head of a response.
const MAX_BUFFER_BYTES: usize = 64 * 1024;

/// A client of hyper for http URLs. Clones share its connections.
#[derive(Clone, Debug)]
pub(crate) struct PlainClient {
    client: Client<HttpConnector<TimedResolver>, Full<Bytes>>,
    max_idle: usize,
}

impl PlainClient {
    /// Returns a client that calls the addresses that `resolver` admits.
    pub(crate) fn new(connect: Duration, resolver: Resolver, max_idle: usize) -> Self {
        let resolver = TimedResolver {
            resolver,
            limit: connect,
        };
        let mut connector = HttpConnector::new_with_resolver(resolver);
        connector.set_connect_timeout(Some(connect));
        connector.set_nodelay(true);

        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(max_idle)
            .http1_max_buf_size(MAX_BUFFER_BYTES)
            .build(connector);
        Self { client, max_idle }
    }

    /// Returns the number of connections to a host that may stay open while they are idle.
    pub(crate) const fn max_idle(&self) -> usize {
        self.max_idle
    }

    /// Sends a request and waits for the head of the response. A request that was certainly not sent,
    /// because an idle connection was closed, is sent again on another connection.
    pub(crate) async fn call(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<Incoming>, ConnectorError> {
        let response = self.client.request(request.map(Full::new)).await;
        response.map_err(connector_error)
    }
}

/// Returns the error of hyper as that of a connector.
fn connector_error(error: Error) -> ConnectorError {
    let is_timeout = |source: &(dyn StdError + 'static)| {
        let error = source.downcast_ref::<io::Error>();
        error.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
    };

    if error.is_connect() && error_sources(&error).any(is_timeout) {
        ConnectorError::timeout(error.into())
    } else {
        ConnectorError::io(error.into())
    }
}

/// A resolver with a timeout, for the connector of hyper.
#[derive(Clone, Debug)]
struct TimedResolver {
    resolver: Resolver,
    limit: Duration,
}

type Resolution = Pin<Box<dyn Future<Output = Result<Addresses, BoxError>> + Send>>;
type Addresses = std::vec::IntoIter<SocketAddr>;
type BoxError = Box<dyn StdError + Send + Sync>;

impl Service<Name> for TimedResolver {
    type Response = Addresses;
    type Error = BoxError;
    type Future = Resolution;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self { resolver, limit } = self.clone();
        Box::pin(async move {
            let resolution = resolver.resolve_dns(name.as_str());
            let addresses = timeout(limit, resolution)
                .await
                .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;

            let addresses: Vec<_> = addresses
                .into_iter()
                .map(|address| SocketAddr::new(address, 0))
                .collect();
            Ok(addresses.into_iter())
        })
    }
}
