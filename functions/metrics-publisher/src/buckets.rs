//! A distribution in log-spaced buckets.

/// No value that is told differs from the one that was observed by more than this part of it.
pub const RELATIVE_ERROR: f64 = 0.05;
/// The natural logarithm of the ratio of a bucket's ends, (1 + e) / (1 − e): 0.1 %-points inside
/// the bound, so that rounding cannot leave it (DDSketch, VLDB 2019, section 2.1).
const WIDTH: f64 = 0.098_0;
/// CloudWatch's range is ±2^360; what is nearer to 0 than its inverse is 0.
const LARGEST: f64 = 2.348_542_582_773_833e108;
const SMALLEST: f64 = 1.0 / LARGEST;

/// Values that lie close together, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bucket {
    index: i32,
    count: u64,
    least: f64,
    most: f64,
}

impl Bucket {
    /// The value that is off by the same part at both ends. A bucket of one value tells exactly
    /// that one.
    fn value(&self) -> f64 {
        if self.least == self.most {
            return self.least;
        }
        2.0 / (1.0 / self.least + 1.0 / self.most)
    }
}

/// How often each value was observed, within [`RELATIVE_ERROR`], and their exact sum. Merging is
/// associative and commutative, except for the rounding of the sum.
#[derive(Clone, Debug, Default)]
pub struct Buckets {
    /// In order; only those that hold something.
    buckets: Vec<Bucket>,
    /// The sum of the values as observed. It cannot be calculated from the buckets: a bucket's
    /// value moves when its least or most value does, and a sum that falls looks like a restart to
    /// Prometheus.
    sum: f64,
    /// Where the last value went: the next one often goes there too.
    last: usize,
}

impl PartialEq for Buckets {
    fn eq(&self, other: &Self) -> bool {
        self.buckets == other.buckets
    }
}

impl Buckets {
    /// Counts a value that is finite and from 0 to 2^360.
    pub fn add(&mut self, value: f64, count: u64) {
        if let Some(bucket) = self.buckets.get_mut(self.last)
            && bucket.least <= value
            && value <= bucket.most
        {
            bucket.count += count;
            self.sum += times(value, count);
            return;
        }

        let value = if value < SMALLEST {
            0.0
        } else {
            value.min(LARGEST)
        };
        self.sum += times(value, count);
        self.merge_bucket(Bucket {
            index: index(value),
            count,
            least: value,
            most: value,
        });
    }

    /// Takes over what another one has counted.
    pub fn merge(&mut self, other: &Self) {
        other
            .buckets
            .iter()
            .for_each(|bucket| self.merge_bucket(*bucket));
        self.sum += other.sum;
    }

    fn merge_bucket(&mut self, new: Bucket) {
        self.last = match self
            .buckets
            .binary_search_by_key(&new.index, |bucket| bucket.index)
        {
            Ok(place) => {
                let bucket = &mut self.buckets[place];
                bucket.count += new.count;
                bucket.least = bucket.least.min(new.least);
                bucket.most = bucket.most.max(new.most);
                place
            }
            Err(place) => {
                self.buckets.insert(place, new);
                place
            }
        };
    }

    /// Values in order, each with how often it was observed.
    pub fn values(&self) -> impl ExactSizeIterator<Item = (f64, u64)> {
        self.buckets
            .iter()
            .map(|bucket| (bucket.value(), bucket.count))
    }

    /// How many values were observed.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.count).sum()
    }

    /// The sum of all observed values. It never decreases when a value is added.
    #[must_use]
    pub const fn sum(&self) -> f64 {
        self.sum
    }

    /// The value below or at which this part (0 to 1) of all values lies, by nearest rank; `None`
    /// without values.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Option<f64> {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank, rounded up, of a part that is clamped"
        )]
        let rank = ((self.count() as f64 * part.clamp(0.0, 1.0)).ceil() as u64).max(1);
        let mut seen = 0;
        self.values().find_map(|(value, count)| {
            seen += count;
            (seen >= rank).then_some(value)
        })
    }

    /// The largest value that was observed.
    #[must_use]
    pub fn most(&self) -> Option<f64> {
        self.buckets.last().map(|bucket| bucket.most)
    }
}

/// A value that was observed `count` times.
#[expect(
    clippy::cast_precision_loss,
    reason = "a count above 2^53 is off by less than a double can tell"
)]
fn times(value: f64, count: u64) -> f64 {
    value * count as f64
}

/// The bucket that a value belongs to; 0 has one of its own, below all others.
fn index(value: f64) -> i32 {
    if value == 0.0 {
        return i32::MIN;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a logarithm of a double is below 800"
    )]
    let index = (value.ln() / WIDTH).floor() as i32;
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

    #[test]
    fn the_sum_rises_by_each_observed_value() {
        let mut slow = Buckets::default();
        slow.add(1_030.0, 200);
        slow.add(958.0, 1);
        assert_eq!(slow.sum(), 206_958.0);

        let mut merged = buckets(&[5_450.0, 5_120.0]);
        merged.merge(&slow);
        assert_eq!(merged.sum(), 217_528.0);
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
        fn the_sum_never_decreases(values in prop::collection::vec((0.0..900_000.0f64, 1u64..50), 1..300)) {
            let mut buckets = Buckets::default();
            let mut last = 0.0;
            for (value, count) in values {
                buckets.add(value, count);
                prop_assert!(buckets.sum() >= last);
                last = buckets.sum();
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
