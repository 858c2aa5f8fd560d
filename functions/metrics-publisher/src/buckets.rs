//! A distribution of values in log-spaced buckets.

/// The maximum relative difference between a published value and the observed one.
pub const RELATIVE_ERROR: f64 = 0.05;
/// The natural logarithm of the ratio of a bucket's bounds, (1 + e) / (1 − e). It is 0.1 percentage
/// points below the allowed error, so that rounding cannot exceed it (DDSketch, VLDB 2019, section
/// 2.1).
const BUCKET_WIDTH: f64 = 0.098_0;
/// CloudWatch's range is ±2^360. Values below the inverse count as 0.
const MAX_VALUE: f64 = 2.348_542_582_773_833e108;
const MIN_VALUE: f64 = 1.0 / MAX_VALUE;
/// Below the index of every positive value, which is above -2,600.
const ZERO_INDEX: i32 = -10_000;

/// The number of values between two close bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bucket {
    index: i32,
    count: u64,
    min: f64,
    max: f64,
}

impl Bucket {
    /// Returns the value with the same relative error at both bounds. A bucket with a single value
    /// returns exactly that value.
    fn value(&self) -> f64 {
        if self.min == self.max {
            return self.min;
        }
        2.0 / (1.0 / self.min + 1.0 / self.max)
    }
}

/// A histogram with a relative error of at most [`RELATIVE_ERROR`]. Merging is associative and
/// commutative.
#[derive(Clone, Debug, Default)]
pub struct Buckets {
    /// The non-empty buckets, in order.
    buckets: Vec<Bucket>,
    /// The index of the bucket of the last value, where the next one often belongs too.
    last: usize,
}

impl PartialEq for Buckets {
    fn eq(&self, other: &Self) -> bool {
        self.buckets == other.buckets
    }
}

impl Buckets {
    /// Adds a finite value `count` times. Values beyond ±2^360 count as ±2^360.
    pub fn add(&mut self, value: f64, count: u64) {
        if let Some(bucket) = self.buckets.get_mut(self.last)
            && bucket.min <= value
            && value <= bucket.max
        {
            bucket.count += count;
            return;
        }

        let value = if value.abs() < MIN_VALUE {
            0.0
        } else {
            value.clamp(-MAX_VALUE, MAX_VALUE)
        };
        self.merge_bucket(Bucket {
            index: index(value),
            count,
            min: value,
            max: value,
        });
    }

    /// Adds all values of another histogram.
    pub fn merge(&mut self, other: &Self) {
        other
            .buckets
            .iter()
            .for_each(|bucket| self.merge_bucket(*bucket));
    }

    fn merge_bucket(&mut self, new: Bucket) {
        self.last = match self
            .buckets
            .binary_search_by_key(&new.index, |bucket| bucket.index)
        {
            Ok(place) => {
                let bucket = &mut self.buckets[place];
                bucket.count += new.count;
                bucket.min = bucket.min.min(new.min);
                bucket.max = bucket.max.max(new.max);
                place
            }
            Err(place) => {
                self.buckets.insert(place, new);
                place
            }
        };
    }

    /// Returns the values in order, each with its count.
    pub fn values(&self) -> impl ExactSizeIterator<Item = (f64, u64)> {
        self.buckets
            .iter()
            .map(|bucket| (bucket.value(), bucket.count))
    }

    /// Returns the number of observed values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.count).sum()
    }

    /// Returns the sum of the values. It is as accurate as they are.
    #[cfg(test)]
    #[expect(clippy::cast_precision_loss, reason = "a test has few values")]
    pub(crate) fn sum(&self) -> f64 {
        self.values()
            .map(|(value, count)| value * count as f64)
            .sum()
    }

    /// Returns a quantile by nearest rank, for a part from 0 to 1. `None` without values.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Option<f64> {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank, rounded up, of a part that is clamped"
        )]
        let rank = ((self.count() as f64 * part.clamp(0.0, 1.0)).ceil() as u64).max(1);
        let mut cumulative = 0;
        self.values().find_map(|(value, count)| {
            cumulative += count;
            (cumulative >= rank).then_some(value)
        })
    }

    /// Returns the largest observed value.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        self.buckets.last().map(|bucket| bucket.max)
    }
}

/// Returns the index of a value's bucket. 0 has its own bucket, below all positive values and above
/// all negative ones.
fn index(value: f64) -> i32 {
    if value == 0.0 {
        return ZERO_INDEX;
    }
    if value < 0.0 {
        return 2 * ZERO_INDEX - index(-value);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a logarithm of a double is below 800"
    )]
    let index = (value.ln() / BUCKET_WIDTH).floor() as i32;
    index
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn buckets(values: &[f64]) -> Buckets {
        let mut buckets = Buckets::default();
        values.iter().for_each(|value| buckets.add(*value, 1));
        buckets
    }

    /// The value at a rank, exactly.
    fn exact(values: &[f64], part: f64) -> f64 {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let rank = (values.len() as f64 * part).ceil().max(1.0) as usize;
        sorted[rank - 1]
    }

    #[test]
    fn the_same_value_a_million_times_is_that_value_with_its_count() {
        let mut same = Buckets::default();
        (0..1_000_000).for_each(|_| same.add(12.5, 1));
        assert_eq!(same.values().collect::<Vec<_>>(), [(12.5, 1_000_000)]);
    }

    #[test]
    fn a_fraction_of_a_millisecond_is_kept_and_zero_is_zero() {
        assert_eq!(buckets(&[0.37]).values().collect::<Vec<_>>(), [(0.37, 1)]);
        assert_eq!(
            buckets(&[0.0, -0.0, 0.001]).values().collect::<Vec<_>>(),
            [(0.0, 2), (0.001, 1)]
        );
    }

    #[test]
    fn negative_values_are_below_zero_and_in_order() {
        let buckets = buckets(&[-1.0, 5.0, 0.0, -200.0, -1e-99, -1e300]);
        let values: Vec<_> = buckets.values().map(|(value, _)| value).collect();
        assert_eq!(values, [-MAX_VALUE, -200.0, -1.0, -1e-99, 0.0, 5.0]);
    }

    #[test]
    fn a_thousand_different_durations_are_at_most_150_values_with_percentiles_within_5_percent() {
        let values: Vec<f64> = (1..=1000).map(|value| f64::from(value) * 1.7).collect();
        let buckets = buckets(&values);
        assert!(buckets.values().len() <= 150 && buckets.count() == 1000);
        for part in [0.5, 0.95, 0.99, 0.999] {
            let (told, is) = (buckets.quantile(part).unwrap(), exact(&values, part));
            assert!(
                (told - is).abs() <= RELATIVE_ERROR * is,
                "{part}: {told} for {is}"
            );
        }
    }

    #[test]
    fn from_a_tenth_of_a_millisecond_to_four_minutes_150_buckets_suffice() {
        let values: Vec<f64> = (0..100_000)
            .map(|step| 0.1 * (f64::from(step) / 100_000.0 * 14.6).exp())
            .collect();
        assert!(values.last().is_some_and(|last| *last > 200_000.0));
        assert!(buckets(&values).values().len() <= 150);
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            Just(0.0),
            0.001..100_000.0f64,
            (-300.0..300.0f64).prop_map(f64::exp2)
        ]
    }

    proptest! {
        #[test]
        fn no_value_is_told_wrong_by_more_than_5_percent_and_none_is_lost(values in prop::collection::vec(value(), 1..300)) {
            let buckets = buckets(&values);
            prop_assert_eq!(buckets.count(), values.len() as u64);
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let told = buckets.values().flat_map(|(value, count)| std::iter::repeat_n(value, count as usize));
            for (told, is) in told.zip(sorted) {
                prop_assert!((told - is).abs() <= RELATIVE_ERROR * is, "{} for {}", told, is);
            }
        }

        #[test]
        fn merging_is_what_counting_together_would_have_been_in_any_order(
            a in prop::collection::vec(value(), 0..50), b in prop::collection::vec(value(), 0..50), c in prop::collection::vec(value(), 0..50),
        ) {
            let together = buckets(&[a.clone(), b.clone(), c.clone()].concat());
            let (a, b, c) = (buckets(&a), buckets(&b), buckets(&c));
            let mut left = a.clone();
            left.merge(&b);
            left.merge(&c);
            let mut right = c;
            right.merge(&b);
            right.merge(&a);
            prop_assert_eq!(&left, &together);
            prop_assert_eq!(&right, &together);
        }
    }
}
