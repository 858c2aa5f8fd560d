//! Configuration of AWS clients.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
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

/// The configuration that all AWS clients of a process share. Created once, in main.
#[derive(Debug, Clone)]
pub struct AwsCalls {
    sdk: SdkConfig,
    connections: Connections,
    endpoints: Endpoints,
    records: RecordLog,
}

/// The configuration of clients of one service. [`client!`](crate::client) creates a client from
/// it.
#[derive(Debug, Clone)]
pub struct ServiceConfig {
    config: SdkConfig,
    record: SharedInterceptor,
    route: EndpointFallback,
}

impl AwsCalls {
    /// Reads region, endpoints and credentials through `lookup`. If there are no credentials, the
    /// SDK's default chain is used at the first call.
    ///
    /// `timeouts` apply to every call without its own. Their `connect` applies to all calls, so it
    /// must suit the most urgent ones: an attempt that times out while it connects has an unknown
    /// outcome and does not fall back.
    ///
    /// # Errors
    /// [`CallError::Setting`] for the first setting that is missing or invalid.
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

    /// Returns the configuration of clients of one service. `name` is the name of its endpoint
    /// (`dynamodb`, `monitoring`, `elasticloadbalancing`), as in `VPC_ENDPOINT_URLS` and call
    /// records.
    #[must_use]
    pub fn service(&self, name: &'static str, retries: Retries) -> ServiceConfig {
        let retry_config = retries.sdk(self.endpoints.falls_back(name));

        ServiceConfig {
            config: self.sdk.to_builder().retry_config(retry_config).build(),
            record: SharedInterceptor::new(RecordInterceptor::new(name, self.records.clone())),
            route: EndpointFallback::new(&self.endpoints, name, retries),
        }
    }

    /// Sends the requests of all AWS clients through `transport` instead of the connection pool, for
    /// simulations.
    #[must_use]
    pub fn with_transport(self, transport: SharedHttpClient) -> Self {
        let sdk = self.sdk.to_builder().http_client(transport).build();
        Self { sdk, ..self }
    }

    /// Opens a connection to each of these services concurrently while the function starts. Failures
    /// are logged, and the first call then connects itself.
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
                tracing::warn!(service, %error, "cannot open a connection ahead of the first call");
            }
        }
    }

    /// Returns the connection pool, for calls of other services.
    #[must_use]
    pub const fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Returns the credentials that sign requests.
    pub(crate) fn credentials(&self) -> Option<SharedCredentialsProvider> {
        self.sdk.credentials_provider()
    }

    /// Returns the addresses of services.
    #[must_use]
    pub const fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Returns the destination of call records.
    #[must_use]
    pub const fn records(&self) -> &RecordLog {
        &self.records
    }
}

impl ServiceConfig {
    /// Returns region, credentials, addresses, timeouts, retries and connections.
    #[must_use]
    pub const fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// Returns the interceptors that write call records and select endpoints. `SdkConfig` cannot
    /// hold interceptors.
    #[must_use]
    pub fn interceptors(&self) -> [SharedInterceptor; 2] {
        [
            self.record.clone(),
            SharedInterceptor::new(self.route.clone()),
        ]
    }

    /// Returns the classifier that falls back to the public address and disables other retries.
    #[must_use]
    pub fn retry_classifier(&self) -> SharedRetryClassifier {
        SharedRetryClassifier::new(self.route.clone())
    }
}

/// Returns the credentials in the environment, which Lambda sets for the lifetime of the sandbox.
///
/// This is faster than the default chain. The credentials have no account id, so the SDK uses the
/// regional host to which a connection was opened ahead.
fn credentials(lookup: impl Fn(&str) -> Option<String>) -> Option<Credentials> {
    let key_id = lookup("AWS_ACCESS_KEY_ID").filter(|id| !id.is_empty())?;
    let secret = lookup("AWS_SECRET_ACCESS_KEY").filter(|secret| !secret.is_empty())?;
    let token = lookup("AWS_SESSION_TOKEN").filter(|token| !token.is_empty());
    Some(Credentials::new(key_id, secret, token, None, "Environment"))
}

/// Creates an SDK client with call records and endpoint fallback: `client!(aws, aws_sdk_dynamodb,
/// "dynamodb", Retries::Off)`. Further interceptors may follow.
///
/// This is a macro because each SDK crate has its own client and configuration types, and none
/// takes interceptors from `SdkConfig`.
#[macro_export]
macro_rules! client {
    ($aws:expr, $sdk:ident, $service:literal, $retries:expr $(, $interceptor:expr)*) => {{
        let service = $aws.service($service, $retries);
        let mut config = $sdk::config::Builder::from(service.config());
        for interceptor in service.interceptors() {
            config.push_interceptor(interceptor);
        }
        $(config.push_interceptor($interceptor);)*
        config.push_retry_classifier(service.retry_classifier());
        $sdk::Client::from_conf(config.build())
    }};
}
