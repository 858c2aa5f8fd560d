//! Splits data into requests within CloudWatch's limits.

use crate::aggregate::{Aggregate, Datum};
use crate::buckets::Buckets;

/// The maximum number of data per request (PutMetricData: 1000 metrics).
pub const MAX_REQUEST_DATA: usize = 1_000;
/// The maximum size of a request before compression. CloudWatch accepts 1 MB.
pub const MAX_REQUEST_BYTES: usize = 900_000;
/// The maximum number of different values per datum.
pub const MAX_DATUM_VALUES: usize = 150;

/// The size of a value and its count as doubles, each with its CBOR head.
const VALUE_BYTES: usize = 18;
/// The size of field names, unit, time, and the heads of maps and lists, without a metric's name.
const DATUM_BYTES: usize = 136;
/// The size of `Name` and `Value` with their heads.
const DIMENSION_BYTES: usize = 24;
/// The size of the namespace and the outermost heads.
const REQUEST_BYTES: usize = 512;

impl Datum {
    /// Returns an upper bound of the size in a request, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let dimensions = self
            .series
            .dimensions()
            .map(|(name, value)| name.len() + value.len() + DIMENSION_BYTES);
        DATUM_BYTES
            + self.series.name().len()
            + self.aggregate.values.values().len() * VALUE_BYTES
            + dimensions.sum::<usize>()
    }

    /// Splits the datum if it has more values than allowed.
    fn split(self) -> Vec<Self> {
        let values: Vec<_> = self.aggregate.values.values().collect();
        if values.len() <= MAX_DATUM_VALUES {
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
        values.chunks(MAX_DATUM_VALUES).map(part).collect()
    }
}

/// Splits data into requests, and keeps their order.
#[must_use]
pub fn request_batches(data: Vec<Datum>) -> Vec<Vec<Datum>> {
    let (mut batches, mut batch, mut bytes) = (Vec::new(), Vec::new(), REQUEST_BYTES);
    for datum in data.into_iter().flat_map(Datum::split) {
        if batch.len() == MAX_REQUEST_DATA
            || (bytes + datum.bytes() > MAX_REQUEST_BYTES && !batch.is_empty())
        {
            batches.push(std::mem::take(&mut batch));
            bytes = REQUEST_BYTES;
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
    use crate::name::MAX_NAME_BYTES;
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
        request_batches(data).iter().map(Vec::len).collect()
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
        assert!(
            datum(&"x".repeat(MAX_NAME_BYTES), MAX_DATUM_VALUES).bytes() + 2 * MAX_NAME_BYTES
                < MAX_REQUEST_BYTES / 100
        );
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
            let batches = request_batches(data);
            for batch in &batches {
                prop_assert!((1..=MAX_REQUEST_DATA).contains(&batch.len()));
                prop_assert!(batch.iter().map(Datum::bytes).sum::<usize>() <= MAX_REQUEST_BYTES);
                prop_assert!(batch.iter().all(|datum| (1..=MAX_DATUM_VALUES).contains(&datum.aggregate.values.values().len())));
            }
            prop_assert_eq!(batches.iter().map(|batch| count(batch)).sum::<u64>(), all);
        }
    }
}
