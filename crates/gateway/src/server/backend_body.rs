//! The body of the backend's response.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::Sleep;

use super::body::BodyError;

/// A backend's body, which ends with an error at the integration's deadline.
pub(super) struct BackendBody {
    /// The first frame, which was read ahead.
    first: Option<Frame<Bytes>>,
    body: Incoming,
    deadline: Pin<Box<Sleep>>,
}

impl BackendBody {
    /// Waits for the first frame, so that a body that fails at once becomes an error response. API
    /// Gateway waits for the whole body.
    ///
    /// # Errors
    /// [`BodyError`] if the body fails before its first frame.
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
            .map(|()| Some(Err(BodyError::Timeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().and_then(Frame::data_ref);
        let first = first.map_or(0, |data| data.len() as u64);
        let rest = self.body.size_hint();

        let mut whole = SizeHint::new();
        whole.set_lower(rest.lower() + first);
        if let Some(upper) = rest.upper() {
            whole.set_upper(upper + first);
        }
        whole
    }
}
