//! The metrics as a table, for people.

use std::fmt::{self, Write as _};

use super::Snapshot;
use super::publisher::Unit;

impl Snapshot {
    /// Writes a row per series and gauge, or nothing if there are none.
    pub(super) fn write_table(&self, text: &mut String) -> fmt::Result {
        let (series, gauges) = (self.totals.series(), self.gauges.by_name());
        if series.is_empty() && gauges.is_empty() {
            return Ok(());
        }

        writeln!(
            text,
            "\n{:<20} {:<44} {:>9} {:>8} {:>8} {:>8} {:>8}",
            "metric (times in ms)", "of", "count", "p50", "p95", "p99", "most"
        )?;
        for ((name, series), aggregate) in series {
            let of = series
                .dimensions()
                .map(|(_, value)| value)
                .collect::<Vec<_>>()
                .join(", ");
            let values = &aggregate.values;
            write!(text, "{name:<20} {of:<44} {:>9}", values.count())?;
            if series.metric.unit() == Unit::Milliseconds {
                let quantiles =
                    [0.5, 0.95, 0.99].map(|part| values.quantile(part).unwrap_or_default());
                for value in quantiles.into_iter().chain(values.max()) {
                    write!(text, " {value:>8.1}")?;
                }
            }
            writeln!(text)?;
        }

        for (name, values) in gauges {
            for (dimensions, value) in values {
                let of = dimensions
                    .iter()
                    .map(|(_, value)| value.as_str())
                    .collect::<Vec<_>>()
                    .join(", ");
                writeln!(text, "{name:<20} {of:<44} {value:>9}")?;
            }
        }
        Ok(())
    }
}
