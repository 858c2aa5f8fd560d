//! Opens the store for decisions.

use aws::Timeouts;
use store::{OpenError, OpenStore, StoreConfig};
use telemetry::RecordLog;

/// Opens the store, with timeouts that fit into a decision. `lookup` returns the settings of AWS
/// calls, and `records` receives their records.
///
/// # Errors
/// [`OpenError`] for invalid seeds or settings.
pub async fn open(
    config: &StoreConfig,
    lookup: impl Fn(&str) -> Option<String>,
    records: RecordLog,
) -> Result<OpenStore, OpenError> {
    config
        .open(lookup, records, |tables| {
            Timeouts::within(tables.deadline, 1).unwrap_or_default()
        })
        .await
}
