//! The store that the settings name, for decisions.

use aws::Timeouts;
use store::{OpenError, Opened, StoreConfig};
use telemetry::RecordLog;

/// Opens the store. Its calls have to fit into a decision. Settings of the calls to AWS are read
/// through `lookup`; their records go to `records`.
///
/// # Errors
/// [`OpenError`] for seeds or settings that cannot be.
pub async fn open(
    config: &StoreConfig,
    lookup: impl Fn(&str) -> Option<String>,
    records: RecordLog,
) -> Result<Opened, OpenError> {
    config
        .open(lookup, records, |tables| {
            Timeouts::within(tables.deadline, 1).unwrap_or_default()
        })
        .await
}
