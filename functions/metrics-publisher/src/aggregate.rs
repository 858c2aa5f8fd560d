//! Aggregates values per minute and series.

use std::hash::{Hash, Hasher};

use hashbrown::{Equivalent, HashMap};

use crate::buckets::Buckets;
use crate::rejection::Reason;
use crate::series::{Metric, Series};

/// The maximum number of aggregates per delivery. They fill 50 requests.
const MAX_AGGREGATES: usize = 50_000;

/// A series in one minute (in seconds since 1970).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct AggregateKey<T = Box<str>> {
    minute: i64,
    series: Series<T>,
}

impl<T: AsRef<str>> Hash for AggregateKey<T> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.minute.hash(hasher);
        self.series.hash(hasher);
    }
}

impl Equivalent<AggregateKey> for AggregateKey<&str> {
    fn equivalent(&self, key: &AggregateKey) -> bool {
        self.minute == key.minute && self.series.equals(&key.series)
    }
}

/// The values of a series in one minute.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Aggregate {
    /// The distribution of its values.
    pub values: Buckets,
    /// The numbers of the records with a value, in order. Empty for the publisher's own metrics.
    pub records: Vec<u32>,
}

impl Aggregate {
    fn contribute(&mut self, record: u32) {
        if self.records.last() != Some(&record) {
            self.records.push(record);
        }
    }

    /// Adds the values of another aggregate. Afterwards, the records must be sorted with
    /// [`Self::order_records`], once for all merges.
    fn merge(&mut self, other: &Self) {
        self.values.merge(&other.values);
        self.records.extend(&other.records);
    }

    /// Adds the number of the values of another aggregate, like [`Self::merge`].
    fn merge_as_count(&mut self, other: &Self) {
        self.values.add(1.0, other.values.count());
        self.records.extend(&other.records);
    }

    fn order_records(&mut self) {
        self.records.sort_unstable();
        self.records.dedup();
    }
}

/// A series with its values in one minute.
#[derive(Clone, Debug)]
pub struct Datum {
    /// The start of the minute, in seconds since 1970.
    pub minute: i64,
    /// The series.
    pub series: Series,
    /// The values.
    pub aggregate: Aggregate,
}

/// The aggregates of one delivery. The size is proportional to the number of series, minutes and
/// buckets, plus four bytes per record and series.
#[derive(Debug, Default)]
pub struct Aggregator {
    aggregates: HashMap<AggregateKey, Aggregate>,
    unknown_error_types: UnknownErrorTypes,
}

/// The failed calls whose error type is unknown, and which therefore count as `unknown`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownErrorTypes {
    /// The number of calls.
    pub calls: u64,
    /// The first of these types, shortened.
    pub first: Option<String>,
}

impl Aggregator {
    /// Checks that a record with up to `observations` values still fits.
    ///
    /// # Errors
    /// `Reason::TooMany` if the delivery might exceed the maximum number of aggregates.
    pub fn check_room(&self, observations: usize) -> Result<(), Reason> {
        if self.aggregates.len() + observations > MAX_AGGREGATES {
            Err(Reason::TooMany)
        } else {
            Ok(())
        }
    }

    /// Adds a value to a series `count` times, for the record with this number. Record numbers must
    /// not decrease.
    pub fn add(&mut self, minute: i64, series: Series<&str>, value: f64, count: u64, record: u32) {
        self.update(AggregateKey { minute, series }, |aggregate| {
            aggregate.values.add(value, count);
            aggregate.contribute(record);
        });
    }

    fn update(&mut self, key: AggregateKey<&str>, change: impl FnOnce(&mut Aggregate)) {
        if let Some(aggregate) = self.aggregates.get_mut(&key) {
            return change(aggregate);
        }
        let mut aggregate = Aggregate::default();
        change(&mut aggregate);
        self.aggregates.insert(
            AggregateKey {
                minute: key.minute,
                series: key.series.to_owned(),
            },
            aggregate,
        );
    }

    /// Adds a value that the publisher measured itself, without a record.
    pub fn add_own(&mut self, minute: i64, series: Series<&str>, value: f64, count: u64) {
        self.update(AggregateKey { minute, series }, |aggregate| {
            aggregate.values.add(value, count)
        });
    }

    /// Records that calls count as `unknown` because their error type, in short, is not known.
    pub fn note_unknown_error_type(&mut self, error_type: &str, calls: u64) {
        self.unknown_error_types.calls += calls;
        self.unknown_error_types
            .first
            .get_or_insert_with(|| error_type.to_owned());
    }

    /// Returns the failed calls with an unknown error type.
    #[must_use]
    pub const fn unknown_error_types(&self) -> &UnknownErrorTypes {
        &self.unknown_error_types
    }

    /// Returns the number of aggregates.
    #[must_use]
    pub fn len(&self) -> usize {
        self.aggregates.len()
    }

    /// Returns whether there are no aggregates.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.aggregates.is_empty()
    }

    /// Returns all series with their values, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&Series, &Aggregate)> {
        self.aggregates
            .iter()
            .map(|(key, aggregate)| (&key.series, aggregate))
    }

    /// Moves each series that is not `admitted` into its overflow series. Returns the number of
    /// moved series.
    pub fn overflow(&mut self, admitted: impl Fn(&Series) -> bool) -> usize {
        let gone = |series: &Series| !series.is_overflow() && !admitted(series);
        let moved: Vec<_> = self
            .aggregates
            .extract_if(|key, _| gone(&key.series))
            .collect();
        let mut series: Vec<_> = moved.iter().map(|(key, _)| key.series.borrowed()).collect();
        series.sort_unstable();
        series.dedup();
        for (key, aggregate) in &moved {
            let other = AggregateKey {
                minute: key.minute,
                series: key.series.overflow(),
            };
            self.update(other, |other| match key.series.metric {
                Metric::Embedded => other.merge_as_count(aggregate),
                _ => other.merge(aggregate),
            });
        }
        if !moved.is_empty() {
            let overflows = self
                .aggregates
                .iter_mut()
                .filter(|(key, _)| key.series.is_overflow());
            overflows.for_each(|(_, aggregate)| aggregate.order_records());
        }
        series.len()
    }

    /// Returns all data, in the order of minutes and series.
    #[must_use]
    pub fn into_data(self) -> Vec<Datum> {
        let mut all: Vec<_> = self.aggregates.into_iter().collect();
        all.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let datum = |(key, aggregate): (AggregateKey, _)| Datum {
            minute: key.minute,
            series: key.series,
            aggregate,
        };
        all.into_iter().map(datum).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::OTHER;
    use proptest::prelude::*;

    fn latency(route: &str) -> Series<&str> {
        Series::new(Metric::Latency, [route])
    }

    #[test]
    fn values_meet_in_their_minute_and_series() {
        let mut sums = Aggregator::default();
        for (minute, route, record) in [
            (60, "a", 0),
            (60, "a", 1),
            (60, "a", 1),
            (60, "b", 1),
            (120, "a", 2),
        ] {
            sums.add(minute, latency(route), 5.0, 1, record);
        }
        let told: Vec<_> = sums
            .into_data()
            .into_iter()
            .map(|datum| {
                (
                    datum.minute,
                    datum.aggregate.values.count(),
                    datum.aggregate.records,
                )
            })
            .collect();
        assert_eq!(
            told,
            [(60, 3, vec![0, 1]), (60, 1, vec![1]), (120, 1, vec![2])]
        );
    }

    #[test]
    fn what_is_not_admitted_is_counted_as_other_with_its_records() {
        let mut sums = Aggregator::default();
        for (number, route) in ["a", "b", "c", "b"].into_iter().enumerate() {
            sums.add(60, latency(route), 5.0, 1, u32::try_from(number).unwrap());
        }
        assert_eq!(sums.overflow(|series| series.borrowed() == latency("a")), 2);
        let data = sums.into_data();
        assert_eq!(data.len(), 2);
        assert_eq!(data[1].series.borrowed(), latency(OTHER));
        assert_eq!(
            (data[1].aggregate.values.count(), &data[1].aggregate.records),
            (3, &vec![1, 2, 3])
        );
    }

    #[test]
    fn memory_is_bounded() {
        let mut sums = Aggregator::default();
        let mut refused = 0;
        for minute in 0..60_000 {
            match sums.check_room(1) {
                Ok(()) => sums.add(minute * 60, latency("a"), 1.0, 1, 0),
                Err(reason) => {
                    assert_eq!(reason, Reason::TooMany);
                    refused += 1;
                }
            }
        }
        assert_eq!((sums.len(), refused), (MAX_AGGREGATES, 10_000));
    }

    proptest! {
        #[test]
        fn counts_in_are_counts_out_whatever_overflows(
            seen in prop::collection::vec((0i64..3, 0usize..6, 0.0..1e6f64, 1u64..5), 0..200), kept in 0usize..6,
        ) {
            let routes = ["a", "b", "c", "d", "e", "f"];
            let mut sums = Aggregator::default();
            for (minute, route, value, count) in &seen {
                sums.add(minute * 60, latency(routes[*route]), *value, *count, 0);
            }
            sums.overflow(|series| routes[..kept].iter().any(|route| series.borrowed() == latency(route)));
            let out: u64 = sums.iter().map(|(_, aggregate)| aggregate.values.count()).sum();
            prop_assert_eq!(out, seen.iter().map(|(.., count)| count).sum::<u64>());
            prop_assert!(sums.len() <= 3 * (kept + 1));
        }
    }
}
