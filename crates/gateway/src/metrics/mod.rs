//! What happened since the start, counted by the code that publishes it to CloudWatch.

mod gauges;
mod prometheus;
mod table;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics_publisher::{Aggregate, Config, Intake, Metric, Series, SeriesCap};

use gauges::Gauges;

/// The one day that a process lives.
const DAY: i64 = 0;

/// The metrics of the access log's lines and of call records, with the publisher's own cap on
/// series, and the gauges that functions log.
#[derive(Debug)]
pub struct LocalMetrics(Mutex<Counted>);

#[derive(Debug)]
struct Counted {
    intake: Intake,
    gauges: Gauges,
    cap: SeriesCap,
    /// Series when places were last given: only a new one needs one.
    settled: usize,
}

impl Default for LocalMetrics {
    fn default() -> Self {
        let (intake, cap) = (
            Intake::of_all_time(),
            SeriesCap::new(Config::DEFAULT_MAX_SERIES),
        );
        Self(Mutex::new(Counted {
            intake,
            gauges: Gauges::default(),
            cap,
            settled: 0,
        }))
    }
}

impl LocalMetrics {
    /// Counts a line of the access log.
    pub fn line(&self, line: &str) {
        let mut counted = self.lock();
        counted.intake.line(0, line.trim_end(), None);
        counted.settle();
    }

    /// Counts a line of the record log: a call record, or gauges.
    fn record(&self, line: &str) {
        if !self.lock().gauges.take(line) {
            self.line(line);
        }
    }

    /// A writer that counts each line and writes it on.
    pub fn counting<W: io::Write>(self: &Arc<Self>, writer: W) -> impl io::Write + use<W> {
        Counting {
            metrics: Arc::clone(self),
            writer,
        }
    }

    /// The metrics in Prometheus' text format.
    #[must_use]
    pub fn prometheus(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.lock().write_prometheus(&mut text);
        text
    }

    /// The metrics as a table for people; empty if nothing was counted.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::new();
        let _ = self.lock().write_table(&mut text);
        text
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    fn settle(&mut self) {
        if self.intake.sums.len() == self.settled {
            return;
        }
        let ids: Vec<_> = self
            .intake
            .sums
            .iter()
            .map(|(series, _)| series)
            .filter(|series| !series.is_overflow())
            .collect();
        let ids: Vec<_> = ids.into_iter().map(Series::id).collect();
        let candidates = self.cap.candidates(&ids);
        self.cap.learn(DAY, candidates);
        let cap = &self.cap;
        self.intake.sums.overflow(|series| cap.admits(series.id()));
        self.settled = self.intake.sums.len();
    }

    /// In order, without the roll-up of calls over both ways: summed up with the others it would
    /// count twice.
    fn shown(&self) -> BTreeMap<(&'static str, &Series), &Aggregate> {
        let all = self
            .intake
            .sums
            .iter()
            .filter(|(series, _)| series.metric != Metric::CallDuration);
        all.map(|(series, aggregate)| ((series.metric.name(), series), aggregate))
            .collect()
    }
}

/// A call record is written whole, as one line.
struct Counting<W> {
    metrics: Arc<LocalMetrics>,
    writer: W,
}

impl<W: io::Write> io::Write for Counting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write_all(bytes)?;
        String::from_utf8_lossy(bytes)
            .lines()
            .for_each(|line| self.metrics.record(line));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    pub(super) fn line(route: &str, latency: u32) -> String {
        format!(
            r#"{{"route_key":"ANY /{{proxy+}}","status":"200","route":"{route}","response_latency_ms":"{latency}","decision":"allowed","plan":"pro"}}"#
        ) + "\n"
    }

    #[test]
    fn lines_are_counters_and_summaries() {
        let metrics = LocalMetrics::default();
        (1..=100).for_each(|latency| metrics.line(&line("GET /orders", latency)));
        metrics.line("no JSON");
        let text = metrics.prometheus();
        for expected in [
            "# TYPE tollgate_requests_total counter\ntollgate_requests_total{route=\"GET /orders\",status_class=\"2xx\"} 100\n",
            "# TYPE tollgate_latency_milliseconds summary\n",
            "tollgate_latency_milliseconds_count{route=\"GET /orders\"} 100\n",
            "tollgate_decisions_total{plan=\"pro\",decision=\"allowed\"} 100\n",
            "tollgate_rejected_records_total 1\n",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
        let median = text
            .split("quantile=\"0.5\"} ")
            .nth(1)
            .unwrap()
            .lines()
            .next()
            .unwrap();
        assert!(
            (47.5..=52.5).contains(&median.parse::<f64>().unwrap()),
            "{median}"
        );
    }

    #[test]
    fn call_records_are_counted_and_written_on() {
        let metrics = Arc::new(LocalMetrics::default());
        let mut written = Vec::new();
        let record = r#"{"api_call":{"service":"dynamodb","operation":"UpdateItem","duration_ms":4.1,"success":true,"endpoint":"public"}}"#;
        metrics
            .counting(&mut written)
            .write_all(format!("{record}\n").as_bytes())
            .unwrap();
        assert_eq!(written, format!("{record}\n").as_bytes());
        let text = metrics.prometheus();
        let labels = r#"{service="dynamodb",operation="UpdateItem",endpoint="public"}"#;
        assert!(
            text.contains(&format!(
                "tollgate_api_call_duration_milliseconds_count{labels} 1"
            )),
            "{text}"
        );
        assert_eq!(
            text.matches("tollgate_api_call_duration_milliseconds_count")
                .count(),
            1,
            "no roll-up"
        );
    }

    #[test]
    fn gauges_are_shown_and_not_counted_as_rejected_records() {
        let metrics = Arc::new(LocalMetrics::default());
        let gauges = r#"{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"N","Dimensions":[["TargetGroup"],[]],"Metrics":[{"Name":"RegisteredTargets","Unit":"Count"},{"Name":"SyncSucceeded","Unit":"Count"}]}]},"TargetGroup":"targetgroup/a/1","RegisteredTargets":3,"SyncSucceeded":1}"#;
        metrics
            .counting(io::sink())
            .write_all(format!("{gauges}\n").as_bytes())
            .unwrap();
        let text = metrics.prometheus();
        for expected in [
            r#"tollgate_registered_targets{target_group="targetgroup/a/1"} 3"#,
            r#"tollgate_sync_succeeded{target_group="targetgroup/a/1"} 1"#,
            "tollgate_rejected_records_total 0",
        ] {
            assert!(
                text.lines().any(|line| line == expected),
                "{expected}\n{text}"
            );
        }
        assert!(metrics.table().contains("SyncSucceeded"));
    }

    #[test]
    fn there_are_no_more_series_than_places() {
        let metrics = LocalMetrics::default();
        (0..2_000).for_each(|route| metrics.line(&line(&format!("GET /{route}"), 5)));
        let counted = metrics.lock();
        assert!(counted.intake.sums.len() <= Config::DEFAULT_MAX_SERIES + 32);
        let requests = counted
            .intake
            .sums
            .iter()
            .filter(|(series, _)| series.metric == Metric::Requests);
        assert_eq!(
            requests
                .map(|(_, aggregate)| aggregate.values.count())
                .sum::<u64>(),
            2_000
        );
    }

    #[test]
    fn the_table_has_a_row_for_each_series_and_is_empty_without_any() {
        let metrics = LocalMetrics::default();
        assert_eq!(metrics.table(), "");
        metrics.line(&line("GET /orders", 31));
        let table = metrics.table();
        assert!(table.lines().any(|row| row.starts_with("Latency")
            && row.contains("GET /orders")
            && row.contains("31.0")));
        assert_eq!(table.lines().count(), 2 + 3);
    }
}
