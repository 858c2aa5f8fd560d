//! Scans the bytes of a connection for facts about a request's head that hyper does not report.
//!
//! The attack is request smuggling: a client sends both `Content-Length` and `Transfer-Encoding`,
//! or a length that two parsers read differently. hyper drops `Content-Length` silently in the
//! first case, so the gateway could not refuse the request. hyper also does not report the size of
//! the head, for which API Gateway has a quota.
//!
//! The scanner must find the end of each body exactly where hyper finds it, or it would attribute
//! the facts to the wrong request. It therefore reports ambiguous framing, and the gateway refuses
//! such a request and closes the connection.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use memchr::memchr;

/// The facts about one request's head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// The size of request line and headers, line ends included.
    pub(super) bytes: u64,
    /// True if the end of the body is given twice or ambiguously.
    pub(super) is_ambiguous: bool,
    /// True if the body is chunked. The scanner does not decode it, so nothing behind it is
    /// scanned and the connection has to close.
    pub(super) is_chunked: bool,
}

/// The heads that were scanned and not yet served.
pub(super) type Heads = Arc<Mutex<VecDeque<Head>>>;

/// Takes the head of the request that is served next.
pub(super) fn next_head(heads: &Heads) -> Option<Head> {
    heads
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .pop_front()
}

/// The most bytes of a line that are kept. A valid header about framing is shorter.
const MAX_LINE_BYTES: usize = 64;

#[derive(Debug)]
enum Section {
    Head,
    /// A body, with the number of bytes left.
    Body(u64),
    /// The rest of the connection behind a chunked body or an ambiguous head.
    Unscanned,
}

/// A state machine over the bytes that a connection receives.
#[derive(Debug)]
pub(super) struct HeadScanner {
    section: Section,
    head: Head,
    content_length: Option<u64>,
    /// The beginning of the current line.
    line: Vec<u8>,
    /// The length of the current line, without its end.
    line_bytes: u64,
}

impl Default for HeadScanner {
    fn default() -> Self {
        Self {
            section: Section::Head,
            head: Head::default(),
            content_length: None,
            line: Vec::new(),
            line_bytes: 0,
        }
    }
}

impl HeadScanner {
    /// Scans bytes and calls `found` for each head that ends in them.
    pub(super) fn scan(&mut self, mut bytes: &[u8], mut found: impl FnMut(Head)) {
        while !bytes.is_empty() {
            let scanned = match self.section {
                Section::Unscanned => return,
                Section::Body(left) => self.skip(left, bytes.len()),
                Section::Head => {
                    let (scanned, head) = self.head_bytes(bytes);
                    head.into_iter().for_each(&mut found);
                    scanned
                }
            };
            bytes = bytes.get(scanned..).unwrap_or_default();
        }
    }

    /// Skips the bytes of a body and returns their number.
    fn skip(&mut self, left: u64, available: usize) -> usize {
        let skipped = left.min(available as u64);
        self.section = if skipped == left {
            Section::Head
        } else {
            Section::Body(left - skipped)
        };
        usize::try_from(skipped).unwrap_or(usize::MAX)
    }

    /// Scans bytes to the end of the line. Returns their number, and the head if it ends with them. As
    /// in hyper's parser, a line ends with a line feed.
    fn head_bytes(&mut self, bytes: &[u8]) -> (usize, Option<Head>) {
        let end = memchr(b'\n', bytes);
        let text = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();

        let kept = MAX_LINE_BYTES.saturating_sub(self.line.len());
        self.line
            .extend_from_slice(text.get(..kept).unwrap_or(text));
        self.line_bytes += text.len() as u64;
        self.head.bytes += text.len() as u64;
        match end {
            Some(end) => {
                self.head.bytes += 1;
                (end + 1, self.end_line())
            }
            None => (bytes.len(), None),
        }
    }

    /// Returns the head if this line ends it.
    fn end_line(&mut self) -> Option<Head> {
        let is_empty = self.line_bytes == 0 || (self.line_bytes == 1 && self.line == b"\r");
        let is_first = self.head.bytes == self.line_bytes + 1;
        let head = if !is_empty {
            self.header_line();
            None
        } else if is_first {
            // Empty lines before a request are ignored.
            self.head = Head::default();
            None
        } else {
            Some(self.end())
        };
        self.line.clear();
        self.line_bytes = 0;
        head
    }

    fn header_line(&mut self) {
        let mut parts = self.line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
            return;
        };
        let is_cut = self.line_bytes > MAX_LINE_BYTES as u64;

        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            let is_plain = value.trim_ascii().eq_ignore_ascii_case(b"chunked");
            self.head.is_ambiguous |= is_cut || self.head.is_chunked || !is_plain;
            self.head.is_chunked = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let length = digits(value).filter(|_| !is_cut);
            let differs = self
                .content_length
                .is_some_and(|earlier| Some(earlier) != length);
            self.head.is_ambiguous |= length.is_none() || differs;
            self.content_length = Some(length.unwrap_or(0));
        }
    }

    fn end(&mut self) -> Head {
        let length = self.content_length.take();
        let mut head = std::mem::take(&mut self.head);
        head.is_ambiguous |= head.is_chunked && length.is_some();

        self.section = match length {
            _ if head.is_chunked || head.is_ambiguous => Section::Unscanned,
            Some(length) if length > 0 => Section::Body(length),
            _ => Section::Head,
        };
        head
    }
}

/// A number that consists of digits only.
fn digits(value: &[u8]) -> Option<u64> {
    let value = value.trim_ascii();
    let is_plain = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(value).ok().filter(|_| is_plain)?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn heads(chunks: &[&[u8]]) -> Vec<Head> {
        let (mut scanner, mut heads) = (HeadScanner::default(), Vec::new());
        for chunk in chunks {
            scanner.scan(chunk, |head| heads.push(head));
        }
        heads
    }

    const PLAIN: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    #[test]
    fn size_of_a_head_is_exact() {
        assert_eq!(
            heads(&[PLAIN]),
            [Head {
                bytes: PLAIN.len() as u64,
                ..Head::default()
            }]
        );
    }

    #[test]
    fn pipelined_requests_are_separated_by_content_length() {
        let with_body = b"POST / HTTP/1.1\r\ncontent-LENGTH: 27\r\n\r\n";
        let stream = [with_body.as_slice(), PLAIN, PLAIN].concat();
        let lengths: Vec<u64> = heads(&[&stream]).iter().map(|head| head.bytes).collect();
        assert_eq!(lengths, [with_body.len() as u64, PLAIN.len() as u64]);
    }

    #[test]
    fn content_length_with_transfer_encoding_is_ambiguous_in_any_order() {
        for head in [
            "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
            "\r\nPOST / HTTP/1.1\nTRANSFER-ENCODING:chunked\ncontent-length:0\n\n",
        ] {
            assert_eq!(
                heads(&[head.as_bytes()])
                    .iter()
                    .map(|head| head.is_ambiguous)
                    .collect::<Vec<_>>(),
                [true],
                "{head:?}"
            );
        }
    }

    #[test]
    fn malformed_framing_is_ambiguous_and_nothing_behind_it_is_scanned() {
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
                    .map(|head| head.is_ambiguous)
                    .collect::<Vec<_>>(),
                [true],
                "{line:?}"
            );
        }
    }

    #[test]
    fn nothing_behind_a_chunked_body_is_scanned() {
        let stream = [
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".as_slice(),
            PLAIN,
        ]
        .concat();
        let found = heads(&[&stream]);
        assert_eq!(found.len(), 1);
        assert!(found[0].is_chunked && !found[0].is_ambiguous);
    }

    #[test]
    fn header_names_in_values_and_in_long_lines_are_ignored() {
        let long = format!(
            "GET / HTTP/1.1\r\nx: transfer-encoding: chunked\r\nx{}content-length: 3\r\n\r\n",
            "y".repeat(100)
        );
        assert_eq!(
            heads(&[long.as_bytes()])
                .iter()
                .map(|head| head.is_chunked)
                .collect::<Vec<_>>(),
            [false]
        );
    }

    proptest! {
        #[test]
        fn result_does_not_depend_on_how_bytes_are_split(length in 0usize..40, bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), any::<u8>()], 0..200), cut in 0usize..200) {
            let with_body = format!("POST / HTTP/1.1\r\ncontent-length: {length}\r\n\r\n");
            let stream = [PLAIN, with_body.as_bytes(), &bytes].concat();
            let cut = cut.min(stream.len());
            prop_assert_eq!(heads(&[&stream]), heads(&[&stream[..cut], &stream[cut..]]));
        }
    }
}
