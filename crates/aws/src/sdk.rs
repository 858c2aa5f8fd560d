//! The one place that configures AWS clients.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;
use aws_smithy_runtime_api::client::retries::classifiers::SharedRetryClassifier;
use telemetry::RecordLog;
use tokio::task::JoinSet;

use crate::call_error::CallError;
use crate::connections::Connections;
use crate::deadline::Deadline;
use crate::endpoint::Endpoints;
use crate::endpoint_fallback::EndpointFallback;
use crate::record_interceptor::RecordInterceptor;
use crate::retry::Retries;
use crate::timeouts::Timeouts;

/// What all AWS clients of a process share. Made once, in main.
#[derive(Debug, Clone)]
pub struct AwsCalls {
    sdk: SdkConfig,
    connections: Connections,
    endpoints: Endpoints,
    records: RecordLog,
}

/// What the clients of one service are made from; [`client!`](crate::client) puts it together.
#[derive(Debug, Clone)]
pub struct ServiceConfig {
    config: SdkConfig,
    record: SharedInterceptor,
    route: EndpointFallback,
}

impl AwsCalls {
    /// Reads region, endpoints and credentials through `lookup`. Without credentials there the
    /// SDK's default chain is asked, at the first call. `timeouts` hold for every call that does
    /// not bring its own; its `connect` holds for all, so they are those of the most urgent calls:
    /// an attempt that ends while it still connects is a time-out with unknown outcome, and does
    /// not fall back.
    ///
    /// # Errors
    /// [`CallError::Setting`] for the first setting that cannot be used.
    pub async fn load(
        lookup: impl Fn(&str) -> Option<String>,
        timeouts: Timeouts,
        records: RecordLog,
    ) -> Result<Self, CallError> {
        let endpoints = Endpoints::from_settings(&lookup)?;
        let connections = Connections::new(timeouts.connect);
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(endpoints.region.clone()))
            .retry_config(Retries::Standard.sdk(false))
            .timeout_config(timeouts.sdk())
            .http_client(connections.sdk());
        if let Some(url) = &endpoints.public {
            loader = loader.endpoint_url(url.to_string());
        }
        if let Some(credentials) = credentials(&lookup) {
            loader = loader.credentials_provider(credentials);
        }
        Ok(Self {
            sdk: loader.load().await,
            connections,
            endpoints,
            records,
        })
    }

    /// Returns the settings for a client of one service. `name` is that of its endpoint (`dynamodb`,
    /// `monitoring`, `elasticloadbalancing`), as in `VPC_ENDPOINT_URLS` and in call records.
    #[must_use]
    pub fn service(&self, name: &'static str, retries: Retries) -> ServiceConfig {
        let retry_config = retries.sdk(self.endpoints.falls_back(name));
        ServiceConfig {
            config: self.sdk.to_builder().retry_config(retry_config).build(),
            record: SharedInterceptor::new(RecordInterceptor::new(name, self.records.clone())),
            route: EndpointFallback::new(&self.endpoints, name, retries),
        }
    }

    /// Opens a connection to each of these services at once, while the function starts. One that
    /// fails is logged: the first call then connects for itself.
    pub async fn connect_ahead(&self, services: &[&'static str], deadline: Deadline) {
        let mut opening = JoinSet::new();
        for &service in services {
            let Some(url) = self.endpoints.first(service) else {
                continue;
            };
            let connections = self.connections.clone();
            opening.spawn(async move { (service, connections.open(&url, deadline).await) });
        }
        while let Some(opened) = opening.join_next().await {
            if let Ok((service, Err(error))) = opened {
                tracing::warn!(service, %error, "no connection could be opened ahead");
            }
        }
    }

    /// The pool of connections, for calls that are not AWS's.
    #[must_use]
    pub const fn connections(&self) -> &Connections {
        &self.connections
    }

    /// What requests are signed with.
    pub(crate) fn credentials(&self) -> Option<SharedCredentialsProvider> {
        self.sdk.credentials_provider()
    }

    /// The addresses that services are called at.
    #[must_use]
    pub const fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Where call records go.
    #[must_use]
    pub const fn records(&self) -> &RecordLog {
        &self.records
    }
}

impl ServiceConfig {
    /// Region, credentials, addresses, time-outs, retries and connections.
    #[must_use]
    pub const fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// What `SdkConfig` has no place for: the call record, and the way of each attempt.
    #[must_use]
    pub fn interceptors(&self) -> [SharedInterceptor; 2] {
        [
            self.record.clone(),
            SharedInterceptor::new(self.route.clone()),
        ]
    }

    /// Falls back to the public address, and keeps retries off where they are off.
    #[must_use]
    pub fn retry_classifier(&self) -> SharedRetryClassifier {
        SharedRetryClassifier::new(self.route.clone())
    }
}

/// Lambda's credentials stand in the environment for as long as the sandbox lives. Taken from there
/// at once, they spare the default chain; and they name no account, so that the SDK calls the
/// regional host it was connected to.
fn credentials(lookup: impl Fn(&str) -> Option<String>) -> Option<Credentials> {
    let key_id = lookup("AWS_ACCESS_KEY_ID").filter(|id| !id.is_empty())?;
    let secret = lookup("AWS_SECRET_ACCESS_KEY").filter(|secret| !secret.is_empty())?;
    let token = lookup("AWS_SESSION_TOKEN").filter(|token| !token.is_empty());
    Some(Credentials::new(key_id, secret, token, None, "Environment"))
}

/// Makes a client of one service that is recorded and routed: `client!(aws, aws_sdk_dynamodb,
/// "dynamodb", Retries::Off)`. A macro because each SDK crate has client and configuration types of
/// its own, and none of them takes interceptors from `SdkConfig`.
#[macro_export]
macro_rules! client {
    ($aws:expr, $sdk:ident, $service:literal, $retries:expr) => {{
        let service = $aws.service($service, $retries);
        let mut config = $sdk::config::Builder::from(service.config());
        for interceptor in service.interceptors() {
            config.push_interceptor(interceptor);
        }
        config.push_retry_classifier(service.retry_classifier());
        $sdk::Client::from_conf(config.build())
    }};
}
