//! Warnings about failed exports and dropped data, each at most once per minute.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::losses::{Dropped, Losses};
use crate::settings::Signal;

const INTERVAL: Duration = Duration::from_secs(60);

/// A request that the collector did not accept.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) signal: Signal,
    /// Scheme, host and port of the collector.
    pub(crate) collector: String,
    /// The HTTP status, or the cause of a failed connection.
    pub(crate) cause: String,
}

/// The losses that the last warning reported.
#[derive(Debug, Default)]
pub(crate) struct LossLog {
    logged: Vec<Dropped>,
    losses_at: Option<Instant>,
    /// The times of the last warnings about failures, by signal.
    failures_at: BTreeMap<Signal, Instant>,
}

impl LossLog {
    /// Logs how many spans and data points were dropped since the last warning, and why. It shows
    /// neither the endpoint nor a header.
    pub(crate) fn write(&mut self, losses: &Losses, now: Instant) {
        if !is_recent(self.losses_at, now) {
            self.write_now(losses, now);
        }
    }

    /// Logs as [`Self::write`] does, also within a minute of the last warning.
    pub(crate) fn write_now(&mut self, losses: &Losses, now: Instant) {
        let dropped = losses.list();
        if dropped == self.logged {
            return;
        }

        let new = self.since_last(&dropped);
        let of = |signal| new.iter().filter(move |dropped| dropped.signal == signal);
        let reasons: Vec<_> = new.iter().map(|dropped| dropped.reason.as_str()).collect();
        tracing::warn!(
            spans = of(Signal::Traces).map(|dropped| dropped.count).sum::<u64>(),
            data_points = of(Signal::Metrics)
                .map(|dropped| dropped.count)
                .sum::<u64>(),
            reason = reasons.join(","),
            "OpenTelemetry data were dropped"
        );
        (self.logged, self.losses_at) = (dropped, Some(now));
    }

    /// Logs that the collector did not accept a request, and why.
    pub(crate) fn write_failure(&mut self, failure: &Failure, now: Instant) {
        let last = self.failures_at.get(&failure.signal).copied();
        if is_recent(last, now) {
            return;
        }

        tracing::warn!(
            signal = failure.signal.as_str(),
            collector = failure.collector,
            cause = failure.cause,
            "cannot export OpenTelemetry data"
        );
        self.failures_at.insert(failure.signal, now);
    }

    fn since_last(&self, dropped: &[Dropped]) -> Vec<Dropped> {
        let logged = |now: &Dropped| {
            let mut logged = self.logged.iter();
            let same = logged.find(|then| (then.signal, &then.reason) == (now.signal, &now.reason));
            same.map_or(0, |then| then.count)
        };

        let counts = dropped.iter().map(|now| Dropped {
            count: now.count - logged(now),
            ..now.clone()
        });
        counts.filter(|dropped| dropped.count > 0).collect()
    }
}

fn is_recent(at: Option<Instant>, now: Instant) -> bool {
    at.is_some_and(|at| now.saturating_duration_since(at) < INTERVAL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::Reason;
    use testing::LogBuffer;

    #[tokio::test(start_paused = true)]
    async fn losses_are_logged_once_per_minute_with_their_reasons() {
        let log = LogBuffer::default();
        let _guard = log.subscribe();
        let (losses, mut loss_log) = (Losses::default(), LossLog::default());
        let began = Instant::now();

        loss_log.write(&losses, began);
        losses.dropped(Signal::Traces, Reason::QueueFull, 3);
        loss_log.write(&losses, began);
        losses.dropped(Signal::Traces, Reason::QueueFull, 1);
        losses.dropped(Signal::Metrics, Reason::Status(503), 2);
        loss_log.write(&losses, began + Duration::from_secs(59));
        loss_log.write(&losses, began + Duration::from_secs(60));
        loss_log.write(&losses, began + Duration::from_secs(120));

        let lines = log.json_lines();
        let found: Vec<_> = lines
            .iter()
            .map(|line| {
                let fields = &line["fields"];
                let count = |name: &str| fields[name].as_u64().unwrap();
                let reasons = fields["reason"].as_str().unwrap();
                (count("spans"), count("data_points"), reasons)
            })
            .collect();
        assert_eq!(found, [(3, 0, "queue_full"), (1, 2, "queue_full,503")]);
        assert_eq!(lines[0]["level"], "WARN");
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_logged_once_per_minute() {
        let log = LogBuffer::default();
        let _guard = log.subscribe();
        let (mut loss_log, began) = (LossLog::default(), Instant::now());
        let failure = |cause: &str| Failure {
            signal: Signal::Traces,
            collector: "https://collector.example".to_owned(),
            cause: cause.to_owned(),
        };

        for (cause, second) in [("refused", 0), ("refused", 59), ("unknown_ca", 60)] {
            loss_log.write_failure(&failure(cause), began + Duration::from_secs(second));
        }

        let lines = log.json_lines();
        let causes: Vec<_> = lines.iter().map(|line| &line["fields"]["cause"]).collect();
        assert_eq!(causes, ["refused", "unknown_ca"]);
        assert_eq!(lines[0]["fields"]["collector"], "https://collector.example");
    }

    #[tokio::test(start_paused = true)]
    async fn losses_at_the_end_are_logged_at_once() {
        let log = LogBuffer::default();
        let _guard = log.subscribe();
        let (losses, mut loss_log) = (Losses::default(), LossLog::default());

        losses.dropped(Signal::Traces, Reason::QueueFull, 1);
        loss_log.write(&losses, Instant::now());
        losses.dropped(Signal::Traces, Reason::Shutdown, 2);
        loss_log.write_now(&losses, Instant::now());
        loss_log.write_now(&losses, Instant::now());

        let lines = log.json_lines();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1]["fields"]["spans"], 2);
        assert_eq!(lines[1]["fields"]["reason"], "shutdown");
    }
}
