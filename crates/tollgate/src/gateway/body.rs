//! Bodies on their way through: bounded, counted, and not kept.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use tokio::time::Sleep;

/// API Gateway's payload quota.
pub(super) const LARGEST: u64 = 10_000_000;

/// The body of an answer.
pub(super) type ResponseBody = UnsyncBoxBody<Bytes, BodyError>;

/// Why a body ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    /// The client sent more than fits.
    #[error("the body is larger than 10 MB")]
    TooLarge,
    /// The client's body broke off or made no sense.
    #[error("the client's body broke off")]
    Client,
    /// The backend's body broke off.
    #[error("the backend's body broke off")]
    Backend,
    /// The integration's time is over.
    #[error("the integration took too long")]
    TooLate,
}

/// A body that is known as a whole.
pub(super) fn full(text: impl Into<Bytes>) -> ResponseBody {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}

/// What became of a request's body, for whoever has to answer.
#[derive(Clone, Debug, Default)]
pub(super) struct RequestFate(Arc<AtomicU8>);

impl RequestFate {
    fn set(&self, error: BodyError) {
        self.0.store(if error == BodyError::TooLarge { 1 } else { 2 }, Ordering::Release);
    }

    /// Why the body ended before its end, if it did.
    pub(super) fn error(&self) -> Option<BodyError> {
        match self.0.load(Ordering::Acquire) {
            0 => None,
            1 => Some(BodyError::TooLarge),
            _ => Some(BodyError::Client),
        }
    }
}

/// A request's body, which ends with an error once it has become too large or takes too long. Trailers are
/// left out: a backend might merge them into its headers.
#[derive(Debug)]
pub(super) struct RequestBody {
    body: Incoming,
    left: u64,
    deadline: Pin<Box<Sleep>>,
    fate: RequestFate,
}

impl RequestBody {
    pub(super) fn new(body: Incoming, deadline: Instant, fate: RequestFate) -> Self {
        Self { body, left: LARGEST, deadline: Box::pin(tokio::time::sleep_until(deadline.into())), fate }
    }

    fn fail<T>(&self, error: BodyError) -> Poll<Option<Result<T, BodyError>>> {
        self.fate.set(error);
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
            return self.deadline.as_mut().poll(context).map(|()| Some(Err(BodyError::TooLate)));
        };
        let Some(frame) = frame else { return Poll::Ready(None) };
        let Ok(frame) = frame else { return self.fail(BodyError::Client) };
        let Some(data) = frame.data_ref() else { return Poll::Ready(None) };
        let length = data.len() as u64;
        match self.left.checked_sub(length) {
            Some(left) => self.left = left,
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

/// A backend's body, which ends with an error at the integration's deadline.
pub(super) struct BackendBody {
    body: Incoming,
    deadline: Pin<Box<Sleep>>,
}

impl BackendBody {
    pub(super) fn new(body: Incoming, deadline: Instant) -> Self {
        Self { body, deadline: Box::pin(tokio::time::sleep_until(deadline.into())) }
    }
}

impl Body for BackendBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(|_| BodyError::Backend)));
        }
        self.deadline.as_mut().poll(context).map(|()| Some(Err(BodyError::TooLate)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Counts a body's bytes and says how many there were, once it is sent or given up.
pub(super) struct Counted<F: FnOnce(u64)> {
    body: ResponseBody,
    bytes: u64,
    done: Option<F>,
}

impl<F: FnOnce(u64)> Counted<F> {
    pub(super) fn new(body: ResponseBody, done: F) -> Self {
        Self { body, bytes: 0, done: Some(done) }
    }
}

impl<F: FnOnce(u64) + Unpin> Body for Counted<F> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame {
            self.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<F: FnOnce(u64)> Drop for Counted<F> {
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            done(self.bytes);
        }
    }
}
