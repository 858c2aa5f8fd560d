//! What goes into which request, within CloudWatch's limits.

use crate::aggregate::{Aggregate, Datum};
use crate::buckets::Buckets;

/// Data in one request ("PutMetricData": 1000 metrics).
pub const MOST_DATA: usize = 1_000;
/// Bytes of one request before compression. CloudWatch takes 1 MB.
pub const MOST_BYTES: usize = 900_000;
/// Different values in one datum.
pub const MOST_VALUES: usize = 150;

/// A value and its count as doubles, each with its CBOR head.
const BYTES_A_VALUE: usize = 18;
/// The members' names, unit, time, and the heads of maps and lists.
const BYTES_A_DATUM: usize = 160;
/// `Name` and `Value` with their heads.
const BYTES_A_DIMENSION: usize = 24;
/// Namespace and the outermost heads.
const BYTES_A_REQUEST: usize = 512;

impl Datum {
    /// Not less than it takes in a request, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let dimensions = self
            .series
            .dimensions()
            .map(|(name, value)| name.len() + value.len() + BYTES_A_DIMENSION);
        BYTES_A_DATUM
            + self.aggregate.values.values().len() * BYTES_A_VALUE
            + dimensions.sum::<usize>()
    }

    /// Itself, or several that say the same together where it has more values than a datum may
    /// have.
    fn split(self) -> Vec<Self> {
        let values: Vec<_> = self.aggregate.values.values().collect();
        if values.len() <= MOST_VALUES {
            return vec![self];
        }
        let part = |values: &[(f64, u64)]| {
            let mut part = Buckets::default();
            values
                .iter()
                .for_each(|(value, count)| part.add(*value, *count));
            let aggregate = Aggregate {
                values: part,
                records: self.aggregate.records.clone(),
            };
            Self {
                minute: self.minute,
                series: self.series.clone(),
                aggregate,
            }
        };
        values.chunks(MOST_VALUES).map(part).collect()
    }
}

/// Splits data into requests, in their order.
#[must_use]
pub fn batches(data: Vec<Datum>) -> Vec<Vec<Datum>> {
    let (mut batches, mut batch, mut bytes) = (Vec::new(), Vec::new(), BYTES_A_REQUEST);
    for datum in data.into_iter().flat_map(Datum::split) {
        if batch.len() == MOST_DATA || (bytes + datum.bytes() > MOST_BYTES && !batch.is_empty()) {
            batches.push(std::mem::take(&mut batch));
            bytes = BYTES_A_REQUEST;
        }
        bytes += datum.bytes();
        batch.push(datum);
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::LONGEST;
    use crate::series::{Metric, Series};
    use proptest::prelude::*;

    fn datum(name: &str, values: usize) -> Datum {
        let mut aggregate = Aggregate::default();
        (0..values).for_each(|step| aggregate.values.add(0.1 * (step as f64 * 0.099).exp(), 1));
        let series = Series::new(Metric::CallDurationByEndpoint, [name, "Op", "vpce"]).to_owned();
        Datum {
            minute: 60,
            series,
            aggregate,
        }
    }

    fn sizes(series: usize, values: usize) -> Vec<usize> {
        let data = (0..series)
            .map(|number| datum(&number.to_string(), values))
            .collect();
        batches(data).iter().map(Vec::len).collect()
    }

    #[test]
    fn a_thousand_series_are_one_request_and_one_more_is_two() {
        assert_eq!(sizes(0, 1), Vec::<usize>::new());
        assert_eq!(sizes(1000, 1), [1000]);
        assert_eq!(sizes(1001, 1), [1000, 1]);
        assert_eq!(sizes(2500, 1), [1000, 1000, 500]);
    }

    #[test]
    fn four_hundred_series_of_150_values_are_two_requests_because_of_their_bytes() {
        let batches = sizes(400, 150);
        assert_eq!(batches.len(), 2);
        assert!(batches[0] < 340 && batches.iter().sum::<usize>() == 400);
    }

    #[test]
    fn the_largest_datum_fits_into_a_request() {
        assert!(datum(&"x".repeat(LONGEST), MOST_VALUES).bytes() + 2 * LONGEST < MOST_BYTES / 100);
    }

    #[test]
    fn a_series_of_more_than_150_values_is_several_data_that_lose_nothing() {
        let whole = datum("a", 400);
        let count = whole.aggregate.values.count();
        let parts = whole.split();
        assert_eq!(
            parts
                .iter()
                .map(|part| part.aggregate.values.values().len())
                .collect::<Vec<_>>(),
            [150, 150, 100]
        );
        assert_eq!(
            parts
                .iter()
                .map(|part| part.aggregate.values.count())
                .sum::<u64>(),
            count
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn every_request_keeps_every_limit_and_no_count_is_lost(
            data in prop::collection::vec(("[a-z]{1,256}", 1usize..400), 0..20), repeated in 1usize..30,
        ) {
            let data: Vec<_> = (0..repeated).flat_map(|_| data.iter().map(|(name, values)| datum(name, *values))).collect();
            let count = |data: &[Datum]| data.iter().map(|datum| datum.aggregate.values.count()).sum::<u64>();
            let all = count(&data);
            let batches = batches(data);
            for batch in &batches {
                prop_assert!((1..=MOST_DATA).contains(&batch.len()));
                prop_assert!(batch.iter().map(Datum::bytes).sum::<usize>() <= MOST_BYTES);
                prop_assert!(batch.iter().all(|datum| (1..=MOST_VALUES).contains(&datum.aggregate.values.values().len())));
            }
            prop_assert_eq!(batches.iter().map(|batch| count(batch)).sum::<u64>(), all);
        }
    }
}
