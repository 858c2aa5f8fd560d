//! Observations, summed up per minute and series.

use std::hash::{Hash, Hasher};

use hashbrown::{Equivalent, HashMap};

use crate::buckets::Buckets;
use crate::rejection::Reason;
use crate::series::Series;

/// A delivery with more series and minutes than these (50 requests' worth) is nobody's traffic.
const MOST: usize = 50_000;

/// A minute (in seconds since 1970) of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key<T = Box<str>> {
    minute: i64,
    series: Series<T>,
}

impl<T: AsRef<str>> Hash for Key<T> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.minute.hash(hasher);
        self.series.hash(hasher);
    }
}

impl Equivalent<Key> for Key<&str> {
    fn equivalent(&self, key: &Key) -> bool {
        self.minute == key.minute && self.series.is(&key.series)
    }
}

/// What a series was in one minute.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Aggregate {
    /// The distribution of its values.
    pub values: Buckets,
    /// The numbers of the records that it comes from, in order. Empty for the publisher's own
    /// metrics.
    pub records: Vec<u32>,
}

impl Aggregate {
    fn contribute(&mut self, record: u32) {
        if self.records.last() != Some(&record) {
            self.records.push(record);
        }
    }

    /// Takes another one's values over. The records have to be put in order afterwards, once for
    /// all that are merged.
    fn merge(&mut self, other: &Self) {
        self.values.merge(&other.values);
        self.records.extend(&other.records);
    }

    fn order_records(&mut self) {
        self.records.sort_unstable();
        self.records.dedup();
    }
}

/// A series in one minute.
#[derive(Clone, Debug)]
pub struct Datum {
    /// The minute's beginning, in seconds since 1970.
    pub minute: i64,
    /// The series.
    pub series: Series,
    /// What it was.
    pub aggregate: Aggregate,
}

/// The sums of one delivery. Its size depends on how many series, minutes and buckets the records
/// have, and by four bytes for each record and series on how many records there are.
#[derive(Debug, Default)]
pub struct Aggregator {
    aggregates: HashMap<Key, Aggregate>,
}

impl Aggregator {
    /// Whether a record of `observations` values may be added, whatever series they belong to.
    ///
    /// # Errors
    /// [`Reason::TooMany`].
    pub fn check_room(&self, observations: usize) -> Result<(), Reason> {
        if self.aggregates.len() + observations > MOST {
            Err(Reason::TooMany)
        } else {
            Ok(())
        }
    }

    /// Counts a value of a series `count` times, for the record with this number. Records come in
    /// order.
    pub fn add(&mut self, minute: i64, series: Series<&str>, value: f64, count: u64, record: u32) {
        self.update(Key { minute, series }, |aggregate| {
            aggregate.values.add(value, count);
            aggregate.contribute(record);
        });
    }

    fn update(&mut self, key: Key<&str>, change: impl FnOnce(&mut Aggregate)) {
        if let Some(aggregate) = self.aggregates.get_mut(&key) {
            return change(aggregate);
        }
        let mut aggregate = Aggregate::default();
        change(&mut aggregate);
        self.aggregates.insert(
            Key {
                minute: key.minute,
                series: key.series.to_owned(),
            },
            aggregate,
        );
    }

    /// Counts a value that the publisher itself has observed, which comes from no record.
    pub fn add_own(&mut self, minute: i64, series: Series<&str>, value: f64, count: u64) {
        self.update(Key { minute, series }, |aggregate| {
            aggregate.values.add(value, count)
        });
    }

    /// How many series and minutes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.aggregates.len()
    }

    /// Whether nothing has been counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.aggregates.is_empty()
    }

    /// Every series with what it was, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&Series, &Aggregate)> {
        self.aggregates
            .iter()
            .map(|(key, aggregate)| (&key.series, aggregate))
    }

    /// Counts each series that is not `admitted` as `other`. Returns the number of series that were
    /// moved.
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
            let other = Key {
                minute: key.minute,
                series: key.series.overflow(),
            };
            self.update(other, |other| other.merge(aggregate));
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

    /// What was counted, in the order of minutes and series.
    #[must_use]
    pub fn into_data(self) -> Vec<Datum> {
        let mut all: Vec<_> = self.aggregates.into_iter().collect();
        all.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let datum = |(key, aggregate): (Key, _)| Datum {
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
    use crate::series::{Metric, OTHER};
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
    fn memory_is_bounded_whatever_comes() {
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
        assert_eq!((sums.len(), refused), (MOST, 10_000));
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
