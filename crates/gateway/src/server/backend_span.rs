//! The span of a call to the backend, by the semantic conventions of OpenTelemetry for HTTP
//! clients.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body::{Body, Frame, SizeHint};
use telemetry::{Span, SpanKind, TraceParent, is_traced, propagates};

use super::backend::BackendError;
use super::backend_body::BackendBody;
use super::body::BodyError;
use super::request_span::{CLIENT_DISCONNECTED, body_error_type, known_method, name_of, put_on};

/// The span of a call. If it is dropped before the call has ended, the client has left.
#[derive(Debug)]
pub(super) struct BackendSpan {
    span: Span,
    has_ended: bool,
}

impl BackendSpan {
    /// Begins the span of a call as a child of `parent`. Its own context replaces the `traceparent`
    /// of the call. Without a tracer, it records nothing and the call stays as it is.
    pub(super) fn begin<B>(request: &mut Request<B>, parent: Option<&TraceParent>) -> Self {
        let span = if is_traced() {
            client_span(request, parent)
        } else {
            Span::none()
        };
        if let Some(context) = span.context().filter(|_| propagates()) {
            put_on(request.headers_mut(), context);
        }

        Self {
            span,
            has_ended: false,
        }
    }

    /// Adds the status of the response. The span ends with its body.
    pub(super) fn set_status(&mut self, status: StatusCode) {
        if self.span.is_none() {
            return;
        }

        self.span.set("http.response.status_code", status.as_u16());
        if status.is_client_error() || status.is_server_error() {
            self.span.fail(status.as_str().to_owned());
        }
    }

    /// Ends the span of a failed call.
    pub(super) fn fail(&mut self, error_type: &'static str) {
        self.span.fail(error_type);
        self.end();
    }

    fn end(&mut self) {
        self.has_ended = true;
        self.span.end();
    }
}

impl Drop for BackendSpan {
    fn drop(&mut self) {
        if !self.has_ended {
            self.span.fail(CLIENT_DISCONNECTED);
        }
    }
}

/// The body of a response, with which the span of the call ends.
pub(super) struct SpanBody {
    body: BackendBody,
    span: BackendSpan,
}

impl SpanBody {
    pub(super) fn new(body: BackendBody, mut span: BackendSpan) -> Self {
        if body.is_end_stream() {
            span.end();
        }
        Self { body, span }
    }
}

impl Body for SpanBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));

        match &frame {
            Some(Err(error)) => self.span.fail(body_error_type(*error)),
            Some(Ok(_)) if !self.body.is_end_stream() => {}
            Some(Ok(_)) | None => self.span.end(),
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

fn client_span<B>(request: &Request<B>, parent: Option<&TraceParent>) -> Span {
    let (method, uri) = (known_method(request.method()), request.uri());
    let mut span = Span::begin(SpanKind::Client, name_of(method), parent);

    span.set("http.request.method", method);
    span.set("url.full", url_without_query(uri));
    if let Some(host) = uri.host() {
        span.set("server.address", host.to_owned());
        span.set("server.port", uri.port_u16().unwrap_or(80));
    }
    span
}

/// Returns the `error.type` of a call without a response. `body` is the error of the request's
/// body.
pub(super) fn call_error_type(error: BackendError, body: Option<BodyError>) -> &'static str {
    match (body, error) {
        (Some(error), _) => body_error_type(error),
        (None, BackendError::Timeout) => "timeout",
        (None, BackendError::Target(StatusCode::GATEWAY_TIMEOUT)) => "connect_timeout",
        (None, BackendError::Target(_)) => "connection",
    }
}

/// Returns the URL without its query, which may contain secrets, and without user information.
fn url_without_query(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    let port = uri.port().map(|port| format!(":{port}"));

    format!("http://{host}{}{}", port.unwrap_or_default(), uri.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_has_no_query_and_no_user_information() {
        for (url, expected) in [
            (
                "http://user:hush@127.0.0.1:8080/a?key=hush",
                "http://127.0.0.1:8080/a",
            ),
            ("http://[::1]:8080/", "http://[::1]:8080/"),
            ("http://backend/a/b", "http://backend/a/b"),
        ] {
            assert_eq!(url_without_query(&url.parse().unwrap()), expected);
        }
    }
}
