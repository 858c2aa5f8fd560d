//! Checks of the responses to real requests.
//!
//! Some checks need an API key. They share a temporary key on a temporary plan, which a run makes and
//! deletes. [`clean_up`] deletes them after an interrupted run. If that fails too, the key expires by
//! itself, and a later run deletes it.

mod access_log;
mod administration;
mod admitted;
mod certificate;
mod client_hello;
mod composed;
mod context;
mod disabled;
mod echo;
mod fields;
mod health;
mod paths;
mod preflight;
mod problem;
mod refused;
mod reply;
mod request_id;
mod run;
mod session;
mod spoofed;
mod temporary;
#[cfg(test)]
mod tests;
mod throttled;
mod transport;
mod usage;

use admin_client::ClientError;

use crate::check::Check;
use crate::runner::Entry;

pub use context::{RequestOptions, Requests};
pub use run::run;
pub(crate) use temporary::{is_leftover, is_recent};

use run::KeyEntry;

/// The checks that need the temporary key, in the order in which they run.
const KEY_CHECKS: &[KeyEntry] = &[
    admitted::ENTRY,
    throttled::THROTTLED_ENTRY,
    throttled::ADMITTED_AGAIN_ENTRY,
    request_id::ENTRY,
    spoofed::ENTRY,
    paths::ENTRY,
    usage::ENTRY,
    // After the count of calls: a composition can cost more than one.
    composed::PARTS_ENTRY,
    composed::THROTTLED_ENTRY,
    disabled::ENTRY,
    access_log::ENTRY,
];

/// The checks that need no key.
const OTHER_CHECKS: &[Entry<Requests>] = &[
    refused::MISSING_ENTRY,
    refused::WRONG_ENTRY,
    administration::ENTRY,
    health::ENTRY,
    preflight::ENTRY,
    transport::ENTRY,
    certificate::ENTRY,
];

/// Returns the checks.
pub(crate) fn checks() -> impl Iterator<Item = &'static Check> {
    let with_key = KEY_CHECKS.iter().map(|entry| entry.check);
    with_key.chain(OTHER_CHECKS.iter().map(|entry| entry.check))
}

/// Deletes the temporary plan and key of a run that was interrupted. Nothing is sent if there are
/// none.
///
/// # Errors
/// [`ClientError`] if the plan or the key cannot be deleted.
pub async fn clean_up(requests: &Requests) -> Result<(), ClientError> {
    temporary::clean_up(requests).await
}
