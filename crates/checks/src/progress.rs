//! The number of checks of a run that are finished, for programs that show it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

tokio::task_local! {
    static FINISHED: Arc<AtomicUsize>;
}

/// Makes a run, and counts in `finished` the checks that it finishes.
pub async fn counting<T>(finished: Arc<AtomicUsize>, run: impl Future<Output = T>) -> T {
    FINISHED.scope(finished, run).await
}

/// Counts a check as finished.
pub(crate) fn finish_one() {
    // A run that is not counted, such as that of the command line, has no counter.
    let _ = FINISHED.try_with(|finished| finished.fetch_add(1, Ordering::Relaxed));
}
