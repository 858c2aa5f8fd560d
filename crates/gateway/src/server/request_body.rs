//! The body of a request on its way to a function or the backend.

use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;

use super::body::BodyError;

/// API Gateway's payload quota.
pub(super) const MAX_BODY_BYTES: u64 = 10_000_000;

/// The error of a request's body and the time that it took, for the code that writes the response.
/// The body itself is owned by the client of the backend, which reports neither.
#[derive(Clone, Debug, Default)]
pub(super) struct BodyStatus(Arc<Status>);

#[derive(Debug, Default)]
struct Status {
    error: AtomicU8,
    wait: Mutex<Wait>,
}

/// The time that the body was waited for.
#[derive(Debug, Default)]
struct Wait {
    total: Duration,
    /// The start of the wait in progress.
    since: Option<Instant>,
}

impl BodyStatus {
    fn set(&self, error: BodyError) {
        let code = if error == BodyError::TooLarge { 1 } else { 2 };
        self.0.error.store(code, Ordering::Release);
    }

    /// Returns the time for which the client did not send more of the body.
    pub(super) fn waited(&self) -> Duration {
        let wait = self.wait();
        let in_progress = wait.since.map(|since| since.elapsed());
        wait.total + in_progress.unwrap_or_default()
    }

    fn begin_wait(&self) {
        self.wait().since.get_or_insert_with(Instant::now);
    }

    fn end_wait(&self) {
        let mut wait = self.wait();
        if let Some(since) = wait.since.take() {
            wait.total += since.elapsed();
        }
    }

    fn wait(&self) -> MutexGuard<'_, Wait> {
        self.0.wait.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The error that ended the body early, if any.
    pub(super) fn error(&self) -> Option<BodyError> {
        match self.0.error.load(Ordering::Acquire) {
            0 => None,
            1 => Some(BodyError::TooLarge),
            _ => Some(BodyError::Client),
        }
    }
}

/// The body of a request. It ends with an error once it is too large or its deadline has passed.
/// Trailers are dropped, because a backend might merge them into its headers.
///
/// `http_body_util::Limited` limits the size only. It neither drops trailers nor reports the error
/// to the code that writes the response.
#[derive(Debug)]
pub(super) struct RequestBody {
    body: Incoming,
    bytes_left: u64,
    deadline: Pin<Box<Sleep>>,
    status: BodyStatus,
}

impl RequestBody {
    pub(super) fn new(body: Incoming, deadline: Instant, status: BodyStatus) -> Self {
        Self {
            body,
            bytes_left: MAX_BODY_BYTES,
            deadline: Box::pin(tokio::time::sleep_until(deadline.into())),
            status,
        }
    }

    fn fail<T>(&self, error: BodyError) -> Poll<Option<Result<T, BodyError>>> {
        self.status.set(error);
        Poll::Ready(Some(Err(error)))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
            self.status.begin_wait();
            return self
                .deadline
                .as_mut()
                .poll(context)
                .map(|()| Some(Err(BodyError::Timeout)));
        };
        self.status.end_wait();
        let Some(frame) = frame else {
            return Poll::Ready(None);
        };
        let Ok(frame) = frame else {
            return self.fail(BodyError::Client);
        };
        let Some(data) = frame.data_ref() else {
            return Poll::Ready(None);
        };

        match self.bytes_left.checked_sub(data.len() as u64) {
            Some(left) => self.bytes_left = left,
            None => return self.fail(BodyError::TooLarge),
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
