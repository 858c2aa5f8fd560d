//! The stream of a connection: its reads are scanned, and its writes time out.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::PoisonError;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::head_scanner::{HeadScanner, Heads};

/// The most heads that wait to be served. hyper's read buffer holds fewer pipelined requests.
const MAX_WAITING_HEADS: usize = 4_096;
/// The longest time for which a client may read nothing. hyper has a timeout for reading heads, but
/// none for writes: without this one, clients that stop reading would hold connections forever.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct ScannedStream<S> {
    stream: S,
    scanner: HeadScanner,
    heads: Heads,
    /// The timeout of a write that waits for the client.
    write_timeout: Option<Pin<Box<Sleep>>>,
}

impl<S> ScannedStream<S> {
    pub(super) fn new(stream: S, heads: Heads) -> Self {
        Self {
            stream,
            scanner: HeadScanner::default(),
            heads,
            write_timeout: None,
        }
    }

    /// Fails a write that made no progress before its timeout.
    fn check_progress<T>(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.write_timeout = None;
            return polled;
        }

        let timeout = self
            .write_timeout
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(WRITE_TIMEOUT)));
        timeout
            .as_mut()
            .poll(context)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ScannedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);

        let Self { scanner, heads, .. } = &mut *self;
        let read = buffer.filled().get(before..).unwrap_or_default();
        let mut heads = heads.lock().unwrap_or_else(PoisonError::into_inner);
        scanner.scan(read, |head| heads.push_back(head));
        if heads.len() > MAX_WAITING_HEADS {
            buffer.set_filled(before);
            return Poll::Ready(Err(io::Error::other("too many pipelined requests")));
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ScannedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.check_progress(context, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.check_progress(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.check_progress(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn write_to_a_client_that_does_not_read_times_out() {
        let (_client, server) = tokio::io::duplex(16);
        let mut stream = ScannedStream::new(server, Heads::default());
        let error = stream.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn too_many_waiting_heads_end_the_connection() {
        let flood = b"x\n\n".repeat(MAX_WAITING_HEADS + 10);
        let mut stream = ScannedStream::new(std::io::Cursor::new(flood), Heads::default());
        assert!(stream.read_to_end(&mut Vec::new()).await.is_err());
    }
}
