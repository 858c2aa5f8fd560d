//! The connection pool that all AWS clients and other HTTP calls share.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::{BodyExt, Either, Limited};
use hyper::body::Incoming;
use telemetry::{EndpointKind, find_source};
use tokio::time::{Instant, timeout_at};

use crate::address::Reach;
use crate::authorities::ExtraAuthorities;
use crate::call_error::CallError;
use crate::cause::Cause;
use crate::connect_error::{ConnectError, ForbiddenAddressError};
use crate::connector::DirectConnector;
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::http_client::{HttpClient, Pool};
use crate::proxy::Proxy;
use crate::proxy_connector::ProxyConnector;
use crate::resolver::Resolver;
use crate::tls::LazyTls;

/// The pool of calls that are not to services of the operator.
const DEFAULT_POOL: Pool = Pool {
    max_idle: 32,
    idle_timeout: Duration::from_secs(90),
};
/// The idle timeout of connections to services. It is below 60 s, the default of an Application Load
/// Balancer, so that the load balancer does not close a connection first.
const SERVICE_IDLE_TIMEOUT: Duration = Duration::from_secs(50);
/// The part of a discarded response that is read so that its connection can be reused.
const MAX_DISCARDED_BYTES: usize = 64 * 1024;

/// The body of a response, from which nothing has been read.
pub(crate) type UnreadBody = Either<SdkBody, Incoming>;

/// A pool of connections. Clones share it. Create one per process and purpose.
///
/// The SDK creates a pool for each client and each pair of connect and read timeouts. Here all
/// clients get the same connector, so a connection that one client opened serves all, and there is
/// one connect timeout. TLS settings are created with the first https connection.
#[derive(Debug, Clone)]
pub struct Connections {
    client: PooledClient,
    settings: Settings,
}

/// The settings of a pool.
#[derive(Debug, Clone)]
struct Settings {
    reach: Reach,
    connect: Duration,
    pool: Pool,
    /// True if the connect timeout is divided among the addresses of a name.
    divide_timeout: bool,
    proxied: Option<Proxied>,
    tls: LazyTls,
}

/// A proxy and the constructor of its client. It is a pointer, so that a function without a proxy
/// does not link the client.
#[derive(Debug, Clone)]
struct Proxied {
    proxy: Proxy,
    client: fn(DirectConnector, Proxy, &Settings) -> SharedHttpConnector,
}

#[derive(Debug, Clone)]
enum PooledClient {
    Direct(HttpClient<DirectConnector>),
    /// A client that is shared with the SDK as it is.
    Other(SharedHttpConnector),
}

impl Connections {
    /// Returns a pool that may reach any address. `connect` is the timeout of name resolution, TCP
    /// and TLS together.
    #[must_use]
    pub fn new(connect: Duration) -> Self {
        Self::reaching(Reach::Any, connect)
    }

    /// Returns a pool that only reaches the addresses in `reach`, also through names.
    #[must_use]
    pub fn reaching(reach: Reach, connect: Duration) -> Self {
        Self::with_settings(Settings::new(reach, connect))
    }

    /// Returns a pool for services of the operator. At most `max_idle` connections to each host stay
    /// open while they are idle, for 50 seconds.
    #[must_use]
    pub fn for_services(reach: Reach, connect: Duration, max_idle: usize) -> Self {
        Self::with_settings(Settings {
            pool: Pool {
                max_idle,
                idle_timeout: SERVICE_IDLE_TIMEOUT,
            },
            divide_timeout: true,
            ..Settings::new(reach, connect)
        })
    }

    /// Returns a pool for a developer's machine, whose https requests to other hosts use a proxy.
    ///
    /// A deployed function has no proxy, because it would reach what [`Reach::Deployed`] excludes.
    #[must_use]
    pub fn through(proxy: Option<&Proxy>, connect: Duration) -> Self {
        let proxied = proxy.map(|proxy| Proxied {
            proxy: proxy.clone(),
            client: proxied_client,
        });
        Self::with_settings(Settings {
            proxied,
            ..Settings::new(Reach::Local, connect)
        })
    }

    /// Returns a new pool like this one that also trusts these certificate authorities, or this
    /// pool if there are none.
    #[must_use]
    pub fn trusting(self, authorities: &ExtraAuthorities) -> Self {
        if authorities.is_empty() {
            return self;
        }
        Self::with_settings(Settings {
            tls: LazyTls::new(authorities.clone()),
            ..self.settings
        })
    }

    /// Returns a pool that uses another connector, which resolves names itself. It reaches what
    /// [`Reach::Local`] does.
    #[must_use]
    pub fn of(connector: impl HttpConnector + 'static) -> Self {
        Self::over(connector, Reach::Local)
    }

    pub(crate) fn over(connector: impl HttpConnector + 'static, reach: Reach) -> Self {
        Self {
            client: PooledClient::Other(SharedHttpConnector::new(connector)),
            settings: Settings::new(reach, Duration::ZERO),
        }
    }

    fn with_settings(settings: Settings) -> Self {
        let resolver = Resolver {
            reach: settings.reach,
        };
        let mut connector = DirectConnector::new(resolver, settings.tls.clone(), settings.connect);
        if settings.divide_timeout {
            connector = connector.trying_each_address();
        }

        let client = match &settings.proxied {
            None => PooledClient::Direct(HttpClient::new(connector, settings.pool)),
            Some(Proxied { proxy, client }) => {
                PooledClient::Other(client(connector, proxy.clone(), &settings))
            }
        };
        Self { client, settings }
    }

    /// Returns the addresses that these connections may reach.
    #[must_use]
    pub const fn reach(&self) -> Reach {
        self.settings.reach
    }

    /// Creates the TLS settings now, so that the first https call does not wait for it.
    pub fn prepare_tls(&self) {
        // An error is reported by each call.
        let _ = self.settings.tls.get();
    }

    /// Sends a request and returns the head of the response with its unread body.
    pub(crate) async fn exchange(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<UnreadBody>, ConnectorError> {
        let request = request.map(SdkBody::from);
        let PooledClient::Direct(client) = &self.client else {
            return self.exchange_with_sdk(request).await;
        };

        let uri = request.uri().clone();
        let response = client.exchange(request).await;
        response
            .map(|response| response.map(Either::Right))
            .map_err(|error| with_connect_error(error, EndpointKind::Public, Some(&uri)))
    }

    async fn exchange_with_sdk(
        &self,
        request: http::Request<SdkBody>,
    ) -> Result<http::Response<UnreadBody>, ConnectorError> {
        let request =
            HttpRequest::try_from(request).map_err(|error| ConnectorError::user(error.into()))?;
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

impl Settings {
    fn new(reach: Reach, connect: Duration) -> Self {
        Self {
            reach,
            connect,
            pool: DEFAULT_POOL,
            divide_timeout: false,
            proxied: None,
            tls: LazyTls::new(ExtraAuthorities::default()),
        }
    }
}

fn proxied_client(
    direct: DirectConnector,
    proxy: Proxy,
    settings: &Settings,
) -> SharedHttpConnector {
    let connector = ProxyConnector::new(direct, proxy, settings.connect);
    SharedHttpConnector::new(HttpClient::new(connector, settings.pool))
}

impl HttpConnector for Connections {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let endpoint = request
            .extension::<EndpointKind>()
            .copied()
            .unwrap_or(EndpointKind::Public);
        let uri = request.uri().parse::<http::Uri>().ok();

        let response = match &self.client {
            PooledClient::Direct(client) => client.call(request),
            PooledClient::Other(connector) => connector.call(request),
        };
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

    fn has_tls_settings(connections: &Connections) -> bool {
        format!("{:?}", connections.settings.tls) == "LazyTls(true)"
    }

    #[tokio::test]
    async fn tls_settings_are_created_with_the_first_https_call() {
        let connections = Connections::for_services(Reach::Any, Duration::from_secs(1), 8);
        let request = |url| http::Request::get(url).body(Bytes::new()).unwrap();

        let refused = connections.exchange(request("http://127.0.0.1:9/")).await;
        assert!(refused.is_err());
        assert!(!has_tls_settings(&connections));

        let refused = connections
            .clone()
            .exchange(request("https://127.0.0.1:9/"))
            .await;
        assert!(refused.is_err());
        assert!(has_tls_settings(&connections));
    }

    #[test]
    fn tls_settings_can_be_created_at_startup() {
        let connections = Connections::for_services(Reach::Any, Duration::from_secs(1), 8);
        connections.prepare_tls();
        assert!(has_tls_settings(&connections));
    }
}
