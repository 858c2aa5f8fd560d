//! Connections with a client certificate.
//!
//! The SDK's HTTP client cannot present one, so this is a client of hyper with the same TLS library.

use std::fmt;
use std::time::Duration;

use aws::{Connections, Proxy, ProxyRoute};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connect, HttpConnector as TcpConnector};
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;

use crate::client_certificate::CertificateError;

/// Returns connections that present the certificate in `tls`. They use the proxy if it is meant for
/// the host of `url`.
///
/// # Errors
/// [`CertificateError::Proxy`] if the proxy is reached by TLS.
pub(crate) fn connections(
    tls: ClientConfig,
    proxy: Option<&Proxy>,
    url: &Uri,
    connect: Duration,
) -> Result<Connections, CertificateError> {
    let mut tcp = TcpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(connect));

    match proxy.and_then(|proxy| proxy.route(url)) {
        None => Ok(Connections::of(MutualTls::new(tcp, tls))),
        Some(ProxyRoute { address, .. }) if address.scheme_str() != Some("http") => {
            Err(CertificateError::Proxy)
        }
        Some(ProxyRoute {
            address,
            authorization,
        }) => {
            let mut tunnel = Tunnel::new(address, tcp);
            if let Some(authorization) = authorization {
                tunnel = tunnel.with_auth(authorization);
            }
            Ok(Connections::of(MutualTls::new(tunnel, tls)))
        }
    }
}

/// A client of hyper. `C` opens TCP connections, or tunnels through a proxy.
struct MutualTls<C>(Client<HttpsConnector<C>, SdkBody>);

impl<C> MutualTls<C>
where
    HttpsConnector<C>: Connect + Clone + Send + Sync + 'static,
{
    fn new(transport: C, tls: ClientConfig) -> Self {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_only()
            .enable_http1()
            .wrap_connector(transport);
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }
}

impl<C> HttpConnector for MutualTls<C>
where
    HttpsConnector<C>: Connect + Clone + Send + Sync + 'static,
{
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        };
        let response = self.0.request(request);
        HttpConnectorFuture::new(async move { to_sdk(response.await) })
    }
}

impl<C> fmt::Debug for MutualTls<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MutualTls")
    }
}

/// Returns a response of hyper as one of the SDK.
fn to_sdk(
    outcome: Result<http::Response<hyper::body::Incoming>, legacy::Error>,
) -> Result<HttpResponse, ConnectorError> {
    let response = outcome.map_err(|error| ConnectorError::io(error.into()))?;
    HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
        .map_err(|error| ConnectorError::other(error.into(), None))
}
