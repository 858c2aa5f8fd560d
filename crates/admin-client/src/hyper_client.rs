//! Connections that the SDK's HTTP client cannot make: with a client certificate, or with names of
//! headers in upper case. They are made by a client of hyper with the same TLS library.

use std::fmt;
use std::time::Duration;

use aws::{Connections, Proxy, ProxyRoute};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http::Uri;
use hyper::rt::{Read, Write};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connect, Connection, HttpConnector as TcpConnector};
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use tower_service::Service;

use crate::client_certificate::CertificateError;
use crate::upper_case::UpperCaseConnector;

/// The case of the names of headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderCase {
    /// Lower case.
    Lower,
    /// Upper case, for requests without a body.
    Upper,
}

/// Returns connections with these TLS settings. They use the proxy if it is meant for the host of
/// `url`.
///
/// # Errors
/// [`CertificateError::Proxy`] if the proxy is reached by TLS.
pub(crate) fn connections(
    tls: ClientConfig,
    proxy: Option<&Proxy>,
    url: &Uri,
    connect: Duration,
    case: HeaderCase,
) -> Result<Connections, CertificateError> {
    let mut tcp = TcpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(connect));

    match proxy.and_then(|proxy| proxy.route(url)) {
        None => Ok(over(tcp, tls, case)),
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
            Ok(over(tunnel, tls, case))
        }
    }
}

/// Returns connections over `transport`, which opens TCP connections, or tunnels through a proxy.
fn over<T>(transport: T, tls: ClientConfig, case: HeaderCase) -> Connections
where
    HttpsConnector<T>: Service<Uri, Response: Connection + Read + Write + Send + Unpin + 'static>,
    HttpsConnector<T>: Connect + Clone + Send + Sync + 'static,
    UpperCaseConnector<HttpsConnector<T>>: Connect + Clone + Send + Sync + 'static,
{
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(transport);
    match case {
        HeaderCase::Lower => Connections::of(HyperClient::new(connector)),
        HeaderCase::Upper => Connections::of(HyperClient::new(UpperCaseConnector(connector))),
    }
}

/// A client of hyper. `C` opens connections.
struct HyperClient<C>(Client<C, SdkBody>);

impl<C: Connect + Clone + Send + Sync + 'static> HyperClient<C> {
    fn new(connector: C) -> Self {
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }
}

impl<C: Connect + Clone + Send + Sync + 'static> HttpConnector for HyperClient<C> {
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

impl<C> fmt::Debug for HyperClient<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HyperClient")
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
