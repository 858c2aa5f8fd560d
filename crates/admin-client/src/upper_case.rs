//! Connections that send the names of headers in upper case.
//!
//! HTTP/1.1 ignores the case of names, but the library writes them in lower case only. A check of an
//! API sends them in upper case, to show that this makes no difference.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use tower_service::Service;

/// Opens connections with names in upper case over those of another connector.
#[derive(Clone, Debug)]
pub(crate) struct UpperCaseConnector<C>(pub(crate) C);

impl<C> Service<Uri> for UpperCaseConnector<C>
where
    C: Service<Uri>,
    C::Future: Send + 'static,
    C::Response: 'static,
    C::Error: 'static,
{
    type Response = UpperCaseStream<C::Response>;
    type Error = C::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        let connecting = self.0.call(destination);
        let wrapped = connecting.map(|outcome| {
            outcome.map(|stream| UpperCaseStream {
                stream,
                place: Place::RequestLine,
            })
        });
        Box::pin(wrapped)
    }
}

/// A connection that changes the names of headers to upper case. Requests must have no body.
pub(crate) struct UpperCaseStream<S> {
    stream: S,
    place: Place,
}

/// The place of the next byte in the head of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    RequestLine,
    /// The first byte of a line after the request line.
    LineBegin,
    Name,
    Value,
    /// The line break of the empty line, after which the next request begins.
    HeadEnd,
}

impl Place {
    fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::HeadEnd, b'\n') | (Self::LineBegin, b'\n') => Self::RequestLine,
            (_, b'\n') => Self::LineBegin,
            (Self::LineBegin, b'\r') => Self::HeadEnd,
            (Self::LineBegin | Self::Name, b':') => Self::Value,
            (Self::LineBegin, _) => Self::Name,
            (place, _) => place,
        }
    }

    /// Returns bytes with names in upper case, beginning at this place.
    fn in_upper_case(mut self, bytes: &[u8]) -> Vec<u8> {
        let change = |byte: &u8| {
            let is_name = matches!(self, Self::LineBegin | Self::Name);
            self = self.after(*byte);
            if is_name {
                byte.to_ascii_uppercase()
            } else {
                *byte
            }
        };
        bytes.iter().map(change).collect()
    }
}

impl<S: Write + Unpin> Write for UpperCaseStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let changed = self.place.in_upper_case(bytes);
        let written = Pin::new(&mut self.stream).poll_write(context, &changed);
        if let Poll::Ready(Ok(count)) = written {
            let sent = bytes.iter().take(count);
            self.place = sent.fold(self.place, |place, byte| place.after(*byte));
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: Read + Unpin> Read for UpperCaseStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: Connection> Connection for UpperCaseStream<S> {
    fn connected(&self) -> Connected {
        self.stream.connected()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_change_and_nothing_else() {
        let request = b"GET /path?a:b HTTP/1.1\r\nhost: a.example\r\nx-one:b: c\r\n\r\n";
        let expected = b"GET /path?a:b HTTP/1.1\r\nHOST: a.example\r\nX-ONE:b: c\r\n\r\n";
        let twice = [&request[..], &request[..]].concat();
        let expected_twice = [&expected[..], &expected[..]].concat();
        assert_eq!(Place::RequestLine.in_upper_case(&twice), expected_twice);
    }

    #[test]
    fn a_head_may_be_written_in_parts() {
        let request = b"GET / HTTP/1.1\r\nhost: a\r\nx-one: b\r\n\r\n";
        let whole = Place::RequestLine.in_upper_case(request);
        for end in 0..request.len() {
            let (first, second) = request.split_at(end);
            let place = first
                .iter()
                .fold(Place::RequestLine, |it, byte| it.after(*byte));
            let mut parts = Place::RequestLine.in_upper_case(first);
            parts.extend(place.in_upper_case(second));
            assert_eq!(parts, whole, "{end}");
        }
    }
}
