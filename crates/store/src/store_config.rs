//! The settings of the store, and how it is opened.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use aws::{AwsCalls, CallError, Deadline, Timeouts};
use environment::SettingError;
use telemetry::RecordLog;

use crate::{DynamoDbConfig, DynamoDbStore, EmbeddedStore, Store};
use registry::{Seeds, SeedsError};

/// The configured store.
#[derive(Debug)]
pub enum StoreConfig {
    /// `EMBEDDED_STORE`: plans and keys as JSON, stored with their usage in this process. For
    /// trying out on one machine: every instance counts for itself, and changes are lost when it
    /// ends.
    Embedded(Seeds),
    /// `REGISTRY_TABLE`, `USAGE_TABLE` and the other settings of [`DynamoDbConfig`].
    DynamoDb(DynamoDbConfig),
}

/// An invalid setting of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreConfigError {
    /// The seeds are invalid.
    #[error("EMBEDDED_STORE: {0}")]
    Seeds(#[from] SeedsError),
    /// A setting of the tables is invalid.
    #[error(transparent)]
    Tables(#[from] SettingError),
}

/// The reason why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The seeds are invalid.
    #[error("EMBEDDED_STORE: {0}")]
    Seeds(#[from] SeedsError),
    /// A setting of calls to AWS is invalid.
    #[error(transparent)]
    Calls(#[from] CallError),
}

/// A store, and a future that prepares its connections.
pub struct OpenStore {
    /// The store.
    pub store: Store,
    /// Opens the connections of the store, so that its first call is quick.
    pub connect: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl StoreConfig {
    /// Reads the settings through `lookup`.
    ///
    /// # Errors
    /// [`StoreConfigError`] for the first variable that is missing or invalid.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, StoreConfigError> {
        match lookup("EMBEDDED_STORE") {
            Some(text) => Ok(Self::Embedded(Seeds::parse(&text)?)),
            None => Ok(Self::DynamoDb(DynamoDbConfig::from_lookup(lookup)?)),
        }
    }

    /// Opens the store. `lookup` returns settings of calls to AWS, `records` receives their
    /// records, and `timeouts` determines their timeouts.
    ///
    /// # Errors
    /// [`OpenError`] if the seeds or settings are invalid. A store that does not respond is no
    /// error here: the first decision shows it.
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
