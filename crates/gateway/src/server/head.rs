//! Watches what a connection reads, for what hyper does not tell of a request's head: how many
//! bytes it had, and whether `Content-Length` stood beside `Transfer-Encoding`, of which hyper
//! drops the former.
//!
//! Where a body ends has to be judged exactly as hyper judges it, or one request would be answered
//! by what was seen of another. So whatever is not plain as day is refused, and ends the
//! connection.

use std::collections::VecDeque;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// What was seen of one request's head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// Request line and headers, line ends included.
    pub(super) bytes: u64,
    /// Where the body ends is told twice, or not plainly: something may have been smuggled in.
    pub(super) unclear: bool,
    /// The body ends where its encoding says. Nothing is watched behind it, so the connection has
    /// to close.
    pub(super) encoded: bool,
}

/// More requests than hyper's read buffer holds, so more than can have been sent ahead.
const MOST_AHEAD: usize = 4_096;

/// The heads that were seen and not asked for yet.
pub(super) type Heads = Arc<Mutex<VecDeque<Head>>>;

/// Takes the head of the request that is being served.
pub(super) fn next_head(heads: &Heads) -> Option<Head> {
    heads
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .pop_front()
}

/// A line that matters is shorter, or not plain.
const LONGEST_LINE: usize = 64;

#[derive(Debug)]
enum Part {
    Head,
    Body(u64),
    /// What follows cannot be told apart without decoding it.
    Unwatched,
}

/// A state machine over the bytes of a connection.
#[derive(Debug)]
struct Watch {
    part: Part,
    head: Head,
    length: Option<u64>,
    /// The beginning of the present line.
    line: Vec<u8>,
    /// Bytes of the present line, its end not counted.
    line_bytes: u64,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            part: Part::Head,
            head: Head::default(),
            length: None,
            line: Vec::new(),
            line_bytes: 0,
        }
    }
}

impl Watch {
    fn feed(&mut self, mut bytes: &[u8], mut seen: impl FnMut(Head)) {
        while let Some(&first) = bytes.first() {
            match self.part {
                Part::Unwatched => return,
                Part::Body(left) => {
                    let taken = left.min(bytes.len() as u64);
                    self.part = if taken == left {
                        Part::Head
                    } else {
                        Part::Body(left - taken)
                    };
                    bytes = bytes
                        .get(usize::try_from(taken).unwrap_or(usize::MAX)..)
                        .unwrap_or_default();
                }
                Part::Head => {
                    self.head.bytes += 1;
                    if let Some(head) = self.byte(first) {
                        seen(head);
                    }
                    bytes = &bytes[1..];
                }
            }
        }
    }

    /// A head, where this byte ends one. A line ends with a line feed, as for hyper's parser.
    fn byte(&mut self, byte: u8) -> Option<Head> {
        if byte != b'\n' {
            self.line_bytes += 1;
            if self.line.len() < LONGEST_LINE {
                self.line.push(byte);
            }
            return None;
        }
        let empty = self.line_bytes == 0 || (self.line_bytes == 1 && self.line == b"\r");
        let first = self.head.bytes == self.line_bytes + 1;
        let ended = if !empty {
            self.header_line();
            None
        } else if first {
            // Empty lines before a request are passed over.
            self.head = Head::default();
            None
        } else {
            Some(self.end())
        };
        self.line.clear();
        self.line_bytes = 0;
        ended
    }

    fn header_line(&mut self) {
        let mut parts = self.line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
            return;
        };
        let cut = self.line_bytes > LONGEST_LINE as u64;
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.head.unclear |=
                cut || self.head.encoded || !value.trim_ascii().eq_ignore_ascii_case(b"chunked");
            self.head.encoded = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let length = length(value).filter(|_| !cut);
            self.head.unclear |=
                length.is_none() || self.length.is_some_and(|earlier| Some(earlier) != length);
            self.length = Some(length.unwrap_or(0));
        }
    }

    fn end(&mut self) -> Head {
        let length = self.length.take();
        let mut head = std::mem::take(&mut self.head);
        head.unclear |= head.encoded && length.is_some();
        self.part = match length {
            _ if head.encoded || head.unclear => Part::Unwatched,
            Some(length) if length > 0 => Part::Body(length),
            _ => Part::Head,
        };
        head
    }
}

/// A length of digits alone.
fn length(value: &[u8]) -> Option<u64> {
    let digits = value.trim_ascii();
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits)
        .ok()
        .filter(|_| plain)?
        .parse()
        .ok()
}

/// How long a client may take none of its answer.
const STALLED: Duration = Duration::from_secs(30);

/// A stream whose reads are watched, and whose writes may not stall.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    watch: Watch,
    heads: Heads,
    /// Set while a write waits for the client.
    stall: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, heads: Heads) -> Self {
        Self {
            stream,
            watch: Watch::default(),
            heads,
            stall: None,
        }
    }

    /// Ends a write that makes no progress.
    fn progress<T>(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stall = None;
            return polled;
        }
        let stall = self
            .stall
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(STALLED)));
        stall
            .as_mut()
            .poll(context)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let Self { watch, heads, .. } = &mut *self;
        let read = buffer.filled().get(before..).unwrap_or_default();
        let mut heads = heads.lock().unwrap_or_else(PoisonError::into_inner);
        watch.feed(read, |head| heads.push_back(head));
        if heads.len() > MOST_AHEAD {
            buffer.set_filled(before);
            return Poll::Ready(Err(io::Error::other("more requests ahead than can be")));
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.progress(context, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.progress(context, polled)
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
        self.progress(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn heads(chunks: &[&[u8]]) -> Vec<Head> {
        let (mut watch, mut heads) = (Watch::default(), Vec::new());
        for chunk in chunks {
            watch.feed(chunk, |head| heads.push(head));
        }
        heads
    }

    const PLAIN: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    #[test]
    fn a_head_is_counted_to_the_byte() {
        assert_eq!(
            heads(&[PLAIN]),
            [Head {
                bytes: PLAIN.len() as u64,
                ..Head::default()
            }]
        );
    }

    #[test]
    fn pipelined_requests_are_told_apart_by_the_length_of_their_bodies() {
        let with_body = b"POST / HTTP/1.1\r\ncontent-LENGTH: 27\r\n\r\n";
        let stream = [with_body.as_slice(), PLAIN, PLAIN].concat();
        let lengths: Vec<u64> = heads(&[&stream]).iter().map(|head| head.bytes).collect();
        assert_eq!(lengths, [with_body.len() as u64, PLAIN.len() as u64]);
    }

    #[test]
    fn two_lengths_are_seen_in_either_order_and_whatever_ends_the_lines() {
        for head in [
            "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
            "\r\nPOST / HTTP/1.1\nTRANSFER-ENCODING:chunked\ncontent-length:0\n\n",
        ] {
            assert_eq!(
                heads(&[head.as_bytes()])
                    .iter()
                    .map(|head| head.unclear)
                    .collect::<Vec<_>>(),
                [true],
                "{head:?}"
            );
        }
    }

    #[test]
    fn an_end_that_is_not_told_plainly_is_unclear_and_nothing_behind_it_is_a_head() {
        let (blanks, zeros) = (" ".repeat(60), "0".repeat(60));
        for line in [
            format!("content-length:{blanks}3"),
            format!("content-length: {zeros}3"),
            "content-length: +3".to_owned(),
            "content-length: 3, 3".to_owned(),
            "content-length:".to_owned(),
            "content-length: 3\r\ncontent-length: 4".to_owned(),
            "content-length: 99999999999999999999".to_owned(),
            "transfer-encoding: gzip, chunked".to_owned(),
            "transfer-encoding: cow\r\ntransfer-encoding: chunked".to_owned(),
            format!("transfer-encoding:{blanks}chunked"),
        ] {
            let stream = [
                format!("POST / HTTP/1.1\r\n{line}\r\n\r\n").as_bytes(),
                PLAIN,
            ]
            .concat();
            assert_eq!(
                heads(&[&stream])
                    .iter()
                    .map(|head| head.unclear)
                    .collect::<Vec<_>>(),
                [true],
                "{line:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_none_of_its_answer_is_given_up() {
        use tokio::io::AsyncWriteExt as _;
        let (_client, server) = tokio::io::duplex(16);
        let mut watched = Watched::new(server, Heads::default());
        let error = watched.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn more_heads_than_can_have_been_sent_ahead_end_the_connection() {
        use tokio::io::AsyncReadExt as _;
        let flood = b"x\n\n".repeat(MOST_AHEAD + 10);
        let mut watched = Watched::new(std::io::Cursor::new(flood), Heads::default());
        assert!(watched.read_to_end(&mut Vec::new()).await.is_err());
    }

    #[test]
    fn nothing_is_watched_behind_an_encoded_body() {
        let stream = [
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".as_slice(),
            PLAIN,
        ]
        .concat();
        let seen = heads(&[&stream]);
        assert_eq!(seen.len(), 1);
        assert!(seen[0].encoded && !seen[0].unclear);
    }

    #[test]
    fn a_name_inside_a_value_or_a_long_line_is_not_a_header() {
        let long = format!(
            "GET / HTTP/1.1\r\nx: transfer-encoding: chunked\r\nx{}content-length: 3\r\n\r\n",
            "y".repeat(100)
        );
        assert_eq!(
            heads(&[long.as_bytes()])
                .iter()
                .map(|head| head.encoded)
                .collect::<Vec<_>>(),
            [false]
        );
    }

    proptest! {
        #[test]
        fn how_the_bytes_arrive_does_not_matter(length in 0usize..40, bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), any::<u8>()], 0..200), cut in 0usize..200) {
            let with_body = format!("POST / HTTP/1.1\r\ncontent-length: {length}\r\n\r\n");
            let stream = [PLAIN, with_body.as_bytes(), &bytes].concat();
            let cut = cut.min(stream.len());
            prop_assert_eq!(heads(&[&stream]), heads(&[&stream[..cut], &stream[cut..]]));
        }
    }
}
