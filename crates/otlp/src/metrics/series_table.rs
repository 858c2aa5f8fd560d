//! The series of one metric, of which there is a limited number.

use std::collections::HashMap;

use telemetry::{Attribute, AttributeValue};

/// The number of series of one metric. Values of further series are added to one series with the
/// attribute `otel.metric.overflow`, as OpenTelemetry's SDKs do.
pub(crate) const MAX_SERIES: usize = 500;

const OVERFLOW: &str = "otel.metric.overflow";

/// Values by their attributes.
#[derive(Debug)]
pub(crate) struct SeriesTable<V>(HashMap<Vec<Attribute>, V>);

impl<V: Default> SeriesTable<V> {
    /// Returns the value of a series.
    pub(crate) fn entry(&mut self, attributes: Vec<Attribute>) -> &mut V {
        let is_full = self.0.len() >= MAX_SERIES && !self.0.contains_key(&attributes);
        let attributes = if is_full {
            vec![(OVERFLOW.into(), AttributeValue::Flag(true))]
        } else {
            attributes
        };

        self.0.entry(attributes).or_default()
    }
}

impl<V: Clone> SeriesTable<V> {
    /// Returns copies of all series.
    pub(crate) fn points(&self) -> Vec<(Vec<Attribute>, V)> {
        let series = self.0.iter();
        series
            .map(|(attributes, value)| (attributes.clone(), value.clone()))
            .collect()
    }
}

impl<V> Default for SeriesTable<V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_above_the_limit_share_one() {
        let mut table = SeriesTable::<u64>::default();
        for number in 0..2 * MAX_SERIES {
            let attribute = ("n".into(), AttributeValue::from(number.to_string()));
            *table.entry(vec![attribute]) += 1;
        }

        let points = table.points();
        assert_eq!(points.len(), MAX_SERIES + 1);
        assert_eq!(points.iter().map(|(_, value)| value).sum::<u64>(), 1_000);
        let overflow = points.iter().find(|(names, _)| names[0].0 == OVERFLOW);
        assert_eq!(overflow.unwrap().1, 500);
    }
}
