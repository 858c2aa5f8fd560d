//! The metrics since startup: those that are published to CloudWatch when deployed.

mod gauges;
mod prometheus;
mod publisher;
mod table;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gauges::Gauges;
use publisher::Totals;

/// The metrics of requests and calls, and the gauges that functions log.
#[derive(Debug, Default)]
pub struct LocalMetrics(Mutex<Snapshot>);

#[derive(Debug, Default)]
struct Snapshot {
    totals: Totals,
    gauges: Gauges,
}

impl LocalMetrics {
    /// Counts a line of the access log.
    pub(crate) fn count_line(&self, line: &str) {
        self.lock().totals.count_line(line);
    }

    /// Counts a line of the record log: a call record, or gauges.
    fn count_record(&self, line: &str) {
        let mut snapshot = self.lock();
        if !snapshot.gauges.take(line) {
            snapshot.totals.count_line(line);
        }
    }

    /// Returns a writer that counts each line and passes it on to `writer`.
    pub(crate) fn counting_writer<W: io::Write>(
        self: &Arc<Self>,
        writer: W,
    ) -> impl io::Write + use<W> {
        CountingWriter {
            metrics: Arc::clone(self),
            writer,
        }
    }

    /// Returns the metrics in Prometheus' text format.
    #[must_use]
    pub fn prometheus(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.lock().write_prometheus(&mut text);
        text
    }

    /// Returns the metrics as a table; empty if nothing was counted.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.lock().write_table(&mut text);
        text
    }

    fn lock(&self) -> MutexGuard<'_, Snapshot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The record log writes each record with one call, as a whole line.
struct CountingWriter<W> {
    metrics: Arc<LocalMetrics>,
    writer: W,
}

impl<W: io::Write> io::Write for CountingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write_all(bytes)?;
        String::from_utf8_lossy(bytes)
            .lines()
            .for_each(|line| self.metrics.count_record(line));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write as _;

    use super::*;

    pub(crate) fn line(route: &str, latency: u32) -> String {
        format!(
            r#"{{"route_key":"ANY /{{proxy+}}","status":"200","route":"{route}","response_latency_ms":"{latency}","decision":"allowed","plan":"pro"}}"#
        ) + "\n"
    }

    #[test]
    fn access_log_lines_become_counters_and_summaries() {
        let metrics = LocalMetrics::default();
        (1..=100).for_each(|latency| metrics.count_line(&line("GET /orders", latency)));
        metrics.count_line("no JSON");
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
    fn call_records_are_counted_and_passed_on() {
        let metrics = Arc::new(LocalMetrics::default());
        let mut written = Vec::new();
        let record = r#"{"api_call":{"service":"dynamodb","operation":"UpdateItem","duration_ms":4.1,"success":true,"endpoint":"public"}}"#;
        metrics
            .counting_writer(&mut written)
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
    fn gauges_are_shown_and_are_not_rejected_records() {
        let metrics = Arc::new(LocalMetrics::default());
        let gauges = r#"{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"N","Dimensions":[["TargetGroup"],[]],"Metrics":[{"Name":"RegisteredTargets","Unit":"Count"},{"Name":"SyncSucceeded","Unit":"Count"}]}]},"TargetGroup":"targetgroup/a/1","RegisteredTargets":3,"SyncSucceeded":1}"#;
        metrics
            .counting_writer(io::sink())
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
    fn table_has_a_row_per_series_and_is_empty_without_series() {
        let metrics = LocalMetrics::default();
        assert_eq!(metrics.table(), "");
        metrics.count_line(&line("GET /orders", 31));
        let table = metrics.table();
        assert!(table.lines().any(|row| row.starts_with("Latency")
            && row.contains("GET /orders")
            && row.contains("31.0")));
        assert_eq!(table.lines().count(), 2 + 3);
    }
}
