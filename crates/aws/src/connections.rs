//! The one connector that all AWS clients and other HTTP calls share, with its pool of connections.

use std::time::Duration;

use addresses::is_loopback;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use http_body_util::{BodyExt, Limited};
use telemetry::{EndpointKind, find_source};
use tokio::time::{Instant, timeout_at};

use crate::address::{FORBIDDEN_ADDRESS, Reach};
use crate::call_error::CallError;
use crate::cause::Cause;
use crate::connect_error::{ConnectError, ForbiddenAddressError};
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::proxy::Proxy;
use crate::resolver::Resolver;

/// Idle connections kept for one host.
const MAX_IDLE_PER_HOST: usize = 32;
/// What is read of an answer that nobody wants, so that its connection can be used again.
const MAX_DISCARDED_BYTES: usize = 64 * 1024;

/// The pool of connections. Clones share it; make one a process, in main, because that reads the
/// root certificates.
///
/// The SDK makes a pool of its own for each client and each pair of connect and read time-outs.
/// Here all clients get the same connector, so that a connection opened for one is there for all,
/// and connecting has one time-out.
#[derive(Debug, Clone)]
pub struct Connections {
    connector: SharedHttpConnector,
    /// For hosts other than this machine; it connects directly to those that the proxy excludes.
    proxied: Option<SharedHttpConnector>,
    reach: Reach,
}

impl Connections {
    /// An empty pool whose connections may reach any address. `connect` bounds name resolution, TCP
    /// and TLS together.
    #[must_use]
    pub fn new(connect: Duration) -> Self {
        Self {
            connector: connector(connect, None, None),
            proxied: None,
            reach: Reach::Any,
        }
    }

    /// An empty pool whose connections reach only what `reach` admits, names included.
    #[must_use]
    pub fn reaching(reach: Reach, connect: Duration) -> Self {
        Self {
            connector: connector(connect, Some(Resolver { reach }), None),
            proxied: None,
            reach,
        }
    }

    /// An empty pool of a developer's machine, whose https requests to other hosts go through a
    /// proxy. A deployed function has none: its proxy would reach what [`Reach::Deployed`]
    /// excludes.
    #[must_use]
    pub fn through(proxy: Option<&Proxy>, connect: Duration) -> Self {
        let resolver = || {
            Some(Resolver {
                reach: Reach::Local,
            })
        };
        let proxied = proxy.map(|proxy| connector(connect, resolver(), Some(proxy)));
        Self {
            proxied,
            ..Self::reaching(Reach::Local, connect)
        }
    }

    #[cfg(test)]
    pub(crate) fn over(connector: impl HttpConnector + 'static) -> Self {
        Self {
            connector: SharedHttpConnector::new(connector),
            proxied: None,
            reach: Reach::Any,
        }
    }

    /// Which addresses these connections may reach.
    #[must_use]
    pub const fn reach(&self) -> Reach {
        self.reach
    }

    /// The same pool as the HTTP client of an SDK configuration.
    #[must_use]
    pub fn sdk(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }

    /// Opens a connection to a host while there is nothing else to do, so that the first call finds
    /// it in the pool.
    ///
    /// Only a whole exchange leaves a connection there, so this makes one: `GET` of the address,
    /// unsigned, without credentials; any answer will do, at most 64 KiB of it are read.
    ///
    /// # Errors
    /// [`CallError::TimedOut`] and [`CallError::Transport`], which a caller may well ignore.
    pub async fn open(&self, url: &http::Uri, deadline: Deadline) -> Result<(), CallError> {
        let host = url
            .authority()
            .map_or_else(String::new, ToString::to_string);
        let began = Instant::now();
        let exchange = async {
            let request = HttpRequest::get(url.to_string())
                .map_err(|error| ConnectorError::user(error.into()))?;
            let answer = self.call(request).await?;
            // The body's own errors do not matter: the connection is then not kept, that is all.
            let _ = Limited::new(answer.into_body(), MAX_DISCARDED_BYTES)
                .collect()
                .await;
            Ok(())
        };
        match timeout_at(deadline.instant().into(), exchange).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(transport(host, error)),
            Err(_) => Err(CallError::TimedOut {
                host,
                waited: began.elapsed(),
            }),
        }
    }
}

fn connector(
    connect: Duration,
    resolver: Option<Resolver>,
    proxy: Option<&Proxy>,
) -> SharedHttpConnector {
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(connect)
        .build();
    let mut builder = Connector::builder();
    builder.set_proxy_config(proxy.map(|proxy| proxy.config.clone()));
    let builder = builder
        .connector_settings(settings)
        .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
        .tls_provider(tls::Provider::Rustls(
            tls::rustls_provider::CryptoMode::AwsLc,
        ));
    SharedHttpConnector::new(match resolver {
        Some(resolver) => builder.build_with_resolver(resolver),
        None => builder.build(),
    })
}

impl HttpConnector for Connections {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let endpoint = request
            .extension::<EndpointKind>()
            .copied()
            .unwrap_or(EndpointKind::Public);
        let is_here = || {
            request
                .uri()
                .parse::<http::Uri>()
                .ok()
                .and_then(|uri| Some(is_loopback(uri.host()?)))
        };
        let connector = self
            .proxied
            .as_ref()
            .filter(|_| is_here() == Some(false))
            .unwrap_or(&self.connector);
        let answer = connector.call(request);
        HttpConnectorFuture::new(
            async move { answer.await.map_err(|error| marked(error, endpoint)) },
        )
    }
}

/// Marks failures to connect, so that the rest of the package need not know whose errors they are.
fn marked(error: ConnectorError, endpoint: EndpointKind) -> ConnectorError {
    let before_sending = find_source::<hyper_util::client::legacy::Error>(&error)
        .is_some_and(|error| error.is_connect());
    if !before_sending {
        return error;
    }
    let timed_out = error.is_timeout();
    let failed = Box::new(ConnectError {
        endpoint,
        timed_out,
        source: error.into_source(),
    });
    let marked = if timed_out {
        ConnectorError::timeout(failed)
    } else {
        ConnectorError::io(failed)
    };
    marked.never_connected()
}

/// A connector's error as this package's.
pub(crate) fn transport(host: String, error: ConnectorError) -> CallError {
    if find_source::<ForbiddenAddressError>(&error).is_some() {
        return CallError::Address(FORBIDDEN_ADDRESS);
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
