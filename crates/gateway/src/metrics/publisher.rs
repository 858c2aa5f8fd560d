//! The adapter to `metrics-publisher`: the counts since startup.
//!
//! This is the only file that uses the internals of the publisher, so that requests and call
//! records are counted locally by the code that publishes them to CloudWatch.

use std::collections::BTreeMap;

use metrics_publisher::{Aggregate, Config, Intake, Series, SeriesCap};

pub(super) use metrics_publisher::{Buckets, Metric, Unit};

/// The publisher limits series per day. Locally, the whole life of the process is one day.
const DAY: i64 = 0;

/// The metrics of access log lines and call records, with the publisher's limit on series.
#[derive(Debug)]
pub(super) struct Totals {
    intake: Intake,
    cap: SeriesCap,
    /// The number of series when the limit was last applied. It only changes with a new series.
    settled: usize,
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            intake: Intake::without_window(),
            cap: SeriesCap::new(Config::DEFAULT_MAX_SERIES),
            settled: 0,
        }
    }
}

impl Totals {
    /// Counts a line of the access log, or a call record.
    pub(super) fn count_line(&mut self, line: &str) {
        self.intake.line(0, line.trim_end(), None);
        self.apply_cap();
    }

    /// The number of lines that could not be counted.
    pub(super) fn rejected_records(&self) -> u64 {
        self.intake.rejections.count()
    }

    /// The series in order. The roll-up of calls over both kinds of endpoint is left out, because a
    /// sum over all series would count calls twice.
    pub(super) fn series(&self) -> BTreeMap<(&'static str, &Series), &Aggregate> {
        self.all_series()
            .filter(|(series, _)| series.metric != Metric::CallDuration)
            .map(|(series, aggregate)| ((series.metric.name(), series), aggregate))
            .collect()
    }

    fn all_series(&self) -> impl Iterator<Item = (&Series, &Aggregate)> {
        self.intake.sums.iter()
    }

    fn apply_cap(&mut self) {
        if self.intake.sums.len() == self.settled {
            return;
        }

        let ids: Vec<_> = self
            .all_series()
            .filter(|(series, _)| !series.is_overflow())
            .map(|(series, _)| series.id())
            .collect();
        let candidates = self.cap.candidates(&ids);
        self.cap.learn(DAY, candidates);
        let cap = &self.cap;
        self.intake.sums.overflow(|series| cap.admits(series.id()));
        self.settled = self.intake.sums.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::tests::line;

    #[test]
    fn series_beyond_the_limit_are_counted_as_other() {
        let mut totals = Totals::default();
        for route in 0..2_000 {
            totals.count_line(&line(&format!("GET /{route}"), 5));
        }
        assert!(totals.intake.sums.len() <= Config::DEFAULT_MAX_SERIES + 32);

        let requests = totals
            .all_series()
            .filter(|(series, _)| series.metric == Metric::Requests)
            .map(|(_, aggregate)| aggregate.values.count());
        assert_eq!(requests.sum::<u64>(), 2_000);
    }
}
