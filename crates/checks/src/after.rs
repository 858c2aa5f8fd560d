//! Checks of a deployed stack, by reading AWS.

mod api;
mod functions;
mod invocation;
mod lookup;
mod monitoring;
mod network;
#[cfg(test)]
mod tests;

use tokio::time::Instant;

use crate::check::Check;
use crate::runner::{self, Entry};
use crate::selection::Selection;
use crate::stack::Stack;
use crate::verdict::Outcome;

/// Returns the entries of all groups, in the order of the output.
fn entries() -> impl Iterator<Item = &'static Entry<Stack>> {
    network::CHECKS
        .iter()
        .chain(api::CHECKS)
        .chain(functions::CHECKS)
        .chain(monitoring::CHECKS)
}

/// Returns the checks.
pub(crate) fn checks() -> impl Iterator<Item = &'static Check> {
    entries().map(|entry| entry.check)
}

/// Runs the selected checks of a deployed stack.
pub async fn run(stack: &Stack, selection: &Selection, deadline: Instant) -> Vec<Outcome> {
    runner::run(entries(), stack, selection, deadline).await
}
