//! The store that the settings name, with its connections opened while the function starts.

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

/// Opens the store. Its calls may take longer than a decision: a file of keys is many of them, and a decision brings
/// its own deadline.
///
/// # Errors
/// [`OpenError`] for seeds or settings that cannot be.
pub async fn open(
    config: &StoreConfig,
    lookup: impl Fn(&str) -> Option<String>,
    records: RecordLog,
) -> Result<Store, OpenError> {
    let tables = match config {
        StoreConfig::Embedded(seeds) => return Ok(Store::Embedded(EmbeddedStore::new(seeds)?)),
        StoreConfig::DynamoDb(tables) => tables,
    };
    let aws = Box::pin(AwsCalls::load(lookup, Timeouts::default(), records)).await?;
    Box::pin(aws.connect_ahead(&["dynamodb"], Deadline::after(Instant::now(), Timeouts::default().connect))).await;
    Ok(Store::DynamoDb(Box::new(DynamoDbStore::new(&aws, tables.clone()))))
}
