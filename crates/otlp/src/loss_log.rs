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
