//! Panics cost one request, and their messages are not logged.

use std::future::{Future, poll_fn};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::task::Poll;

/// Installs a panic hook that logs where a panic happened. Its message is left out, because it may
/// contain a part of a request.
pub fn log_panics() {
    panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(reason = "fault", place, "panicked");
    }));
}

/// Runs `work` and returns `None` if it panics. The caller's other work continues. If the returned
/// future is dropped, `work` is dropped too.
///
/// State that `work` shares with others has to be consistent after a panic, as for a task of its
/// own. A task would also have to be allocated, scheduled and joined for each request.
pub async fn contain_panic<F: Future>(work: F) -> Option<F::Output> {
    let mut work = Some(Box::pin(work));

    poll_fn(move |context| {
        let poll = AssertUnwindSafe(|| {
            // If it panics, it is dropped while the panic unwinds, so that its spans fail.
            let mut running = work.take()?;
            let polled = running.as_mut().poll(context);
            if polled.is_pending() {
                work = Some(running);
            }
            Some(polled)
        });

        match catch_unwind(poll) {
            Ok(Some(polled)) => polled.map(Some),
            Ok(None) | Err(_) => Poll::Ready(None),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn panic_does_not_reach_the_caller() {
        let panicking = async { [0].get(1).copied().unwrap() };

        assert_eq!(contain_panic(panicking).await, None);
        assert_eq!(contain_panic(async { 1 }).await, Some(1));
    }

    #[tokio::test]
    async fn panic_after_a_pause_drops_the_work_while_it_unwinds() {
        let is_panicking = Arc::new(AtomicBool::new(false));
        let observer = Observer(Arc::clone(&is_panicking));
        let panicking = async move {
            tokio::task::yield_now().await;
            let _dropped_last = &observer;
            [0].get(1).copied().unwrap()
        };

        assert_eq!(contain_panic(panicking).await, None);
        assert!(is_panicking.load(Ordering::Relaxed));
    }

    /// Records on drop that its thread panics.
    struct Observer(Arc<AtomicBool>);

    impl Drop for Observer {
        fn drop(&mut self) {
            self.0.store(std::thread::panicking(), Ordering::Relaxed);
        }
    }
}
