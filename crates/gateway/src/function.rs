//! Runs the deployed functions in process: each takes an event and returns a response, both as
//! JSON.

use std::sync::Arc;
use std::time::{Duration, Instant};

use alb_sync::AlbSync;
use authorizer::{Authorizer, Config, ConfigError, Failure, PolicyLoadError, local_http_calls};
use aws::timeouts::INTEGRATION_TIMEOUT;
use aws::{Deadline, Proxy, ProxyError, check_system_authorities};
use composer::Composer;
use composition::ReplacedUrls;
use lambda_runtime::Diagnostic;
use limiter::{ComposerSettings, Limiter};
use metrics_publisher::Publisher;
use outcome::RateLimitHeaders;
use policy::{KeyHeader, stored_policy_name};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use store::{OpenError, Store};
use telemetry::RecordLog;

/// The variable of the process with certificate authorities of services.
const EXTRA_AUTHORITIES: &str = "EXTRA_CA_CERTS";
/// The time that a function has for its last reports at shutdown.
const FINISH_TIMEOUT: Duration = Duration::from_secs(2);

/// A function with its settings.
#[derive(Debug)]
pub enum Function {
    /// `functions/alb-sync`.
    AlbSync(Arc<AlbSync>),
    /// `functions/authorizer`.
    Authorizer(Box<Authorizer>),
    /// `functions/composer`.
    Composer(Box<Composer>),
    /// `functions/limiter`.
    Limiter(Limiter),
    /// `functions/metrics-publisher`.
    MetricsPublisher(Box<Publisher>),
}

/// The reasons why a function cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// There is no function of this name.
    #[error(
        "there is no function `{0}`, expected one of alb-sync, authorizer, composer, limiter, metrics-publisher"
    )]
    Unknown(String),
    /// A setting of alb-sync is invalid.
    #[error("alb-sync: {0}")]
    AlbSync(#[from] environment::SettingError),
    /// The clients of alb-sync cannot be set up.
    #[error("alb-sync: {0}")]
    AlbSyncOpen(#[from] alb_sync::OpenError),
    /// A setting of the authorizer is invalid.
    #[error("authorizer: {0}")]
    Authorizer(#[from] ConfigError),
    /// The authorizer's policy cannot be loaded.
    #[error("authorizer: {0}")]
    Policy(#[from] PolicyLoadError),
    /// The authorizer's store cannot be opened.
    #[error("authorizer: {0}")]
    Store(#[from] OpenError),
    /// `SSL_CERT_FILE` in the environment is invalid.
    #[error(transparent)]
    Authorities(environment::SettingError),
    /// The proxy in the environment is invalid.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// A setting of the composer is invalid.
    #[error("composer: {0}")]
    Composer(#[from] composer::ConfigError),
    /// The composer cannot be set up.
    #[error("composer: {0}")]
    ComposerOpen(#[from] composer::OpenError),
    /// A setting of the limiter is invalid.
    #[error("limiter: {0}")]
    Limiter(#[from] limiter::ConfigError),
    /// The limiter's store cannot be opened.
    #[error("limiter: {0}")]
    LimiterStore(OpenError),
    /// A setting of metrics-publisher is invalid.
    #[error("metrics-publisher: {0}")]
    MetricsPublisher(#[from] metrics_publisher::OpenError),
}

impl Function {
    /// Sets up the function of a package. It uses `store`, or the store in its settings if there is
    /// none. Call records are written to `records`.
    ///
    /// # Errors
    /// [`FunctionError`] if there is no such function or a setting is invalid.
    pub async fn new(
        package: &str,
        store: Option<Arc<Store>>,
        setting: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
        records: RecordLog,
    ) -> Result<Self, FunctionError> {
        match package {
            "alb-sync" => {
                check_authorities()?;
                let config = alb_sync::Config::from_lookup(&setting)?;
                Ok(Self::AlbSync(Arc::new(
                    Box::pin(AlbSync::open(config, setting, records)).await?,
                )))
            }
            "authorizer" => Ok(Self::Authorizer(Box::new(
                open_authorizer(store, Arc::new(setting), records).await?,
            ))),
            "composer" => Ok(Self::Composer(Box::new(
                open_composer(store, setting, records, None).await?,
            ))),
            "limiter" => Ok(Self::Limiter(open_limiter(store, setting, records).await?)),
            "metrics-publisher" => {
                check_authorities()?;
                Ok(Self::MetricsPublisher(Box::new(
                    metrics_publisher::open(setting, records).await?,
                )))
            }
            other => Err(FunctionError::Unknown(other.to_owned())),
        }
    }

    /// Does the work that the deployed function does while it starts.
    pub async fn prepare(&self) {
        if let Self::Authorizer(authorizer) = self {
            authorizer.preload().await;
        }
    }

    /// Writes the reports that the function holds in memory. Call it after the last event.
    pub async fn finish(&self) {
        let deadline = Deadline::after(Instant::now(), FINISH_TIMEOUT);
        match self {
            Self::Authorizer(authorizer) => authorizer.finish(deadline).await,
            Self::Limiter(limiter) => limiter.finish(deadline).await,
            Self::AlbSync(_) | Self::Composer(_) | Self::MetricsPublisher(_) => {}
        }
    }

    /// Invokes the function as the authorizer of a route.
    ///
    /// # Errors
    /// The failure of the authorizer, with the reason of a 401 that Lambda does not transmit.
    pub(crate) async fn authorize(&self, event: &RawValue) -> Result<Box<RawValue>, Failure> {
        match self {
            Self::Authorizer(authorizer) => authorizer.handle(event).await,
            other => {
                let response = other.invoke(event.get().as_bytes()).await;
                let response = response.map_err(|error| Failure::Fault(error.error_message))?;
                let text = serde_json::from_slice(&response);
                text.map_err(|error| Failure::Fault(error.to_string()))
            }
        }
    }

    /// Invokes the function with an event, as Lambda does.
    ///
    /// # Errors
    /// The function's error, or an error for an event that is not JSON.
    pub async fn invoke(&self, event: &[u8]) -> Result<Vec<u8>, Diagnostic> {
        let deadline = Deadline::after(Instant::now(), INTEGRATION_TIMEOUT);
        match self {
            Self::AlbSync(sync) => {
                let event: Value = json(event)?;
                let report = Arc::clone(sync).handle(&event, deadline).await?;
                serde_json::to_vec(&report).map_err(|error| Diagnostic {
                    error_type: "Fault".to_owned(),
                    error_message: error.to_string(),
                })
            }
            Self::Authorizer(authorizer) => {
                let response = authorizer.handle(json(event)?).await?;
                Ok(response.get().as_bytes().to_vec())
            }
            Self::Composer(composer) => {
                let response = composer.handle(json(event)?).await?;
                Ok(response.get().as_bytes().to_vec())
            }
            Self::Limiter(limiter) => {
                let response = limiter.handle(json(event)?).await?;
                Ok(response.to_string().into_bytes())
            }
            Self::MetricsPublisher(publisher) => {
                let event: &RawValue = json(event)?;
                let report = publisher.handle(event.get(), deadline).await?;
                Ok(report.to_string().into_bytes())
            }
        }
    }
}

fn json<'e, T: Deserialize<'e>>(event: &'e [u8]) -> Result<T, Diagnostic> {
    serde_json::from_slice(event).map_err(|error| Diagnostic {
        error_type: "InvalidRequestContent".to_owned(),
        error_message: format!("the event is not JSON: {error}"),
    })
}

/// Checks the authorities that all functions of this process trust.
fn check_authorities() -> Result<(), FunctionError> {
    check_system_authorities(|name| std::env::var(name).ok()).map_err(FunctionError::Authorities)
}

pub(crate) async fn open_authorizer(
    store: Option<Arc<Store>>,
    setting: Arc<impl Fn(&str) -> Option<String> + Send + Sync + 'static>,
    records: RecordLog,
) -> Result<Authorizer, FunctionError> {
    let settings = Arc::clone(&setting);
    let environment = move |name: &str| settings(name).or_else(|| std::env::var(name).ok());
    check_authorities()?;
    let config = Config::from_lookups(&*setting, Arc::new(environment))?;
    let store = match store {
        Some(store) => store,
        None => Arc::new(
            authorizer::open(&config.store, &*setting, records.clone())
                .await?
                .store,
        ),
    };

    let proxy = Proxy::from_lookup(|name| std::env::var(name).ok())?;
    let authorities = config.authorities.clone();
    let authorizer = Authorizer::new(config, store, move || {
        local_http_calls(records.clone(), proxy.as_ref()).trusting(&authorities)
    });
    authorizer.load_policy().await?;
    Ok(authorizer)
}

/// Opens a composer. `urls` replace those of the compositions.
pub(crate) async fn open_composer(
    store: Option<Arc<Store>>,
    setting: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    records: RecordLog,
    urls: Option<ReplacedUrls>,
) -> Result<Composer, FunctionError> {
    check_authorities()?;
    let variable = |name: &str| {
        let of_process = || {
            std::env::var(name)
                .ok()
                .filter(|_| name == EXTRA_AUTHORITIES)
        };
        setting(name).or_else(of_process)
    };
    let mut config = composer::Config::from_lookup(variable)?;
    if let Some(urls) = urls {
        config.replace_urls(urls);
    }
    Ok(Box::pin(composer::open(config, setting, records, store)).await?)
}

async fn open_limiter(
    store: Option<Arc<Store>>,
    setting: impl Fn(&str) -> Option<String>,
    records: RecordLog,
) -> Result<Limiter, FunctionError> {
    check_authorities()?;
    if let Some(store) = store {
        let key_header =
            KeyHeader::from_setting(setting("KEY_HEADER")).map_err(limiter::ConfigError::from)?;
        let policy = setting("AUTH_POLICY").unwrap_or_default();
        let policy_in_use = stored_policy_name(&policy).map(str::to_owned);
        let headers = RateLimitHeaders::from_setting(setting("RATE_LIMIT_HEADERS"))
            .map_err(limiter::ConfigError::from)?;
        return Ok(Limiter::new(store, key_header)
            .with_policy_in_use(policy_in_use)
            .with_composer(ComposerSettings::from_lookup(&setting))
            .with_rate_limit_headers(headers));
    }

    let config = limiter::Config::from_lookup(&setting)?;
    let store = Box::pin(limiter::open(&config.store, &setting, records)).await;
    let store = Arc::new(store.map_err(FunctionError::LimiterStore)?);
    Ok(Limiter::new(store, config.key_header)
        .with_policy_in_use(config.policy_in_use)
        .with_composer(config.composer)
        .with_rate_limit_headers(config.rate_limit_headers))
}
