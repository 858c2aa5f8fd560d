//! Copies of metric families, which are formatted while requests go on.

use telemetry::Histogram;

use super::definition::Definition;
use super::series::{Family, LabelValues};

/// The value of a series.
#[derive(Clone, Debug)]
pub enum Value {
    /// A counter.
    Count(u64),
    /// A gauge, or a counter that is not a whole number.
    Number(f64),
    /// The durations of a histogram.
    Durations(Box<Histogram>),
}

/// A metric family at one time.
#[derive(Clone, Debug)]
pub struct FamilySnapshot {
    /// The family.
    pub definition: &'static Definition,
    /// The series, ordered by their label values after [`sorted`](Self::sorted).
    pub series: Vec<(LabelValues, Value)>,
}

impl FamilySnapshot {
    /// Returns a family with one series.
    pub(super) fn single<const N: usize>(
        definition: &'static Definition,
        labels: [&str; N],
        value: Value,
    ) -> Self {
        Self {
            definition,
            series: vec![(labels.into(), value)],
        }
    }

    /// Orders the series by their label values.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.series.sort_by(|left, right| left.0.cmp(&right.0));
        self
    }
}

impl From<&Family<u64>> for FamilySnapshot {
    fn from(family: &Family<u64>) -> Self {
        Self::of(family, Value::Count)
    }
}

impl From<&Family<f64>> for FamilySnapshot {
    fn from(family: &Family<f64>) -> Self {
        Self::of(family, Value::Number)
    }
}

impl From<&Family<Histogram>> for FamilySnapshot {
    fn from(family: &Family<Histogram>) -> Self {
        Self::of(family, |histogram| Value::Durations(Box::new(histogram)))
    }
}

impl FamilySnapshot {
    fn of<V: Clone>(family: &Family<V>, value: impl Fn(V) -> Value) -> Self {
        let series = family.copy().into_iter();
        Self {
            definition: family.definition,
            series: series.map(|(labels, it)| (labels, value(it))).collect(),
        }
    }
}
