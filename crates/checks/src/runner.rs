//! Runs independent checks at the same time, until a deadline.

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};
use tokio::time::{Instant, timeout_at};

use crate::aws::Unread;
use crate::check::Check;
use crate::selection::Selection;
use crate::verdict::{Outcome, Verdict};

/// The number of checks that run at the same time.
const CONCURRENCY: usize = 8;

/// The function of a check, which reads a context. `Unread` becomes a verdict.
pub(crate) type Run<C> = for<'c> fn(&'c C) -> BoxFuture<'c, Result<Verdict, Unread>>;

/// A check and its function.
pub(crate) struct Entry<C: 'static> {
    pub(crate) check: &'static Check,
    pub(crate) run: Run<C>,
}

/// Runs the selected checks and returns their outcomes in the order of `entries`. A check that has
/// not finished at the deadline is an error.
pub(crate) async fn run<C: Sync + 'static>(
    entries: impl IntoIterator<Item = &'static Entry<C>>,
    context: &C,
    selection: &Selection,
    deadline: Instant,
) -> Vec<Outcome> {
    let selected = entries
        .into_iter()
        .filter(|entry| selection.includes(entry.check));
    let outcomes = selected.map(|entry| async move {
        let verdict = match timeout_at(deadline, (entry.run)(context)).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(reason)) => reason.into(),
            Err(_) => Verdict::error("not finished before the deadline of the run"),
        };
        Outcome {
            check: entry.check,
            verdict,
        }
    });
    stream::iter(outcomes).buffered(CONCURRENCY).collect().await
}
