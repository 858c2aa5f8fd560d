//! Checks of plans, keys and policies, as the admin API returns them.

mod admin_api;
mod context;
mod default_plan;
mod documents;
mod leftovers;
mod plans;
mod policies;
mod policy_in_force;
#[cfg(test)]
mod tests;
mod version;

use tokio::time::Instant;

use crate::check::Check;
use crate::runner::{self, Entry};
use crate::selection::Selection;
use crate::verdict::Outcome;

pub use context::Configuration;

/// The checks of the group `configuration`.
const CHECKS: &[Entry<Configuration>] = &[
    admin_api::ENTRY,
    version::ENTRY,
    policy_in_force::ENTRY,
    policies::ENTRY,
    plans::ENTRY,
    default_plan::ENTRY,
    leftovers::ENTRY,
];

/// Returns the checks.
pub(crate) fn checks() -> impl Iterator<Item = &'static Check> {
    CHECKS.iter().map(|entry| entry.check)
}

/// Runs the selected checks of the plans, keys and policies of an API.
pub async fn run(
    configuration: &Configuration,
    selection: &Selection,
    deadline: Instant,
) -> Vec<Outcome> {
    runner::run(CHECKS, configuration, selection, deadline).await
}
