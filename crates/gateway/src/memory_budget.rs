//! A limit on the memory of all bodies that are in memory.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A number of bytes that all requests share.
#[derive(Clone, Debug)]
pub(crate) struct MemoryBudget(Arc<Semaphore>);

/// A part of the budget, which is released on drop.
#[derive(Debug)]
pub(crate) struct Reservation(OwnedSemaphorePermit);

/// The reasons why a body cannot be read into memory.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CollectError<E> {
    /// The body is too large.
    TooLarge,
    /// The budget is used by other requests.
    Exhausted,
    /// The body failed.
    Body(E),
}

impl MemoryBudget {
    pub(crate) fn new(bytes: u32) -> Self {
        Self(Arc::new(Semaphore::new(bytes as usize)))
    }

    /// Reserves memory. `None` if the budget is exhausted. It never waits, because requests that
    /// wait for each other's memory would all time out.
    pub(crate) fn reserve(&self, bytes: usize) -> Option<Reservation> {
        let permits = Arc::clone(&self.0).try_acquire_many_owned(u32::try_from(bytes).ok()?);
        permits.ok().map(Reservation)
    }

    /// Reads a body of at most `max_bytes` bytes. A body with a larger declared length is refused
    /// without reading it. Memory is reserved as the bytes arrive, so a slow client holds only what
    /// it has sent.
    ///
    /// # Errors
    /// [`CollectError`] if the body is too large, fails, or does not fit into the budget.
    pub(crate) async fn collect<B>(
        &self,
        body: B,
        max_bytes: usize,
    ) -> Result<(Bytes, Reservation), CollectError<B::Error>>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        if body.size_hint().lower() > max_bytes as u64 {
            return Err(CollectError::TooLarge);
        }

        let (mut body, mut whole) = (body, BytesMut::new());
        let mut reservation = self.reserve(0).ok_or(CollectError::Exhausted)?;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(CollectError::Body)?.into_data() else {
                continue;
            };
            if whole.len() + data.len() > max_bytes {
                return Err(CollectError::TooLarge);
            }
            let more = self.reserve(data.len()).ok_or(CollectError::Exhausted)?;
            reservation.0.merge(more.0);
            whole.extend_from_slice(&data);
        }
        Ok((whole.freeze(), reservation))
    }
}

/// A body whose memory stays reserved until it has been sent or dropped.
pub(crate) struct ReservedBody<B> {
    body: B,
    _reservation: Reservation,
}

impl<B> ReservedBody<B> {
    pub(crate) fn new(body: B, reservation: Reservation) -> Self {
        Self {
            body,
            _reservation: reservation,
        }
    }
}

impl<B: Body + Unpin> Body for ReservedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;

    use http_body_util::Full;

    use super::*;

    /// A body of unknown length that arrives in pieces.
    struct Pieces(VecDeque<Bytes>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
        }
    }

    fn pieces(sizes: &[usize]) -> Pieces {
        Pieces(
            sizes
                .iter()
                .map(|size| Bytes::from(vec![b'x'; *size]))
                .collect(),
        )
    }

    #[tokio::test]
    async fn reservation_of_a_body_is_released_on_drop() {
        let budget = MemoryBudget::new(10);
        let (body, reservation) = budget.collect(pieces(&[3, 4]), 8).await.unwrap();
        assert_eq!(body.len(), 7);
        assert!(budget.reserve(4).is_none());
        drop(reservation);
        assert!(budget.reserve(10).is_some());
    }

    #[tokio::test]
    async fn refused_bodies_reserve_nothing() {
        let budget = MemoryBudget::new(10);
        let declared = budget
            .collect(Full::new(Bytes::from_static(b"123456789")), 8)
            .await;
        assert_eq!(declared.err(), Some(CollectError::TooLarge));
        assert_eq!(
            budget.collect(pieces(&[4, 4, 1]), 8).await.err(),
            Some(CollectError::TooLarge)
        );
        assert_eq!(
            budget.collect(pieces(&[8, 8]), 20).await.err(),
            Some(CollectError::Exhausted)
        );
        assert!(budget.reserve(10).is_some());
    }
}
