//! The task that sends spans and metrics. It is the only one that waits for the collector.

mod messages;
mod own_metrics;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use tokio::time::{Instant, sleep_until};

use crate::backoff::Backoff;
use crate::loss_log::Failure;
use crate::losses::Reason;
use crate::metrics::{Baseline, Encoder, Snapshot};
use crate::settings::{Settings, Signal, Target};
use crate::state::State;
use crate::transport::{Outcome, Transport};

/// The number of attempts after which a batch of spans is dropped if the queue is full, so that newer
/// spans are sent once the collector is back.
const MAX_ATTEMPTS: u32 = 5;

/// The times at which data are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rhythm {
    /// At intervals, and at a flush.
    Timed,
    /// At a flush, which follows each invocation of a function. Between invocations the process is
    /// frozen.
    AfterInvocations,
}

/// A batch that was not sent yet.
struct Pending {
    message: Bytes,
    spans: u64,
    attempts: u32,
}

/// The exporter with what it must remember between requests.
pub(crate) struct Exporter {
    settings: Settings,
    resource: ResourceAttributesWithSchema,
    state: Arc<State>,
    transport: Transport,
    rhythm: Rhythm,
    pending: Option<Pending>,
    traces_backoff: Backoff,
    metrics_backoff: Backoff,
    metrics_due: Instant,
    started: SystemTime,
    baseline: Baseline,
}

impl Exporter {
    pub(crate) fn new(
        settings: Settings,
        state: Arc<State>,
        transport: Transport,
        rhythm: Rhythm,
    ) -> Self {
        let (now, started) = (Instant::now(), SystemTime::now());
        let metrics_due = match rhythm {
            Rhythm::Timed => now + settings.metric_interval,
            Rhythm::AfterInvocations => now,
        };

        Self {
            resource: ResourceAttributesWithSchema::from(&settings.resource),
            settings,
            state,
            transport,
            rhythm,
            pending: None,
            traces_backoff: Backoff::default(),
            metrics_backoff: Backoff::default(),
            metrics_due,
            started,
            baseline: Baseline::new(started),
        }
    }

    /// Sends data until the task is aborted.
    pub(crate) async fn run(mut self) {
        loop {
            self.wait().await;

            let flush = self.state.begin_flush();
            self.export_spans().await;
            if flush.all_metrics || self.metrics_due <= Instant::now() {
                self.export_metrics().await;
            }
            self.state.log_losses(Instant::now());
            self.state.end_flush(&flush);
        }
    }

    /// Waits until there is something to do.
    async fn wait(&self) {
        let now = Instant::now();
        let spans_due = self.traces_backoff.until(now);
        let spans_due = spans_due.unwrap_or_else(|| now + self.settings.queue.delay);
        let metrics_due = self.metrics_backoff.until(now).unwrap_or(self.metrics_due);
        let is_timed = self.rhythm == Rhythm::Timed;

        tokio::select! {
            () = self.state.woken() => {}
            () = self.state.queue.full_batch() => {}
            () = sleep_until(spans_due.min(metrics_due)), if is_timed => {}
        }
    }

    /// Sends all spans that wait, until a request fails.
    async fn export_spans(&mut self) {
        let Some(target) = self.settings.traces.clone() else {
            return;
        };

        while self.traces_backoff.until(Instant::now()).is_none() {
            let Some(pending) = self.pending.take().or_else(|| self.next_batch()) else {
                return;
            };
            self.state.set_pending(pending.spans);
            let outcome = self
                .send(Signal::Traces, &target, pending.message.clone())
                .await;

            self.settle_spans(pending, outcome);
            let unsent = self.pending.as_ref().map_or(0, |pending| pending.spans);
            self.state.set_pending(unsent);
        }
    }

    fn next_batch(&self) -> Option<Pending> {
        let spans = self.state.queue.take_batch();
        if spans.is_empty() {
            return None;
        }

        Some(Pending {
            spans: messages::count(spans.len()),
            message: messages::traces(spans, &self.resource),
            attempts: 0,
        })
    }

    fn settle_spans(&mut self, mut pending: Pending, outcome: Outcome) {
        let losses = &self.state.losses;
        match outcome {
            Outcome::Accepted(response) => {
                let rejected = messages::rejected_spans(&response).min(pending.spans);
                losses.exported(pending.spans - rejected);
                losses.dropped(Signal::Traces, Reason::Rejected, rejected);
                self.traces_backoff.succeed();
            }
            Outcome::Refused(reason) => {
                losses.dropped(Signal::Traces, reason, pending.spans);
                self.traces_backoff.succeed();
            }
            Outcome::Retryable {
                reason,
                retry_after,
            } => {
                self.traces_backoff.fail(retry_after, Instant::now());
                pending.attempts += 1;
                if pending.attempts >= MAX_ATTEMPTS && self.state.queue.is_full() {
                    losses.dropped(Signal::Traces, reason, pending.spans);
                } else {
                    self.pending = Some(pending);
                }
            }
        }
    }

    /// Sends the current metrics. After a failure nothing is sent again: the next export has newer
    /// values, and the differences since the last successful one.
    async fn export_metrics(&mut self) {
        let Some(target) = self.settings.metrics.clone() else {
            self.metrics_due = Instant::now() + Duration::from_secs(86_400);
            return;
        };
        if self.metrics_backoff.until(Instant::now()).is_some() {
            return;
        }

        self.metrics_due = Instant::now() + self.settings.metric_interval;
        let (metrics, baseline) = self.metrics();
        let points = messages::data_points(&metrics);
        let message = messages::metrics(metrics, &self.resource);
        let outcome = self.send(Signal::Metrics, &target, message).await;
        self.settle_metrics(points, baseline, outcome);
    }

    fn metrics(&self) -> (Vec<Metric>, Baseline) {
        let mut snapshot = Snapshot::default();
        self.state.add_to(&mut snapshot);
        own_metrics::add_to(&mut snapshot, &self.state, &self.settings);

        let encoder = Encoder {
            temporality: self.settings.temporality,
            start: self.started,
            // The system's clock may have been set back.
            now: SystemTime::now().max(self.started),
            last: &self.baseline,
        };
        encoder.encode(snapshot)
    }

    fn settle_metrics(&mut self, points: u64, baseline: Baseline, outcome: Outcome) {
        let losses = &self.state.losses;
        match outcome {
            Outcome::Accepted(response) => {
                let rejected = messages::rejected_points(&response).min(points);
                losses.dropped(Signal::Metrics, Reason::Rejected, rejected);
                self.metrics_backoff.succeed();
                self.baseline = baseline;
            }
            Outcome::Refused(reason) => {
                losses.dropped(Signal::Metrics, reason, points);
                self.metrics_backoff.succeed();
                self.baseline = baseline;
            }
            Outcome::Retryable {
                reason,
                retry_after,
            } => {
                losses.dropped(Signal::Metrics, reason, points);
                self.metrics_backoff.fail(retry_after, Instant::now());
            }
        }
    }

    async fn send(&self, signal: Signal, target: &Target, message: Bytes) -> Outcome {
        self.state.set_in_flight(Some(Instant::now()));
        let outcome = self.transport.send(target, message).await;

        self.state.set_in_flight(None);
        if let Outcome::Refused(reason) | Outcome::Retryable { reason, .. } = &outcome {
            let failure = Failure {
                signal,
                collector: target.address(),
                cause: reason.name(),
            };
            self.state.log_failure(&failure, Instant::now());
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use aws::Connections;
    use telemetry::{SpanKind, Tracer as _};

    use super::*;
    use crate::Service;
    use crate::losses::Losses;
    use crate::queue::SpanQueue;
    use crate::tracer::OtlpTracer;

    /// Returns an exporter with a queue of one span, which is full or empty.
    fn exporter(is_full: bool) -> Exporter {
        let lookup = |name: &str| match name {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => Some("http://127.0.0.1:1".to_owned()),
            "OTEL_BSP_MAX_QUEUE_SIZE" => Some("1".to_owned()),
            _ => None,
        };
        let service = Service {
            name: "test",
            version: "1",
        };
        let settings = Settings::from_lookup(lookup, service).unwrap().unwrap();
        let losses = Arc::new(Losses::default());
        let queue = SpanQueue::new(settings.queue, Arc::clone(&losses));
        if is_full {
            let tracer = OtlpTracer::new(&settings, Some(queue.clone()), Arc::default());
            tracer.begin(SpanKind::Server, "a".into(), None).end();
        }

        let state = Arc::new(State::new(queue, losses));
        let transport = Transport::new(Connections::new(Duration::from_secs(1)));
        Exporter::new(settings, state, transport, Rhythm::Timed)
    }

    #[tokio::test(start_paused = true)]
    async fn batch_is_dropped_after_five_attempts_if_the_queue_is_full() {
        for (is_full, dropped) in [(true, 1), (false, 0)] {
            let mut exporter = exporter(is_full);
            let mut pending = Some(Pending {
                message: Bytes::new(),
                spans: 7,
                attempts: 0,
            });

            for attempt in 1..=MAX_ATTEMPTS {
                let batch = pending.take().unwrap();
                let outcome = Outcome::Retryable {
                    reason: Reason::Status(503),
                    retry_after: None,
                };
                exporter.settle_spans(batch, outcome);
                pending = exporter.pending.take();
                assert_eq!(pending.is_none(), is_full && attempt == MAX_ATTEMPTS);
            }

            let losses = exporter.state.losses.list();
            assert_eq!(losses.len(), dropped);
            assert!(losses.iter().all(|it| it.count == 7 && it.reason == "503"));
        }
    }
}
