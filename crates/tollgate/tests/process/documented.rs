//! Runs the commands of the documents, page by page, each with a local gateway of its own.

mod files;
mod page;
mod shell;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use testing::documents::pages;

use page::PageRun;
pub(crate) use shell::Shell;

/// The pages that run at the same time.
const THREADS: usize = 4;

#[test]
fn documented_commands_succeed() {
    let pages = pages();
    let next = AtomicUsize::new(0);
    let run = || {
        let mut failures = Vec::new();
        while let Some(page) = pages.get(next.fetch_add(1, Ordering::Relaxed)) {
            failures.extend(PageRun::new(page).failure());
        }
        failures
    };

    let failures: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(run)).collect();
        let results = threads.into_iter().map(|thread| thread.join().unwrap());
        results.flatten().collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
