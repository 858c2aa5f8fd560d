//! The store that the settings name, with its connections opened while the function starts.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use calls::{AwsCalls, CallError, Deadline, RecordLog, Timeouts};
use usage::{DynamoDbStore, EmbeddedStore, SeedsError, Store};

use crate::StoreConfig;

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
pub struct Opened {
    /// The store.
    pub store: Store,
    /// Opens its connections, beside whatever else is to be prepared.
    pub connect: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Opens the store. Settings of the calls to AWS are read through `lookup`; their records go to `records`.
///
/// # Errors
/// [`OpenError`] for seeds or settings that cannot be. A store that does not answer is none: the first
/// decision will tell.
pub async fn open(
    config: &StoreConfig,
    lookup: impl Fn(&str) -> Option<String>,
    records: RecordLog,
) -> Result<Opened, OpenError> {
    let tables = match config {
        StoreConfig::Embedded(seeds) => {
            let store = Store::Embedded(EmbeddedStore::new(seeds)?);
            return Ok(Opened { store, connect: Box::pin(async {}) });
        }
        StoreConfig::DynamoDb(tables) => tables,
    };
    let timeouts = Timeouts::within(tables.deadline, 1).unwrap_or_default();
    let aws = Box::pin(AwsCalls::load(lookup, timeouts, records)).await?;
    let store = Store::DynamoDb(Box::new(DynamoDbStore::new(&aws, tables.clone())));
    let connect = async move {
        aws.connect_ahead(&["dynamodb"], Deadline::after(Instant::now(), Timeouts::default().connect)).await;
    };
    Ok(Opened { store, connect: Box::pin(connect) })
}
