//! The values of the last export, from which differences are computed.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use telemetry::Attribute;

/// The values of the last successful export, from which differences are computed.
#[derive(Debug)]
pub(crate) struct Baseline {
    /// The time of the export, in nanoseconds since the Unix epoch.
    pub(super) at: u64,
    values: HashMap<SeriesKey, Value>,
}

type SeriesKey = (String, Vec<Attribute>);

/// The value of a histogram or a counter.
#[derive(Debug, Clone, Default)]
pub(super) struct Value {
    pub(super) counts: Vec<u64>,
    pub(super) sum_s: f64,
}

impl Baseline {
    /// Returns the baseline of a process that starts now.
    pub(crate) fn new(start: SystemTime) -> Self {
        Self {
            at: nanos(start),
            values: HashMap::new(),
        }
    }

    /// Returns the difference of a value from the last one of its series, and keeps the value for
    /// the next export.
    pub(super) fn difference(
        &self,
        name: &str,
        attributes: &[Attribute],
        value: Value,
        next: &mut Self,
    ) -> Value {
        let key = (name.to_owned(), attributes.to_vec());
        let difference = match self.values.get(&key) {
            Some(last) => value.minus(last),
            None => value.clone(),
        };

        next.values.insert(key, value);
        difference
    }
}

impl Value {
    /// Returns the difference from an earlier value, or this value if the series began again.
    fn minus(&self, earlier: &Self) -> Self {
        let counts = self.counts.iter().zip(&earlier.counts);
        let differences: Option<Vec<u64>> = counts
            .map(|(now, earlier)| now.checked_sub(*earlier))
            .collect();

        differences.map_or_else(
            || self.clone(),
            |counts| Self {
                counts,
                sum_s: self.sum_s - earlier.sum_s,
            },
        )
    }
}

/// Returns the nanoseconds since the Unix epoch.
pub(super) fn nanos(time: SystemTime) -> u64 {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}
