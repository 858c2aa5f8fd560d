//! The functions, in process: the same code that is deployed, called with JSON and answering with JSON.

use std::sync::Arc;

use authorizer::{Authorizer, Config, ConfigError, OpenError, http_calls};
use calls::RecordLog;
use lambda_runtime::Diagnostic;
use limiter::Limiter;
use serde_json::Value;
use usage::Store;

/// One function with its settings.
#[derive(Debug)]
pub enum Function {
    /// `functions/authorizer`.
    Authorizer(Box<Authorizer>),
    /// `functions/limiter`.
    Limiter(Limiter),
}

/// Why a function cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// No such package.
    #[error("there is no function `{0}`; there are `authorizer` and `limiter`")]
    Unknown(String),
    /// A setting that cannot be.
    #[error("authorizer: {0}")]
    Authorizer(#[from] ConfigError),
    /// A store that cannot be opened.
    #[error("authorizer: {0}")]
    Store(#[from] OpenError),
    /// A setting that cannot be.
    #[error("limiter: {0}")]
    Limiter(#[from] limiter::ConfigError),
    /// A store that cannot be opened.
    #[error("limiter: {0}")]
    LimiterStore(#[from] limiter::OpenError),
}

impl Function {
    /// Sets a function up by its package's name. `store` is used where given, else the one that the
    /// settings describe; the records of its calls go to `records`.
    ///
    /// # Errors
    /// [`FunctionError`] for an unknown function or a setting that cannot be.
    pub async fn new(
        package: &str,
        store: Option<Arc<Store>>,
        setting: impl Fn(&str) -> Option<String>,
        records: RecordLog,
    ) -> Result<Self, FunctionError> {
        match package {
            "authorizer" => {
                let config = Config::from_lookup(&setting)?;
                let store = match store {
                    Some(store) => store,
                    None => Arc::new(authorizer::open(&config.store, &setting, records.clone()).await?),
                };
                Ok(Self::Authorizer(Box::new(Authorizer::new(config, store, || http_calls(records)))))
            }
            "limiter" => {
                let store = match store {
                    Some(store) => store,
                    None => {
                        let config = limiter::Config::from_lookup(&setting)?;
                        Arc::new(limiter::open(&config.store, &setting, records).await?)
                    }
                };
                Ok(Self::Limiter(Limiter::new(store)))
            }
            unknown => Err(FunctionError::Unknown(unknown.to_owned())),
        }
    }

    /// Does what the function does while it starts.
    pub async fn prepare(&self) {
        match self {
            Self::Authorizer(authorizer) => authorizer.preload().await,
            Self::Limiter(_) => {}
        }
    }

    /// Calls the function with an event, as Lambda would.
    ///
    /// # Errors
    /// The function's own error, or one for an event that is not JSON.
    pub async fn invoke(&self, event: &[u8]) -> Result<Vec<u8>, Diagnostic> {
        let event: Value = serde_json::from_slice(event).map_err(|error| Diagnostic {
            error_type: "InvalidRequestContent".to_owned(),
            error_message: format!("the event is not JSON: {error}"),
        })?;
        let answer = match self {
            Self::Authorizer(authorizer) => authorizer.handle(event).await?,
            Self::Limiter(limiter) => limiter.handle(event).await?,
        };
        Ok(answer.to_string().into_bytes())
    }
}
