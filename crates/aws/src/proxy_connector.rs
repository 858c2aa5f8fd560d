//! Opens connections through an HTTP proxy, for programs on a developer's machine.

use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use tower_service::Service;

use crate::connector::{DirectConnector, Opening, Stream, within};
use crate::proxy::{Proxy, ProxyRoute};

/// Opens tunnels through a proxy, and connections to the hosts that the proxy excludes.
#[derive(Clone, Debug)]
pub(crate) struct ProxyConnector {
    direct: DirectConnector,
    proxy: Proxy,
    limit: Duration,
}

impl ProxyConnector {
    /// Returns a connector. `limit` is the timeout of everything until the connection is open.
    pub(crate) const fn new(direct: DirectConnector, proxy: Proxy, limit: Duration) -> Self {
        Self {
            direct,
            proxy,
            limit,
        }
    }

    /// Opens a tunnel to the host of `url`, and TLS to the host within it.
    fn tunnel(&self, route: ProxyRoute, url: Uri) -> Result<Opening<Tunneled>, BoxError> {
        let mut tunnel = Tunnel::new(route.address, self.direct.clone());
        if let Some(authorization) = route.authorization {
            tunnel = tunnel.with_auth(authorization);
        }
        let tls = self.direct.tls().get()?;
        Ok(HttpsConnector::from((tunnel, tls)).call(url))
    }
}

/// A connection through a proxy, which may be reached by TLS itself.
type Tunneled = MaybeHttpsStream<Stream>;

impl Service<Uri> for ProxyConnector {
    type Response = Tunneled;
    type Error = BoxError;
    type Future = Opening<Tunneled>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        let Some(route) = self.proxy.route(&url) else {
            let opening = self.direct.call(url);
            return Box::pin(async move { Ok(MaybeHttpsStream::Http(opening.await?)) });
        };

        let (opening, limit) = (self.tunnel(route, url), self.limit);
        Box::pin(within(limit, async move { opening?.await }))
    }
}
