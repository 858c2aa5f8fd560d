//! Which store the settings name, and its opening.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use aws::{AwsCalls, CallError, Deadline, Timeouts};
use environment::SettingError;
use telemetry::RecordLog;

use crate::{DynamoDbConfig, DynamoDbStore, EmbeddedStore, Store};
use registry::{Seeds, SeedsError};

/// Which store.
#[derive(Debug)]
pub enum StoreConfig {
    /// `EMBEDDED_STORE`: plans and keys as JSON, kept with their usage inside this process. For
    /// trying out on one machine: every instance counts for itself, and what is changed is gone
    /// with it.
    Embedded(Seeds),
    /// `REGISTRY_TABLE`, `USAGE_TABLE` and what else [`DynamoDbConfig`] names.
    DynamoDb(DynamoDbConfig),
}

/// A setting of the store that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum StoreConfigError {
    /// Not plans and keys.
    #[error("EMBEDDED_STORE: {0}")]
    Seeds(#[from] SeedsError),
    /// A setting of the tables.
    #[error(transparent)]
    Tables(#[from] SettingError),
}

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Plans or keys that cannot be.
    #[error("EMBEDDED_STORE: {0}")]
    Seeds(#[from] SeedsError),
    /// A setting of the calls to AWS.
    #[error(transparent)]
    Calls(#[from] CallError),
}

/// A store that can be asked at once, and what makes its first answer quick.
pub struct OpenStore {
    /// The store.
    pub store: Store,
    /// Opens its connections, beside whatever else is to be prepared.
    pub connect: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl StoreConfig {
    /// Reads the settings through `lookup`.
    ///
    /// # Errors
    /// [`StoreConfigError`] for the first variable that is missing or wrong.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, StoreConfigError> {
        match lookup("EMBEDDED_STORE") {
            Some(text) => Ok(Self::Embedded(Seeds::parse(&text)?)),
            None => Ok(Self::DynamoDb(DynamoDbConfig::from_lookup(lookup)?)),
        }
    }

    /// Opens the store. Settings of the calls to AWS are read through `lookup`, their records go to
    /// `records`, and the tables say what time-outs they have.
    ///
    /// # Errors
    /// [`OpenError`] for seeds or settings that cannot be. A store that does not answer is none:
    /// the first decision will tell.
    pub async fn open(
        &self,
        lookup: impl Fn(&str) -> Option<String>,
        records: RecordLog,
        timeouts: impl FnOnce(&DynamoDbConfig) -> Timeouts,
    ) -> Result<OpenStore, OpenError> {
        let tables = match self {
            Self::Embedded(seeds) => {
                let store = Store::Embedded(EmbeddedStore::new(seeds)?);
                return Ok(OpenStore {
                    store,
                    connect: Box::pin(async {}),
                });
            }
            Self::DynamoDb(tables) => tables,
        };
        let aws = Box::pin(AwsCalls::load(lookup, timeouts(tables), records)).await?;
        let store = Store::DynamoDb(Box::new(DynamoDbStore::new(&aws, tables.clone())));
        let connect = async move {
            aws.connect_ahead(
                &["dynamodb"],
                Deadline::after(Instant::now(), Timeouts::default().connect),
            )
            .await;
        };
        Ok(OpenStore {
            store,
            connect: Box::pin(connect),
        })
    }
}
