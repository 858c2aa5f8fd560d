//! Watches what a connection reads, for what hyper does not tell of a request's head: how many bytes it
//! had, and whether `Content-Length` stood beside `Transfer-Encoding`, of which hyper drops the former.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What was seen of one request's head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// Request line and headers, line ends included.
    pub(super) bytes: u64,
    /// Two ways to tell where the body ends: one of them may have been smuggled in.
    pub(super) length_and_encoding: bool,
    /// The body ends where its encoding says. Nothing is watched behind it, so the connection has to close.
    pub(super) encoded: bool,
}

/// The heads that were seen and not asked for yet. Bounded by hyper's read buffer, which is full before the
/// next request is read.
pub(super) type Heads = Arc<Mutex<VecDeque<Head>>>;

/// Takes the head of the request that is being served.
pub(super) fn next_head(heads: &Heads) -> Option<Head> {
    heads.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

/// The names that matter have fewer characters.
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
        Self { part: Part::Head, head: Head::default(), length: None, line: Vec::new(), line_bytes: 0 }
    }
}

impl Watch {
    fn feed(&mut self, mut bytes: &[u8], mut seen: impl FnMut(Head)) {
        while let Some(&first) = bytes.first() {
            match self.part {
                Part::Unwatched => return,
                Part::Body(left) => {
                    let taken = left.min(bytes.len() as u64);
                    self.part = if taken == left { Part::Head } else { Part::Body(left - taken) };
                    bytes = bytes.get(usize::try_from(taken).unwrap_or(usize::MAX)..).unwrap_or_default();
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
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { return };
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.head.encoded = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            // A length that does not parse is refused by hyper, which closes the connection.
            self.length = std::str::from_utf8(value).ok().and_then(|text| text.trim().parse().ok()).or(Some(0));
        }
    }

    fn end(&mut self) -> Head {
        let length = self.length.take();
        let mut head = std::mem::take(&mut self.head);
        head.length_and_encoding = head.encoded && length.is_some();
        self.part = match length {
            _ if head.encoded => Part::Unwatched,
            Some(length) if length > 0 => Part::Body(length),
            _ => Part::Head,
        };
        head
    }
}

/// A stream whose reads are watched.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    watch: Watch,
    heads: Heads,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, heads: Heads) -> Self {
        Self { stream, watch: Watch::default(), heads }
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
        watch.feed(read, |head| heads.lock().unwrap_or_else(PoisonError::into_inner).push_back(head));
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
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
        assert_eq!(heads(&[PLAIN]), [Head { bytes: PLAIN.len() as u64, ..Head::default() }]);
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
                heads(&[head.as_bytes()]).iter().map(|head| head.length_and_encoding).collect::<Vec<_>>(),
                [true],
                "{head:?}"
            );
        }
    }

    #[test]
    fn nothing_is_watched_behind_an_encoded_body() {
        let stream = [b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".as_slice(), PLAIN].concat();
        let seen = heads(&[&stream]);
        assert_eq!(seen.len(), 1);
        assert!(seen[0].encoded && !seen[0].length_and_encoding);
    }

    #[test]
    fn a_name_inside_a_value_or_a_long_line_is_not_a_header() {
        let long =
            format!("GET / HTTP/1.1\r\nx: transfer-encoding: chunked\r\nx{}content-length: 3\r\n\r\n", "y".repeat(100));
        assert_eq!(heads(&[long.as_bytes()]).iter().map(|head| head.encoded).collect::<Vec<_>>(), [false]);
    }

    proptest! {
        #[test]
        fn how_the_bytes_arrive_does_not_matter(bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), any::<u8>()], 0..200), cut in 0usize..200) {
            let stream = [PLAIN, &bytes].concat();
            let cut = cut.min(stream.len());
            prop_assert_eq!(heads(&[&stream]), heads(&[&stream[..cut], &stream[cut..]]));
        }
    }
}
