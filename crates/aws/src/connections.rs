//! The connection pool that all AWS clients and other HTTP calls share.

use std::time::Duration;

use addresses::is_loopback;
use aws_smithy_http_client::{Connector, ConnectorBuilder, tls};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::uri::Scheme;
use http_body_util::{BodyExt, Either, Limited};
use hyper::body::Incoming;
use telemetry::{EndpointKind, find_source};
use tokio::time::{Instant, timeout_at};

use crate::address::Reach;
use crate::authorities::ExtraAuthorities;
use crate::call_error::CallError;
use crate::cause::Cause;
use crate::connect_error::{ConnectError, ForbiddenAddressError};
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::lazy_connector::LazyConnector;
use crate::plain_client::{IDLE_TIMEOUT, PlainClient};
use crate::proxy::Proxy;
use crate::resolver::Resolver;

const MAX_IDLE_PER_HOST: usize = 32;
/// The part of a discarded response that is read so that its connection can be reused.
const MAX_DISCARDED_BYTES: usize = 64 * 1024;

/// The body of a response, from which nothing has been read.
pub(crate) type UnreadBody = Either<SdkBody, Incoming>;

/// A pool of connections. Clones share it. Create one per process, because creating it reads the
/// root certificates.
///
/// The SDK creates a pool for each client and each pair of connect and read timeouts. Here all
/// clients get the same connector, so a connection that one client opened serves all, and there is
/// one connect timeout.
#[derive(Debug, Clone)]
pub struct Connections {
    connector: LazyConnector,
    /// The connector for other machines. It connects directly to hosts that the proxy excludes.
    proxied: Option<SharedHttpConnector>,
    /// The client for http URLs. Without it, `connector` also calls them.
    plain: Option<PlainClient>,
    reach: Reach,
    connect: Duration,
    proxy: Option<Proxy>,
}

impl Connections {
    /// Returns a pool that may reach any address. `connect` is the timeout of name resolution, TCP
    /// and TLS together.
    #[must_use]
    pub fn new(connect: Duration) -> Self {
        Self::unrestricted(connect, &ExtraAuthorities::default())
    }

    /// Returns a pool as [`Self::new`] does that also trusts these certificate authorities.
    ///
    /// A function whose pools all come from here links one HTTP client instead of two.
    #[must_use]
    pub fn unrestricted(connect: Duration, authorities: &ExtraAuthorities) -> Self {
        Self {
            connector: LazyConnector::created(default_connector(connect, authorities)),
            proxied: None,
            plain: None,
            reach: Reach::Any,
            connect,
            proxy: None,
        }
    }

    /// Returns a pool that only reaches the addresses in `reach`, also through names.
    #[must_use]
    pub fn reaching(reach: Reach, connect: Duration) -> Self {
        Self::assembled(reach, connect, None, &ExtraAuthorities::default())
    }

    /// Returns a pool for services of the operator. At most `max_idle` connections to each host stay
    /// open while they are idle, for 50 seconds. The root certificates are read with the first https
    /// call, or by [`Self::prepare_tls`].
    #[must_use]
    pub fn for_services(reach: Reach, connect: Duration, max_idle: usize) -> Self {
        Self::to_services(reach, connect, max_idle, ExtraAuthorities::default())
    }

    fn to_services(
        reach: Reach,
        connect: Duration,
        max_idle: usize,
        authorities: ExtraAuthorities,
    ) -> Self {
        let tls = move || {
            let settings = builder(connect)
                .pool_idle_timeout(IDLE_TIMEOUT)
                .pool_max_idle_per_host(max_idle);
            checking_connector(settings, Resolver { reach }, None, &authorities)
        };

        Self {
            connector: LazyConnector::new(tls),
            proxied: None,
            plain: Some(PlainClient::new(connect, Resolver { reach }, max_idle)),
            reach,
            connect,
            proxy: None,
        }
    }

    /// Returns a pool for a developer's machine, whose https requests to other hosts use a proxy.
    ///
    /// A deployed function has no proxy, because it would reach what [`Reach::Deployed`] excludes.
    #[must_use]
    pub fn through(proxy: Option<&Proxy>, connect: Duration) -> Self {
        let authorities = ExtraAuthorities::default();
        Self::assembled(Reach::Local, connect, proxy.cloned(), &authorities)
    }

    /// Returns a new pool like this one that also trusts these certificate authorities, or this
    /// pool if there are none.
    #[must_use]
    pub fn trusting(self, authorities: &ExtraAuthorities) -> Self {
        if authorities.is_empty() {
            return self;
        }
        match self.plain {
            Some(plain) => Self::to_services(
                self.reach,
                self.connect,
                plain.max_idle(),
                authorities.clone(),
            ),
            None => Self::assembled(self.reach, self.connect, self.proxy, authorities),
        }
    }

    /// Returns a pool that uses another connector, which resolves names itself. It reaches what
    /// [`Reach::Local`] does.
    #[must_use]
    pub fn of(connector: impl HttpConnector + 'static) -> Self {
        Self {
            connector: LazyConnector::created(connector),
            proxied: None,
            plain: None,
            reach: Reach::Local,
            connect: Duration::ZERO,
            proxy: None,
        }
    }

    fn assembled(
        reach: Reach,
        connect: Duration,
        proxy: Option<Proxy>,
        authorities: &ExtraAuthorities,
    ) -> Self {
        let connector =
            |proxy| checking_connector(builder(connect), Resolver { reach }, proxy, authorities);
        Self {
            connector: LazyConnector::created(connector(None)),
            proxied: proxy.as_ref().map(|proxy| connector(Some(proxy))),
            plain: None,
            reach,
            connect,
            proxy,
        }
    }

    #[cfg(test)]
    pub(crate) fn over(connector: impl HttpConnector + 'static) -> Self {
        Self {
            connector: LazyConnector::created(connector),
            proxied: None,
            plain: None,
            reach: Reach::Any,
            connect: Duration::ZERO,
            proxy: None,
        }
    }

    /// Returns the addresses that these connections may reach.
    #[must_use]
    pub const fn reach(&self) -> Reach {
        self.reach
    }

    /// Reads the root certificates now, so that the first https call does not wait for it.
    pub fn prepare_tls(&self) {
        self.connector.get();
    }

    /// Sends a request and returns the head of the response with its unread body.
    pub(crate) async fn exchange(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<UnreadBody>, ConnectorError> {
        if let Some(plain) = &self.plain
            && request.uri().scheme() == Some(&Scheme::HTTP)
        {
            let uri = request.uri().clone();
            let response = plain.call(request).await;
            return response
                .map(|response| response.map(Either::Right))
                .map_err(|error| with_connect_error(error, EndpointKind::Public, Some(&uri)));
        }

        let request = HttpRequest::try_from(request.map(SdkBody::from))
            .map_err(|error| ConnectorError::user(error.into()))?;
        let response = self.call(request).await?;
        let response = response
            .try_into_http1x()
            .map_err(|error| ConnectorError::other(error.into(), None))?;
        Ok(response.map(Either::Left))
    }

    /// Returns the pool as the HTTP client of an SDK configuration.
    #[must_use]
    pub fn sdk(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }

    /// Opens a connection to a host ahead of the first call.
    ///
    /// Only a complete exchange leaves a connection in the pool. This sends an unsigned `GET` to
    /// the address, accepts any response, and reads at most 64 KiB of it.
    ///
    /// # Errors
    /// [`CallError::TimedOut`] or [`CallError::Transport`]. The caller may ignore them.
    pub async fn open(&self, url: &http::Uri, deadline: Deadline) -> Result<(), CallError> {
        let host = url
            .authority()
            .map_or_else(String::new, ToString::to_string);
        let began = Instant::now();

        let exchange = async {
            let request = HttpRequest::get(url.to_string())
                .map_err(|error| ConnectorError::user(error.into()))?;
            let response = self.call(request).await?;
            // If the body fails, the connection is not reused, and nothing else is lost.
            let _ = Limited::new(response.into_body(), MAX_DISCARDED_BYTES)
                .collect()
                .await;
            Ok(())
        };

        match timeout_at(deadline.instant().into(), exchange).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(call_error(host, error)),
            Err(_) => Err(CallError::TimedOut {
                host,
                waited: began.elapsed(),
            }),
        }
    }
}

/// Returns a connector with the system's name resolution. It is a function of its own, so that a
/// program without the other connector does not link a second HTTP client.
fn default_connector(connect: Duration, authorities: &ExtraAuthorities) -> SharedHttpConnector {
    let connector = builder(connect)
        .tls_provider(TLS)
        .tls_context(authorities.tls_context())
        .build();
    SharedHttpConnector::new(connector)
}

/// Returns a connector that checks each address.
fn checking_connector(
    mut builder: ConnectorBuilder,
    resolver: Resolver,
    proxy: Option<&Proxy>,
    authorities: &ExtraAuthorities,
) -> SharedHttpConnector {
    builder.set_proxy_config(proxy.map(|proxy| proxy.config.clone()));
    let connector = builder
        .tls_provider(TLS)
        .tls_context(authorities.tls_context())
        .build_with_resolver(resolver);
    SharedHttpConnector::new(connector)
}

const TLS: tls::Provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);

fn builder(connect: Duration) -> ConnectorBuilder {
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(connect)
        .build();

    Connector::builder()
        .connector_settings(settings)
        .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
}

impl HttpConnector for Connections {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let endpoint = request
            .extension::<EndpointKind>()
            .copied()
            .unwrap_or(EndpointKind::Public);
        let uri = request.uri().parse::<http::Uri>().ok();
        let is_own_machine = || uri.as_ref().and_then(|uri| Some(is_loopback(uri.host()?)));
        let connector = self
            .proxied
            .as_ref()
            .filter(|_| is_own_machine() == Some(false))
            .unwrap_or_else(|| self.connector.get());

        let response = connector.call(request);
        HttpConnectorFuture::new(async move {
            response
                .await
                .map_err(|error| with_connect_error(error, endpoint, uri.as_ref()))
        })
    }
}

/// Returns the host and port of a URL, without user info.
fn host_and_port(uri: &http::Uri) -> String {
    let host = uri.host().unwrap_or_default();
    match uri.port_u16() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Wraps failures to connect in [`ConnectError`], whichever library reports them.
fn with_connect_error(
    error: ConnectorError,
    endpoint: EndpointKind,
    uri: Option<&http::Uri>,
) -> ConnectorError {
    let nothing_sent = find_source::<hyper_util::client::legacy::Error>(&error)
        .is_some_and(|error| error.is_connect());
    if !nothing_sent {
        return error;
    }

    let timed_out = error.is_timeout();
    let connect_error = Box::new(ConnectError {
        host: uri.map(host_and_port).unwrap_or_default(),
        endpoint,
        timed_out,
        source: error.into_source(),
    });
    let error = if timed_out {
        ConnectorError::timeout(connect_error)
    } else {
        ConnectorError::io(connect_error)
    };
    error.never_connected()
}

/// Returns a connector's error as a [`CallError`].
pub(crate) fn call_error(host: String, error: ConnectorError) -> CallError {
    if let Some(forbidden) = find_source::<ForbiddenAddressError>(&error) {
        return CallError::Address(forbidden.reason);
    }

    let Failure { kind, fate, .. } = Failure::of_connector(&error);
    CallError::Transport {
        host,
        kind,
        fate,
        cause: Cause::of(&error),
        source: error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_read_certificates(connections: &Connections) -> bool {
        format!("{:?}", connections.connector) == "LazyConnector(true)"
    }

    #[tokio::test]
    async fn http_call_of_a_service_reads_no_certificates() {
        let connections = Connections::for_services(Reach::Any, Duration::from_secs(1), 8);
        let request = |url| http::Request::get(url).body(Bytes::new()).unwrap();

        let refused = connections.exchange(request("http://127.0.0.1:9/")).await;
        assert!(refused.is_err());
        assert!(!has_read_certificates(&connections));

        let refused = connections
            .clone()
            .exchange(request("https://127.0.0.1:9/"))
            .await;
        assert!(refused.is_err());
        assert!(has_read_certificates(&connections));
    }

    #[test]
    fn certificates_can_be_read_at_startup() {
        let connections = Connections::for_services(Reach::Any, Duration::from_secs(1), 8);
        connections.prepare_tls();
        assert!(has_read_certificates(&connections));
    }
}
