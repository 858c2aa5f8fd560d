//! The functions, in process: the same code that is deployed, called with JSON and answering with JSON.

use std::sync::Arc;

use authorizer::{Authorizer, Config, ConfigError, http_calls};
use calls::RecordLog;
use lambda_runtime::Diagnostic;
use serde_json::Value;
use usage::{EmbeddedStore, SeedsError};

/// One function with its settings.
#[derive(Debug)]
pub enum Function {
    /// `functions/authorizer`.
    Authorizer(Authorizer),
}

/// Why a function cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// No such package.
    #[error("there is no function `{0}`; there is `authorizer`")]
    Unknown(String),
    /// A setting that cannot be.
    #[error("authorizer: {0}")]
    Authorizer(#[from] ConfigError),
    /// Plans or keys that cannot be.
    #[error("EMBEDDED_STORE: {0}")]
    Seeds(#[from] SeedsError),
    /// Nowhere to look keys up.
    #[error("authorizer: EMBEDDED_STORE is not set")]
    NoStore,
}

impl Function {
    /// Sets a function up by its package's name. `store` is used where given, else the one that the
    /// settings describe; `records` is where calls to others are written down.
    ///
    /// # Errors
    /// [`FunctionError`] for an unknown function or a setting that cannot be.
    pub fn new(
        package: &str,
        store: Option<Arc<EmbeddedStore>>,
        records: RecordLog,
        setting: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, FunctionError> {
        if package != "authorizer" {
            return Err(FunctionError::Unknown(package.to_owned()));
        }
        let mut config = Config::from_lookup(setting)?;
        let store = match (store, config.embedded_store.take()) {
            (Some(store), _) => store,
            (None, Some(seeds)) => Arc::new(EmbeddedStore::new(&seeds)?),
            (None, None) => return Err(FunctionError::NoStore),
        };
        Ok(Self::Authorizer(Authorizer::new(config, store, || http_calls(records))))
    }

    /// Does what the function does while it starts.
    pub async fn prepare(&self) {
        let Self::Authorizer(authorizer) = self;
        authorizer.preload().await;
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
        let Self::Authorizer(authorizer) = self;
        Ok(authorizer.handle(event).await?.to_string().into_bytes())
    }
}
