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
    /// The backend's body ended early or was malformed.
    #[error("the backend broke off its response")]
    Backend,
    /// The integration's time is over.
    #[error("the integration took too long")]
    TooLate,
}

/// A body that is known as a whole.
pub(super) fn full(text: impl Into<Bytes>) -> ResponseBody {
    Full::new(text.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// What became of a request's body, for whoever has to answer.
#[derive(Clone, Debug, Default)]
pub(super) struct RequestFate(Arc<AtomicU8>);

impl RequestFate {
    fn set(&self, error: BodyError) {
        self.0.store(
            if error == BodyError::TooLarge { 1 } else { 2 },
            Ordering::Release,
        );
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

/// A request's body, which ends with an error once it has become too large or takes too long.
/// Trailers are left out: a backend might merge them into its headers.
#[derive(Debug)]
pub(super) struct RequestBody {
    body: Incoming,
    left: u64,
    deadline: Pin<Box<Sleep>>,
    fate: RequestFate,
}

impl RequestBody {
    pub(super) fn new(body: Incoming, deadline: Instant, fate: RequestFate) -> Self {
        Self {
            body,
            left: LARGEST,
            deadline: Box::pin(tokio::time::sleep_until(deadline.into())),
            fate,
        }
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
            return self
                .deadline
                .as_mut()
                .poll(context)
                .map(|()| Some(Err(BodyError::TooLate)));
        };
        let Some(frame) = frame else {
            return Poll::Ready(None);
        };
        let Ok(frame) = frame else {
            return self.fail(BodyError::Client);
        };
        let Some(data) = frame.data_ref() else {
            return Poll::Ready(None);
        };
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
    /// The first frame, which was read ahead.
    first: Option<Frame<Bytes>>,
    body: Incoming,
    deadline: Pin<Box<Sleep>>,
}

impl BackendBody {
    /// Waits for the first frame, so that a body that breaks at once is not passed on as a
    /// response. API Gateway waits for the whole body.
    ///
    /// # Errors
    /// [`BodyError`] if there is no first frame and the body has not ended properly.
    pub(super) async fn begin(body: Incoming, deadline: Instant) -> Result<Self, BodyError> {
        let mut body = Self {
            first: None,
            body,
            deadline: Box::pin(tokio::time::sleep_until(deadline.into())),
        };
        if !body.is_end_stream() {
            body.first = body.frame().await.transpose()?;
        }
        Ok(body)
    }
}

impl Body for BackendBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(|_| BodyError::Backend)));
        }
        self.deadline
            .as_mut()
            .poll(context)
            .map(|()| Some(Err(BodyError::TooLate)))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let ahead = self
            .first
            .as_ref()
            .and_then(Frame::data_ref)
            .map_or(0, |data| data.len() as u64);
        let rest = self.body.size_hint();
        let mut whole = SizeHint::new();
        whole.set_lower(rest.lower() + ahead);
        if let Some(upper) = rest.upper() {
            whole.set_upper(upper + ahead);
        }
        whole
    }
}

/// How the sending of a body ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    /// The bytes that were passed on.
    pub(super) bytes: u64,
    /// Why the body ended early, if its source ended it.
    pub(super) error: Option<BodyError>,
}

/// Counts a body's bytes and reports them once the body has been sent or given up.
pub(super) struct Counted<F: FnOnce(Sent)> {
    body: ResponseBody,
    sent: Sent,
    done: Option<F>,
}

impl<F: FnOnce(Sent)> Counted<F> {
    pub(super) fn new(body: ResponseBody, done: F) -> Self {
        Self {
            body,
            sent: Sent::default(),
            done: Some(done),
        }
    }
}

impl<F: FnOnce(Sent) + Unpin> Body for Counted<F> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                self.sent.bytes += frame.data_ref().map_or(0, |data| data.len() as u64)
            }
            Some(Err(error)) => self.sent.error = Some(*error),
            None => {}
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

impl<F: FnOnce(Sent)> Drop for Counted<F> {
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            done(self.sent);
        }
    }
}
