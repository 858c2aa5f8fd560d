//! Checks of the responses to real requests.
//!
//! Checks that need an API key use a temporary one. [`clean_up`] deletes it, also after an
//! interrupted run.

mod context;

use admin_client::ClientError;
use tokio::time::Instant;

use crate::check::Check;
use crate::selection::Selection;
use crate::verdict::Outcome;

pub use context::{RequestOptions, Requests};

/// Returns the checks.
pub(crate) fn checks() -> impl Iterator<Item = &'static Check> {
    std::iter::empty()
}

/// Runs the selected checks. A temporary plan and a temporary key are made if a selected check needs
/// them, and deleted before the outcomes are returned.
pub async fn run(requests: &Requests, selection: &Selection, deadline: Instant) -> Vec<Outcome> {
    let _ = (requests, selection, deadline);
    Vec::new()
}

/// Deletes the temporary plan and key of a run that was interrupted. Nothing is sent if there are
/// none.
///
/// # Errors
/// [`ClientError`] if the plan or the key cannot be deleted.
pub async fn clean_up(requests: &Requests) -> Result<(), ClientError> {
    let _ = requests;
    Ok(())
}
