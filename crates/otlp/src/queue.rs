//! The queue of ended spans. It has a limit and never blocks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use tokio::sync::Notify;

use crate::losses::{Losses, Reason};
use crate::settings::{QueueLimits, Signal};

/// The ended spans that wait for their export. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct SpanQueue(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    spans: Mutex<VecDeque<SpanData>>,
    limits: QueueLimits,
    losses: Arc<Losses>,
    is_batch_full: Notify,
}

impl SpanQueue {
    pub(crate) fn new(limits: QueueLimits, losses: Arc<Losses>) -> Self {
        Self(Arc::new(Inner {
            spans: Mutex::default(),
            limits,
            losses,
            is_batch_full: Notify::new(),
        }))
    }

    /// Removes the oldest spans, as many as fit into one request.
    pub(crate) fn take_batch(&self) -> Vec<SpanData> {
        let mut spans = self.lock();
        let count = spans.len().min(self.0.limits.batch);

        spans.drain(..count).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() >= self.0.limits.spans
    }

    /// Removes all spans and returns their number.
    pub(crate) fn clear(&self) -> usize {
        self.lock().drain(..).len()
    }

    /// True if a request can be filled.
    pub(crate) fn has_full_batch(&self) -> bool {
        self.len() >= self.0.limits.batch
    }

    /// Waits until a batch is full.
    pub(crate) async fn full_batch(&self) {
        self.0.is_batch_full.notified().await;
    }

    fn push(&self, span: SpanData) {
        let Inner { limits, losses, .. } = &*self.0;
        let mut spans = self.lock();
        if spans.len() >= limits.spans {
            drop(spans);
            return losses.dropped(Signal::Traces, Reason::QueueFull, 1);
        }

        spans.push_back(span);
        let is_batch_full = spans.len() == limits.batch;
        drop(spans);

        losses.queued();
        if is_batch_full {
            self.0.is_batch_full.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<SpanData>> {
        self.0.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SpanProcessor for SpanQueue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            self.push(span);
        }
    }

    /// Does nothing: the exporter's task sends the spans.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
