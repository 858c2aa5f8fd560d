//! The task that sends metrics.

use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use tokio::time::{Instant, sleep_until};

use super::{Link, Rhythm, messages, own_metrics};
use crate::backoff::Backoff;
use crate::losses::Reason;
use crate::metrics::{Baseline, Encoder, Snapshot};
use crate::settings::{Settings, Signal, Temporality};
use crate::transport::Outcome;

/// The exporter of metrics, with what it must remember between requests.
pub(crate) struct MetricExporter {
    link: Link,
    rhythm: Rhythm,
    interval: Duration,
    temporality: Temporality,
    exports_spans: bool,
    resource: ResourceAttributesWithSchema,
    backoff: Backoff,
    due: Instant,
    started: SystemTime,
    baseline: Baseline,
}

impl MetricExporter {
    pub(crate) fn new(link: Link, settings: &Settings, rhythm: Rhythm) -> Self {
        let (now, started) = (Instant::now(), SystemTime::now());
        let due = match rhythm {
            Rhythm::Timed => now + settings.metric_interval,
            Rhythm::AfterInvocations => now,
        };

        Self {
            link,
            rhythm,
            interval: settings.metric_interval,
            temporality: settings.temporality,
            exports_spans: settings.traces.is_some(),
            resource: ResourceAttributesWithSchema::from(&settings.resource),
            backoff: Backoff::default(),
            due,
            started,
            baseline: Baseline::new(started),
        }
    }

    /// Sends metrics until the task is aborted.
    pub(crate) async fn run(mut self) {
        loop {
            self.wait().await;

            let (number, _) = self.link.rounds().begin();
            if self.link.state.takes_all_metrics() || self.due <= Instant::now() {
                self.export().await;
            }
            self.link.state.log_losses(Instant::now());
            self.link.rounds().end(number);
        }
    }

    /// Waits until there is something to do.
    async fn wait(&self) {
        let is_timed = self.rhythm == Rhythm::Timed;
        let until = self.backoff.until(Instant::now());
        let due = until.map_or(self.due, |until| until.max(self.due));

        tokio::select! {
            () = self.link.rounds().woken() => {}
            () = sleep_until(due), if is_timed => {}
        }
    }

    /// Sends the current metrics. After a failure nothing is sent again: the next export has newer
    /// values, and the differences since the last successful one.
    async fn export(&mut self) {
        if self.backoff.until(Instant::now()).is_some() {
            return;
        }

        self.due = Instant::now() + self.interval;
        let (metrics, baseline) = self.metrics();
        let points = messages::data_points(&metrics);
        let message = messages::metrics(metrics, &self.resource);
        let outcome = self.link.send(message).await;
        self.settle(points, baseline, outcome);
    }

    fn metrics(&self) -> (Vec<Metric>, Baseline) {
        let mut snapshot = Snapshot::default();
        self.link.state.add_to(&mut snapshot);
        if self.exports_spans {
            own_metrics::add_to(&mut snapshot, &self.link.state);
        }

        let encoder = Encoder {
            temporality: self.temporality,
            start: self.started,
            // The system's clock may have been set back.
            now: SystemTime::now().max(self.started),
            last: &self.baseline,
        };
        encoder.encode(snapshot)
    }

    fn settle(&mut self, points: u64, baseline: Baseline, outcome: Outcome) {
        let losses = &self.link.state.losses;
        match outcome {
            Outcome::Accepted(response) => {
                let rejected = messages::rejected_points(&response).min(points);
                losses.dropped(Signal::Metrics, Reason::Rejected, rejected);
                self.backoff.succeed();
                self.baseline = baseline;
            }
            Outcome::Refused(reason) => {
                losses.dropped(Signal::Metrics, reason, points);
                self.backoff.succeed();
                self.baseline = baseline;
            }
            // The next export contains these values, so that they are not lost.
            Outcome::Retryable { retry_after, .. } => {
                self.backoff.fail(retry_after, Instant::now());
            }
        }
    }
}
