//! Runs the invocations of functions, so that a panic fails one request only, as in Lambda.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;
use std::time::Instant;

/// The reasons why an invocation has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InvocationError {
    /// The function panicked.
    Panic,
    /// The deadline has passed, or the gateway is being stopped.
    Timeout,
}

/// The work of an invocation.
pub(super) type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Returns the result of an invocation.
///
/// It begins in the task of its request, because most invocations never wait, and a task for each of
/// them would double the switches between tasks. An invocation that waits continues in a task of its
/// own. Like one of Lambda, it does not end when the client disconnects, so that no charge is cut off.
///
/// # Errors
/// [`InvocationError`] if the function panics or has no result at the deadline.
pub(super) async fn run<T: Send + 'static>(
    mut work: Work<T>,
    deadline: Instant,
) -> Result<T, InvocationError> {
    match first_poll(&mut work).await? {
        Poll::Ready(result) => Ok(result),
        Poll::Pending => in_own_task(work, deadline).await,
    }
}

/// Polls once, in the context of the current task.
async fn first_poll<T>(work: &mut Work<T>) -> Result<Poll<T>, InvocationError> {
    poll_fn(|context| {
        // After a panic, the work is never polled again.
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        Poll::Ready(polled.map_err(|_| InvocationError::Panic))
    })
    .await
}

async fn in_own_task<T: Send + 'static>(
    work: Work<T>,
    deadline: Instant,
) -> Result<T, InvocationError> {
    let mut task = tokio::spawn(work);

    match tokio::time::timeout_at(deadline.into(), &mut task).await {
        Ok(Err(error)) if error.is_cancelled() => Err(InvocationError::Timeout),
        Ok(result) => result.map_err(|_| InvocationError::Panic),
        Err(_) => {
            task.abort();
            Err(InvocationError::Timeout)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use tokio::sync::oneshot;
    use tokio::task::yield_now;

    use super::*;

    fn deadline() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[tokio::test]
    async fn result_is_returned_with_and_without_waiting() {
        assert_eq!(run(Box::pin(async { 1 }), deadline()).await, Ok(1));

        let waits = async {
            yield_now().await;
            2
        };
        assert_eq!(run(Box::pin(waits), deadline()).await, Ok(2));
    }

    #[tokio::test]
    async fn panic_fails_the_invocation_before_and_after_it_waits() {
        let at_once = async { [0].get(1).copied().unwrap() };
        assert_eq!(
            run(Box::pin(at_once), deadline()).await,
            Err(InvocationError::Panic)
        );

        let later = async {
            yield_now().await;
            [0].get(1).copied().unwrap()
        };
        assert_eq!(
            run(Box::pin(later), deadline()).await,
            Err(InvocationError::Panic)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn invocation_ends_at_its_deadline() {
        let (sender, receiver) = oneshot::channel::<()>();
        let result = run(Box::pin(receiver), deadline()).await;

        assert_eq!(result, Err(InvocationError::Timeout));
        yield_now().await;
        assert!(sender.is_closed());
    }

    #[tokio::test]
    async fn invocation_that_waits_outlives_its_request() {
        let (sender, receiver) = oneshot::channel::<()>();
        let is_done = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&is_done);
        let work = async move {
            let _ = receiver.await;
            done.store(true, Ordering::Relaxed);
        };

        let mut request = Box::pin(run(Box::pin(work), deadline()));
        let polled = poll_fn(|context| Poll::Ready(request.as_mut().poll(context))).await;
        assert!(polled.is_pending());
        drop(request);
        sender.send(()).unwrap();
        while !is_done.load(Ordering::Relaxed) {
            yield_now().await;
        }
    }
}
