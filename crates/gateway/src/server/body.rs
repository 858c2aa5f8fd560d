//! Response bodies: streamed and counted, not kept in memory.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};

use crate::api::IncompleteReason;

pub(super) type ResponseBody = UnsyncBoxBody<Bytes, BodyError>;

/// The reasons why a body ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the body is larger than 10 MB")]
    TooLarge,
    #[error("the client's body ended early or is malformed")]
    Client,
    #[error("the backend broke off its response")]
    Backend,
    #[error("the integration timed out")]
    Timeout,
}

/// A body in memory.
pub(super) fn full(text: impl Into<Bytes>) -> ResponseBody {
    Full::new(text.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// The number of bytes that were sent, and how sending ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Transfer {
    pub(super) bytes: u64,
    /// The error of the body's source, if it ended early.
    pub(super) error: Option<BodyError>,
    /// True if the whole body was sent. Responses without a body are complete.
    pub(super) is_complete: bool,
}

impl Transfer {
    /// Returns the reason why the body ended early. `None` if it was sent as a whole.
    pub(super) const fn incomplete(self) -> Option<IncompleteReason> {
        match self.error {
            Some(BodyError::Timeout) => Some(IncompleteReason::Timeout),
            Some(_) => Some(IncompleteReason::Backend),
            None if self.is_complete => None,
            None => Some(IncompleteReason::Client),
        }
    }
}

/// Counts a body's bytes. It calls `done` once the body has been sent or dropped.
pub(super) struct CountingBody<F: FnOnce(Transfer)> {
    body: ResponseBody,
    transfer: Transfer,
    done: Option<F>,
}

impl<F: FnOnce(Transfer)> CountingBody<F> {
    pub(super) fn new(body: ResponseBody, done: F) -> Self {
        Self {
            body,
            transfer: Transfer::default(),
            done: Some(done),
        }
    }
}

impl<F: FnOnce(Transfer) + Unpin> Body for CountingBody<F> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));

        match &frame {
            Some(Ok(frame)) => {
                self.transfer.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
            }
            Some(Err(error)) => self.transfer.error = Some(*error),
            None => self.transfer.is_complete = true,
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

impl<F: FnOnce(Transfer)> Drop for CountingBody<F> {
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            self.transfer.is_complete |= self.body.is_end_stream();
            done(self.transfer);
        }
    }
}
