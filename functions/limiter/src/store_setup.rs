//! Opens the configured store.

use aws::Timeouts;
use store::{OpenError, Store, StoreConfig};
use telemetry::RecordLog;

/// Opens the store and its connections.
///
/// The timeouts of its calls are the SDK's defaults, because an import makes many calls. A decision
/// has a deadline of its own.
///
/// # Errors
/// [`OpenError`] if the seeds or the settings are invalid.
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
