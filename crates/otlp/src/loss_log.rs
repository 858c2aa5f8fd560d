//! A warning about dropped data, at most once per minute.

use std::time::Duration;

use tokio::time::Instant;

use crate::losses::{Dropped, Losses};
use crate::settings::Signal;

const INTERVAL: Duration = Duration::from_secs(60);

/// What was last logged.
#[derive(Debug, Default)]
pub(crate) struct LossLog {
    logged: Vec<Dropped>,
    at: Option<Instant>,
}

impl LossLog {
    /// Logs how many spans and data points were dropped since the last warning, and why. It shows
    /// neither the endpoint nor a header.
    pub(crate) fn write(&mut self, losses: &Losses, now: Instant) {
        if self.at.is_some_and(|at| now - at < INTERVAL) {
            return;
        }
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
            reasons = reasons.join(","),
            "OpenTelemetry data were dropped"
        );
        (self.logged, self.at) = (dropped, Some(now));
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
                let reasons = fields["reasons"].as_str().unwrap();
                (count("spans"), count("data_points"), reasons)
            })
            .collect();
        assert_eq!(found, [(3, 0, "queue_full"), (1, 2, "queue_full,503")]);
        assert_eq!(lines[0]["level"], "WARN");
    }
}
