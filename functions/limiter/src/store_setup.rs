//! The store that the settings name, for administration.

use aws::Timeouts;
use telemetry::RecordLog;
use usage::{OpenError, Store, StoreConfig};

/// Opens the store and its connections. Its calls may take longer than a decision: a file of keys
/// is many of them, and a decision brings its own deadline.
///
/// # Errors
/// [`OpenError`] for seeds or settings that cannot be.
pub async fn open(
    config: &StoreConfig,
    lookup: impl Fn(&str) -> Option<String>,
    records: RecordLog,
) -> Result<Store, OpenError> {
    let opened = config
        .open(lookup, records, |_| Timeouts::default())
        .await?;
    opened.connect.await;
    Ok(opened.store)
}
