//! Checks of a parameter file, before a deployment.

mod account;
mod configured_compositions;
mod configured_policy;
mod context;
mod file;
mod issuer_calls;
mod parameters;
mod regions;
#[cfg(test)]
mod tests;

use tokio::time::Instant;

pub use context::{Parameters, ParametersError};
pub use file::ParameterFileError;

use crate::check::Check;
use crate::runner::{self, Entry};
use crate::selection::Selection;
use crate::verdict::Outcome;

/// Returns the entries of all groups, in the order of the output.
fn entries() -> impl Iterator<Item = &'static Entry<Parameters>> {
    parameters::CHECKS.iter().chain(account::CHECKS)
}

/// Returns the checks.
pub(crate) fn checks() -> impl Iterator<Item = &'static Check> {
    entries().map(|entry| entry.check)
}

/// Runs the selected checks of a parameter file.
pub async fn run(
    parameters: &Parameters,
    selection: &Selection,
    deadline: Instant,
) -> Vec<Outcome> {
    runner::run(entries(), parameters, selection, deadline).await
}
