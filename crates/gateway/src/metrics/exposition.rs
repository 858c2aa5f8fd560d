//! Prometheus' text exposition format, version 0.0.4, and OpenMetrics 1.0.0.
//!
//! Sources: <https://prometheus.io/docs/instrumenting/exposition_formats/> and
//! <https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md>.
//!
//! No crate writes both: prometheus-client 0.26 writes OpenMetrics only, and prometheus 0.14 the
//! text format only and without exemplars.

use std::fmt::{self, Write as _};
use std::time::UNIX_EPOCH;

use telemetry::{DURATION_BOUNDS_S, Exemplar, Histogram};

use super::definition::{Definition, Kind};
use super::series::LabelValues;
use super::snapshot::{FamilySnapshot, Value};

/// A format of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.0, which has units and exemplars.
    OpenMetrics,
}

impl Format {
    /// Returns the media type of the format.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// Writes families in this format.
    pub(super) fn write(self, families: &[FamilySnapshot]) -> String {
        let mut exposition = Exposition {
            text: String::with_capacity(64 * 1024),
            format: self,
        };
        // Writing to a String cannot fail.
        let _ = exposition.families(families);
        exposition.text
    }
}

/// The text so far.
struct Exposition {
    text: String,
    format: Format,
}

impl Exposition {
    fn families(&mut self, families: &[FamilySnapshot]) -> fmt::Result {
        for family in families.iter().filter(|family| !family.series.is_empty()) {
            self.comments(family.definition)?;
            for (labels, value) in &family.series {
                self.series(family.definition, labels, value)?;
            }
        }

        match self.format {
            Format::Text => Ok(()),
            Format::OpenMetrics => writeln!(self.text, "# EOF"),
        }
    }

    fn comments(&mut self, definition: &Definition) -> fmt::Result {
        let name = match self.format {
            Format::Text => definition.name,
            Format::OpenMetrics => definition.family_name(),
        };
        let kind = match (definition.kind, self.format) {
            (Kind::Counter, _) => "counter",
            (Kind::Histogram, _) => "histogram",
            (Kind::Info, Format::OpenMetrics) => "info",
            (Kind::Gauge | Kind::Info, _) => "gauge",
        };

        writeln!(self.text, "# HELP {name} {}", definition.help)?;
        writeln!(self.text, "# TYPE {name} {kind}")?;
        match definition.unit() {
            Some(unit) if self.format == Format::OpenMetrics => {
                writeln!(self.text, "# UNIT {name} {unit}")
            }
            _ => Ok(()),
        }
    }

    fn series(
        &mut self,
        definition: &Definition,
        labels: &LabelValues,
        value: &Value,
    ) -> fmt::Result {
        let labels = label_pairs(definition, labels);
        match value {
            Value::Count(count) => self.sample(definition.name, &labels, count),
            Value::Number(number) => self.sample(definition.name, &labels, number),
            Value::Durations(histogram) => self.histogram(definition.name, &labels, histogram),
        }
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl fmt::Display) -> fmt::Result {
        if labels.is_empty() {
            writeln!(self.text, "{name} {value}")
        } else {
            writeln!(self.text, "{name}{{{labels}}} {value}")
        }
    }

    fn histogram(&mut self, name: &str, labels: &str, histogram: &Histogram) -> fmt::Result {
        let separator = if labels.is_empty() { "" } else { "," };
        let bounds = DURATION_BOUNDS_S.into_iter().map(Some).chain([None]);
        let buckets = bounds.zip(histogram.counts()).zip(histogram.exemplars());

        let mut cumulative = 0;
        for ((bound, count), exemplar) in buckets {
            cumulative += count;
            write!(self.text, "{name}_bucket{{{labels}{separator}le=\"")?;
            match bound {
                // `1.0` in both formats: Prometheus 2 takes `1` and `1.0` for two series.
                Some(bound) => write!(self.text, "{bound:?}\"}} {cumulative}")?,
                None => write!(self.text, "+Inf\"}} {cumulative}")?,
            }
            self.exemplar(exemplar)?;
            self.text.push('\n');
        }

        let sum = histogram.sum().as_secs_f64();
        self.sample(&format!("{name}_sum"), labels, sum)?;
        self.sample(&format!("{name}_count"), labels, cumulative)
    }

    /// Writes the exemplar of a bucket. The text format has none.
    fn exemplar(&mut self, exemplar: Option<&Exemplar>) -> fmt::Result {
        let Some(exemplar) = exemplar.filter(|_| self.format == Format::OpenMetrics) else {
            return Ok(());
        };
        let Exemplar {
            trace_id,
            span_id,
            seconds,
            at,
        } = exemplar;
        let at = at.duration_since(UNIX_EPOCH).unwrap_or_default();

        write!(
            self.text,
            " # {{trace_id=\"{trace_id}\",span_id=\"{span_id}\"}} {seconds} {}.{:03}",
            at.as_secs(),
            at.subsec_millis()
        )
    }
}

/// Returns the labels as `name="value"`, separated by commas.
fn label_pairs(definition: &Definition, values: &LabelValues) -> String {
    let mut pairs = String::with_capacity(64);
    for (name, value) in definition.labels.iter().zip(values.iter()) {
        if !pairs.is_empty() {
            pairs.push(',');
        }
        pairs.push_str(name);
        pairs.push_str("=\"");
        push_escaped(&mut pairs, value);
        pairs.push('"');
    }
    pairs
}

fn push_escaped(text: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str(r"\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str(r"\n"),
            other => text.push(other),
        }
    }
}
