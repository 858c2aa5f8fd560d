//! The task that sends spans.

use bytes::Bytes;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use tokio::time::{Instant, sleep_until};

use super::{Link, Rhythm, messages};
use crate::backoff::Backoff;
use crate::losses::Reason;
use crate::settings::{QueueLimits, Settings, Signal};
use crate::transport::Outcome;

/// The number of attempts after which a batch of spans is dropped if the queue is full, so that
/// newer spans are sent once the collector is back.
const MAX_ATTEMPTS: u32 = 5;

/// A batch that was not sent yet.
struct Pending {
    message: Bytes,
    spans: u64,
    attempts: u32,
}

/// The reason why a round begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// A batch is full, or is to be sent again.
    Batch,
    /// The oldest span has waited for long enough, or a flush was requested.
    Everything,
}

/// The exporter of spans, with what it must remember between requests.
pub(crate) struct SpanExporter {
    link: Link,
    rhythm: Rhythm,
    limits: QueueLimits,
    resource: ResourceAttributesWithSchema,
    pending: Option<Pending>,
    backoff: Backoff,
    due: Instant,
}

impl SpanExporter {
    pub(crate) fn new(link: Link, settings: &Settings, rhythm: Rhythm) -> Self {
        Self {
            link,
            rhythm,
            limits: settings.queue,
            resource: ResourceAttributesWithSchema::from(&settings.resource),
            pending: None,
            backoff: Backoff::default(),
            due: Instant::now() + settings.queue.delay,
        }
    }

    /// Sends spans until the task is aborted.
    pub(crate) async fn run(mut self) {
        loop {
            let cause = self.wait().await;

            let (number, is_flush) = self.link.rounds().begin();
            let is_everything = is_flush || cause == Cause::Everything;
            if is_everything {
                self.due = Instant::now() + self.limits.delay;
            }
            self.export(self.requests(is_everything)).await;
            self.link.rounds().end(number);
        }
    }

    /// Waits until there is something to do.
    async fn wait(&self) -> Cause {
        let is_timed = self.rhythm == Rhythm::Timed;
        let rounds = self.link.rounds();
        if let Some(until) = self.backoff.until(Instant::now()) {
            return tokio::select! {
                () = rounds.woken() => Cause::Everything,
                () = sleep_until(until), if is_timed => Cause::Batch,
            };
        }
        if self.pending.is_some() || self.link.state.queue.has_full_batch() {
            return Cause::Batch;
        }

        tokio::select! {
            () = rounds.woken() => Cause::Everything,
            () = self.link.state.queue.full_batch() => Cause::Batch,
            () = sleep_until(self.due), if is_timed => Cause::Everything,
        }
    }

    /// Returns the number of requests of a round. Spans that end during it wait for the next one,
    /// so that each round ends.
    fn requests(&self, is_everything: bool) -> usize {
        let spans = if is_everything {
            self.link.state.queue.len()
        } else if self.pending.is_none() {
            1
        } else {
            0
        };

        usize::from(self.pending.is_some()) + spans.div_ceil(self.limits.batch)
    }

    /// Sends batches, until a request fails.
    async fn export(&mut self, requests: usize) {
        for _ in 0..requests {
            if self.backoff.until(Instant::now()).is_some() {
                break;
            }
            let Some(pending) = self.pending.take().or_else(|| self.next_batch()) else {
                break;
            };

            self.link.state.set_pending(pending.spans);
            let outcome = self.link.send(pending.message.clone()).await;
            self.settle(pending, outcome);

            let unsent = self.pending.as_ref().map_or(0, |pending| pending.spans);
            self.link.state.set_pending(unsent);
            self.link.state.log_losses(Instant::now());
        }
        self.link.state.log_losses(Instant::now());
    }

    fn next_batch(&self) -> Option<Pending> {
        let spans = self.link.state.queue.take_batch();
        if spans.is_empty() {
            return None;
        }

        Some(Pending {
            spans: messages::count(spans.len()),
            message: messages::traces(spans, &self.resource),
            attempts: 0,
        })
    }

    fn settle(&mut self, mut pending: Pending, outcome: Outcome) {
        let losses = &self.link.state.losses;
        match outcome {
            Outcome::Accepted(response) => {
                let rejected = messages::rejected_spans(&response).min(pending.spans);
                losses.exported(pending.spans - rejected);
                losses.dropped(Signal::Traces, Reason::Rejected, rejected);
                self.backoff.succeed();
            }
            Outcome::Refused(reason) => {
                losses.dropped(Signal::Traces, reason, pending.spans);
                self.backoff.succeed();
            }
            Outcome::Retryable {
                reason,
                retry_after,
            } => {
                self.backoff.fail(retry_after, Instant::now());
                pending.attempts += 1;
                if pending.attempts >= MAX_ATTEMPTS && self.link.state.queue.is_full() {
                    losses.dropped(Signal::Traces, reason, pending.spans);
                } else {
                    self.pending = Some(pending);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use aws::Connections;
    use telemetry::{SpanKind, Tracer as _};

    use super::*;
    use crate::Service;
    use crate::losses::Losses;
    use crate::queue::SpanQueue;
    use crate::state::State;
    use crate::tracer::OtlpTracer;
    use crate::transport::Transport;

    /// Returns an exporter with a queue of one span, which is full or empty.
    fn exporter(is_full: bool) -> SpanExporter {
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

        let connections = Connections::new(Duration::from_secs(1));
        let link = Link {
            signal: Signal::Traces,
            target: settings.traces.clone().unwrap(),
            transport: Arc::new(Transport::new(connections)),
            state: Arc::new(State::new(queue, losses, &settings)),
        };
        SpanExporter::new(link, &settings, Rhythm::Timed)
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
                exporter.settle(batch, outcome);
                pending = exporter.pending.take();
                assert_eq!(pending.is_none(), is_full && attempt == MAX_ATTEMPTS);
            }

            let losses = exporter.link.state.losses.list();
            assert_eq!(losses.len(), dropped);
            assert!(losses.iter().all(|it| it.count == 7 && it.reason == "503"));
        }
    }
}
