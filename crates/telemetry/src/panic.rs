//! Panics cost one request, and their messages are not logged.

use std::future::Future;
use std::panic::{self, PanicHookInfo};

use crate::invocation::Invocation;

/// Installs a panic hook that logs where a panic happened. Its message is left out, because it may
/// contain a part of a request.
pub fn log_panics() {
    panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(reason = "fault", place, "panicked");
    }));
}

/// Runs `work` in its own task, as a part of the same invocation, and returns `None` if it panics.
pub async fn contain_panic<T, F>(work: F) -> Option<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    tokio::spawn(Invocation::current().run(work)).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn panic_does_not_reach_the_caller() {
        let panicking = async { [0].get(1).copied().unwrap() };

        assert_eq!(contain_panic(panicking).await, None);
        assert_eq!(contain_panic(async { 1 }).await, Some(1));
    }
}
