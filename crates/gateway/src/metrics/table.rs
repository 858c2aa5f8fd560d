//! The metrics as a table, for people.

use std::fmt::{self, Write as _};

use telemetry::Histogram;

use super::definition::{CALLER_DECISIONS, OVERFLOWED_SERIES, REJECTED_RECORDS};
use super::quantile::quantile;
use super::snapshot::{FamilySnapshot, Value};

const QUANTILES: [f64; 4] = [0.5, 0.95, 0.99, 0.999];
const NAME_WIDTH: usize = 32;
const LABELS_WIDTH: usize = 44;

/// Returns a row per series, or nothing if there are no series.
pub(super) fn table(mut families: Vec<FamilySnapshot>) -> String {
    families.retain(is_shown);
    families.sort_by_key(|family| family.definition.name);

    let mut text = String::new();
    if !families.is_empty() {
        // Writing to a String cannot fail.
        let _ = write_rows(&mut text, families);
    }
    text
}

/// True for a family that belongs in the table. There can be hundreds of callers.
fn is_shown(family: &FamilySnapshot) -> bool {
    let is_zero = |value: &Value| matches!(value, Value::Count(0));
    let is_own_problem = [&REJECTED_RECORDS, &OVERFLOWED_SERIES].contains(&family.definition);

    family.definition != &CALLER_DECISIONS
        && !family.series.is_empty()
        && !(is_own_problem && family.series.iter().all(|(_, value)| is_zero(value)))
}

fn write_rows(text: &mut String, families: Vec<FamilySnapshot>) -> fmt::Result {
    writeln!(
        text,
        "\n{:<NAME_WIDTH$} {:<LABELS_WIDTH$} {:>9} {:>8} {:>8} {:>8} {:>8}",
        "metric (times in ms)", "of", "count", "p50", "p95", "p99", "p99.9"
    )?;

    for family in families {
        let family = family.sorted();
        let name = short_name(family.definition.family_name());
        for (labels, value) in &family.series {
            let labels: Vec<_> = labels.iter().filter(|value| !value.is_empty()).collect();
            write!(
                text,
                "{name:<NAME_WIDTH$} {:<LABELS_WIDTH$}",
                labels.join(", ")
            )?;
            write_value(text, value)?;
        }
    }
    writeln!(
        text,
        "The quantiles are estimates: they are interpolated in the buckets of a histogram."
    )
}

fn write_value(text: &mut String, value: &Value) -> fmt::Result {
    match value {
        Value::Count(count) => writeln!(text, " {count:>9}"),
        Value::Number(number) => writeln!(text, " {number:>9}"),
        Value::Durations(histogram) => write_durations(text, histogram),
    }
}

fn write_durations(text: &mut String, histogram: &Histogram) -> fmt::Result {
    write!(text, " {:>9}", histogram.count())?;
    for part in QUANTILES {
        let milliseconds = quantile(histogram, part).unwrap_or_default() * 1e3;
        write!(text, " {milliseconds:>8.1}")?;
    }
    writeln!(text)
}

/// Returns `http_request_duration` for `tollgate_http_request_duration_seconds`.
fn short_name(name: &str) -> &str {
    let name = name.strip_prefix("tollgate_").unwrap_or(name);
    name.strip_suffix("_seconds").unwrap_or(name)
}
