//! What happened since the start, counted by the code that publishes it to CloudWatch.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics_publisher::{Aggregate, Config, Intake, Metric, Series, SeriesCap, Unit, Window};

/// Where they are shown.
pub const METRICS_PATH: &str = "/_tollgate/metrics";
/// The one day that a process lives.
const DAY: i64 = 0;
const QUANTILES: [f64; 4] = [0.5, 0.95, 0.99, 0.999];

/// The metrics of the access log's lines and of call records, with the publisher's own cap on series.
#[derive(Debug)]
pub struct LocalMetrics(Mutex<Counted>);

#[derive(Debug)]
struct Counted {
    intake: Intake,
    cap: SeriesCap,
    /// Series when places were last given: only a new one needs one.
    settled: usize,
}

impl Default for LocalMetrics {
    fn default() -> Self {
        let (intake, cap) = (Intake::new(Window::of_all_time()), SeriesCap::new(Config::MAX_SERIES));
        Self(Mutex::new(Counted { intake, cap, settled: 0 }))
    }
}

impl LocalMetrics {
    /// Counts a line of the access log, or a call record's.
    pub fn line(&self, line: &str) {
        let mut counted = self.lock();
        counted.intake.line(0, line.trim_end(), None);
        counted.settle();
    }

    /// A writer that counts each line and writes it on.
    pub fn counting<W: io::Write>(self: &Arc<Self>, writer: W) -> impl io::Write + use<W> {
        Counting { metrics: Arc::clone(self), writer }
    }

    /// In Prometheus' text format, version 0.0.4: counters, and summaries whose quantiles are within 5 %.
    #[must_use]
    pub fn prometheus(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.lock().write_prometheus(&mut text);
        text
    }

    /// As a table for people; empty where nothing was counted.
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
        let ids: Vec<_> =
            self.intake.sums.iter().map(|(series, _)| series).filter(|series| !series.is_overflow()).collect();
        let ids: Vec<_> = ids.into_iter().map(Series::id).collect();
        let candidates = self.cap.candidates(&ids);
        self.cap.learn(DAY, candidates);
        let cap = &self.cap;
        self.intake.sums.overflow(|series| cap.admits(series.id()));
        self.settled = self.intake.sums.len();
    }

    /// In order, without the roll-up of calls over both ways: summed up with the others it would count twice.
    fn shown(&self) -> BTreeMap<(&'static str, &Series), &Aggregate> {
        let all = self.intake.sums.iter().filter(|(series, _)| series.metric != Metric::CallDuration);
        all.map(|(series, aggregate)| ((series.metric.name(), series), aggregate)).collect()
    }

    fn write_prometheus(&self, text: &mut String) -> fmt::Result {
        let mut last = "";
        for ((name, series), aggregate) in self.shown() {
            let (unit, kind) = match series.metric.unit() {
                Unit::Count => ("total", "counter"),
                Unit::Milliseconds => ("milliseconds", "summary"),
            };
            let full = format!("tollgate_{}_{unit}", snake(name));
            if name != last {
                writeln!(text, "# TYPE {full} {kind}")?;
                last = name;
            }
            let values = &aggregate.values;
            let labels: Vec<_> = series.dimensions().map(|(name, value)| label(&snake(name), value)).collect();
            if kind == "counter" {
                writeln!(text, "{full}{} {}", braced(&labels), values.count())?;
                continue;
            }
            for part in QUANTILES {
                let labels = [labels.clone(), vec![label("quantile", &part.to_string())]].concat();
                writeln!(text, "{full}{} {}", braced(&labels), values.quantile(part).unwrap_or_default())?;
            }
            writeln!(text, "{full}_sum{} {}", braced(&labels), values.sum())?;
            writeln!(text, "{full}_count{} {}", braced(&labels), values.count())?;
        }
        writeln!(text, "# TYPE tollgate_rejected_records_total counter")?;
        writeln!(text, "tollgate_rejected_records_total {}", self.intake.rejections.count())
    }

    fn write_table(&self, text: &mut String) -> fmt::Result {
        let shown = self.shown();
        if shown.is_empty() {
            return Ok(());
        }
        writeln!(
            text,
            "\n{:<20} {:<44} {:>9} {:>8} {:>8} {:>8} {:>8}",
            "metric (times in ms)", "of", "count", "p50", "p95", "p99", "most"
        )?;
        for ((name, series), aggregate) in shown {
            let of = series.dimensions().map(|(_, value)| value).collect::<Vec<_>>().join(", ");
            let values = &aggregate.values;
            write!(text, "{name:<20} {of:<44} {:>9}", values.count())?;
            if series.metric.unit() == Unit::Milliseconds {
                let quantiles = [0.5, 0.95, 0.99].map(|part| values.quantile(part).unwrap_or_default());
                for value in quantiles.into_iter().chain(values.most()) {
                    write!(text, " {value:>8.1}")?;
                }
            }
            writeln!(text)?;
        }
        Ok(())
    }
}

/// `StatusClass` is `status_class`.
fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for (place, character) in name.char_indices() {
        if character.is_ascii_uppercase() && place > 0 {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

fn label(name: &str, value: &str) -> String {
    let value = value.replace('\\', r"\\").replace('"', r#"\""#);
    format!(r#"{name}="{value}""#)
}

fn braced(labels: &[String]) -> String {
    if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) }
}

/// A call record is written whole, as one line.
struct Counting<W> {
    metrics: Arc<LocalMetrics>,
    writer: W,
}

impl<W: io::Write> io::Write for Counting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write_all(bytes)?;
        String::from_utf8_lossy(bytes).lines().for_each(|line| self.metrics.line(line));
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

    fn line(route: &str, latency: u32) -> String {
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
        let median = text.split("quantile=\"0.5\"} ").nth(1).unwrap().lines().next().unwrap();
        assert!((47.5..=52.5).contains(&median.parse::<f64>().unwrap()), "{median}");
    }

    #[test]
    fn every_metric_has_its_type_once_and_a_label_is_escaped() {
        let metrics = LocalMetrics::default();
        for route in ["GET /a", "GET /b\\\\\\\"x", "GET /c"] {
            metrics.line(&line(route, 5));
        }
        let text = metrics.prometheus();
        assert_eq!(text.matches("# TYPE tollgate_latency_milliseconds ").count(), 1);
        assert!(text.contains(r#"route="GET /b\\\"x""#), "{text}");
    }

    #[test]
    fn call_records_are_counted_and_written_on() {
        let metrics = Arc::new(LocalMetrics::default());
        let mut written = Vec::new();
        let record = r#"{"api_call":{"service":"dynamodb","operation":"UpdateItem","duration_ms":4.1,"success":true,"endpoint":"public"}}"#;
        metrics.counting(&mut written).write_all(format!("{record}\n").as_bytes()).unwrap();
        assert_eq!(written, format!("{record}\n").as_bytes());
        let text = metrics.prometheus();
        let labels = r#"{service="dynamodb",operation="UpdateItem",endpoint="public"}"#;
        assert!(text.contains(&format!("tollgate_api_call_duration_milliseconds_count{labels} 1")), "{text}");
        assert_eq!(text.matches("tollgate_api_call_duration_milliseconds_count").count(), 1, "no roll-up");
    }

    #[test]
    fn there_are_no_more_series_than_places() {
        let metrics = LocalMetrics::default();
        (0..2_000).for_each(|route| metrics.line(&line(&format!("GET /{route}"), 5)));
        let counted = metrics.lock();
        assert!(counted.intake.sums.len() <= Config::MAX_SERIES + 29);
        let requests = counted.intake.sums.iter().filter(|(series, _)| series.metric == Metric::Requests);
        assert_eq!(requests.map(|(_, aggregate)| aggregate.values.count()).sum::<u64>(), 2_000);
    }

    #[test]
    fn the_table_has_a_line_a_series_and_nothing_is_no_table() {
        let metrics = LocalMetrics::default();
        assert_eq!(metrics.table(), "");
        metrics.line(&line("GET /orders", 31));
        let table = metrics.table();
        assert!(
            table.lines().any(|row| row.starts_with("Latency") && row.contains("GET /orders") && row.contains("31.0"))
        );
        assert_eq!(table.lines().count(), 2 + 3);
    }
}
