//! The access log entry of a request.

use std::sync::Arc;
use std::time::Instant;

use http::StatusCode;
use telemetry::Span;

use super::body::Transfer;
use super::{Gateway, request_span};
use crate::api::Exchange;

/// An exchange that is counted and logged when it is dropped: after the response has been sent, or
/// when the client disconnects.
pub(super) struct AccessLogEntry {
    pub(super) exchange: Exchange,
    /// The span of the request, which ends with the entry.
    span: Span,
    gateway: Arc<Gateway>,
    started: Instant,
}

impl AccessLogEntry {
    pub(super) fn new(gateway: Arc<Gateway>, exchange: Exchange, span: Span) -> Self {
        gateway.metrics.live().begin_request();
        Self {
            exchange,
            span,
            gateway,
            started: Instant::now(),
        }
    }

    /// Records that the response begins.
    pub(super) fn begin_response(&mut self, status: StatusCode) {
        self.exchange.status = Some(status.as_u16());
        self.exchange.head_latency = Some(self.started.elapsed());
    }

    /// Completes the entry. If a body ends early, its status has already been sent, so the log only
    /// gets the error.
    pub(super) fn complete(mut self, transfer: Transfer) {
        self.exchange.response_length = Some(transfer.bytes);
        // The body of a response to HEAD is not sent.
        if self.exchange.method != "HEAD" {
            self.exchange.incomplete = transfer.incomplete();
        }
        if let Some(error) = transfer.error {
            self.exchange
                .integration_error
                .get_or_insert_with(|| error.to_string());
        }
    }
}

impl Drop for AccessLogEntry {
    fn drop(&mut self) {
        self.exchange.response_latency = Some(self.started.elapsed());
        request_span::end(&mut self.span, &self.exchange);
        // A scrape that counted as a request would change the metrics that it reads.
        if !self.exchange.is_own_page {
            self.gateway.metrics.count(&self.exchange);
            self.gateway.metrics.live().end_request();
        }
        self.gateway.observe(&self.exchange);

        if let Some(format) = &self.gateway.api.stage.log {
            (self.gateway.log)(format, &self.exchange);
        }
    }
}
