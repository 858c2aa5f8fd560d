//! The series of a metric family, with a limit on their number.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;
use telemetry::Histogram;

use super::definition::Definition;

/// The most series of a family that have their own label values.
pub(super) const MAX_SERIES: usize = 500;
/// The most series of a family whose first label is `other`. Beyond it, all labels are `other`.
const MAX_OTHER_SERIES: usize = 256;
/// The most label values that are recognised as counted in other series.
const MAX_OVERFLOWED: usize = 10_000;
/// The label value of series beyond the limit.
const OTHER: &str = "other";

/// The label values of a series, in the order of the definition. Clones share them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LabelValues(Arc<[Box<str>]>);

impl LabelValues {
    /// Returns the values.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|value| &**value)
    }
}

impl<const N: usize> From<[&str; N]> for LabelValues {
    fn from(values: [&str; N]) -> Self {
        Self(values.into_iter().map(Box::from).collect())
    }
}

pub(super) type Counters = Family<u64>;
pub(super) type Histograms = Family<Histogram>;

/// The series of one family. A series that exists is found without an allocation.
#[derive(Debug)]
pub(super) struct Family<V> {
    pub(super) definition: &'static Definition,
    series: Vec<Series<V>>,
    /// The indexes of `series` by the hash of the label values.
    index: HashTable<usize>,
    hasher: RandomState,
    /// The number of series with `other`.
    others: usize,
    /// The hashes of the label values that are counted in other series.
    overflowed: HashSet<u64>,
}

#[derive(Debug)]
struct Series<V> {
    hash: u64,
    labels: LabelValues,
    value: V,
}

impl<V: Default> Family<V> {
    pub(super) fn new(definition: &'static Definition) -> Self {
        Self {
            definition,
            series: Vec::new(),
            index: HashTable::new(),
            hasher: RandomState::new(),
            others: 0,
            overflowed: HashSet::new(),
        }
    }

    /// Returns the value of a series, or of a series with `other` if there are too many.
    pub(super) fn at<const N: usize>(&mut self, values: [&str; N]) -> &mut V {
        let hash = self.hasher.hash_one(values);
        let index = match self.find(hash, values) {
            Some(index) => index,
            None if self.series.len() - self.others < MAX_SERIES => self.add(hash, values),
            None => self.other(hash, values),
        };
        &mut self.series[index].value
    }

    fn find<const N: usize>(&self, hash: u64, values: [&str; N]) -> Option<usize> {
        let is_same = |index: &usize| self.series[*index].labels.iter().eq(values);
        self.index.find(hash, is_same).copied()
    }

    fn add<const N: usize>(&mut self, hash: u64, values: [&str; N]) -> usize {
        let index = self.series.len();
        self.series.push(Series {
            hash,
            labels: values.into(),
            value: V::default(),
        });

        let series = &self.series;
        let hash_of = |index: &usize| series[*index].hash;
        self.index.insert_unique(hash, index, hash_of);
        index
    }

    /// Returns the series that counts the label values beyond the limit.
    fn other<const N: usize>(&mut self, hash: u64, values: [&str; N]) -> usize {
        if self.overflowed.len() < MAX_OVERFLOWED {
            self.overflowed.insert(hash);
        }

        let mut partly_other = values;
        partly_other[..1].fill(OTHER);
        self.find_or_add(partly_other, MAX_OTHER_SERIES)
            .or_else(|| self.find_or_add([OTHER; N], usize::MAX))
            .unwrap_or_default()
    }

    /// Returns a series with `other`. `None` if it is new and there are `max` of them.
    fn find_or_add<const N: usize>(&mut self, values: [&str; N], max: usize) -> Option<usize> {
        let hash = self.hasher.hash_one(values);
        self.find(hash, values).or_else(|| {
            (self.others < max).then(|| {
                self.others += 1;
                self.add(hash, values)
            })
        })
    }

    /// Returns the number of series that are counted in other series.
    pub(super) fn overflowed(&self) -> usize {
        self.overflowed.len()
    }
}

impl<V: Clone> Family<V> {
    /// Returns a copy of the series.
    pub(super) fn copy(&self) -> Vec<(LabelValues, V)> {
        let copy = |series: &Series<V>| (series.labels.clone(), series.value.clone());
        self.series.iter().map(copy).collect()
    }
}
