//! Opens connections without a proxy.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use http::Uri;
use http::uri::Scheme;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

use crate::resolver::Resolver;
use crate::tls::LazyTls;

/// A TCP connection, with TLS for an https URL.
pub(crate) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;
/// A connection that is being opened.
pub(crate) type Opening<S> = Pin<Box<dyn Future<Output = Result<S, BoxError>> + Send>>;

/// Opens TCP and TLS connections to the addresses that a resolver admits.
#[derive(Clone, Debug)]
pub(crate) struct DirectConnector {
    tcp: HttpConnector<Resolver>,
    tls: LazyTls,
    limit: Duration,
}

impl DirectConnector {
    /// Returns a connector. `limit` is the timeout of name resolution, TCP and TLS together.
    pub(crate) fn new(resolver: Resolver, tls: LazyTls, limit: Duration) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        Self { tcp, tls, limit }
    }

    /// Returns a connector like this one that divides the timeout among the addresses of a name,
    /// so that the next address is tried if one does not respond.
    pub(crate) fn trying_each_address(mut self) -> Self {
        self.tcp.set_connect_timeout(Some(self.limit));
        self
    }

    /// Returns the TLS settings.
    pub(crate) const fn tls(&self) -> &LazyTls {
        &self.tls
    }

    /// Opens a connection without a timeout.
    fn open(&self, url: Uri) -> Result<Opening<Stream>, BoxError> {
        let mut tcp = self.tcp.clone();
        if url.scheme() == Some(&Scheme::HTTP) {
            let opening = tcp.call(url);
            return Ok(Box::pin(async move {
                Ok(MaybeHttpsStream::Http(opening.await?))
            }));
        }
        Ok(HttpsConnector::from((tcp, self.tls.get()?)).call(url))
    }
}

impl Service<Uri> for DirectConnector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Opening<Stream>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        let (opening, limit) = (self.open(url), self.limit);
        Box::pin(within(limit, async move { opening?.await }))
    }
}

/// Waits until a connection is open, for at most `limit`.
pub(crate) async fn within<S>(
    limit: Duration,
    opening: impl Future<Output = Result<S, BoxError>>,
) -> Result<S, BoxError> {
    timeout(limit, opening)
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}
