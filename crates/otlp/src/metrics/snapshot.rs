//! The values of all metrics at the time of an export.

use std::borrow::Cow;

use telemetry::{Attribute, Histogram};

/// The name, unit and description of a metric.
#[derive(Debug, Clone)]
pub struct Instrument {
    /// The name, such as `http.server.request.duration`.
    pub name: Cow<'static, str>,
    /// The unit by UCUM, such as `s`, `By`, `1` or `{request}`.
    pub unit: &'static str,
    /// The description.
    pub description: Cow<'static, str>,
}

impl Instrument {
    /// Returns an instrument whose name and description are constants.
    #[must_use]
    pub const fn new(name: &'static str, unit: &'static str, description: &'static str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            unit,
            description: Cow::Borrowed(description),
        }
    }
}

/// The series of one metric.
#[derive(Debug)]
pub(crate) struct Metric {
    pub(crate) instrument: Instrument,
    pub(crate) points: Points,
}

/// Attributes with their values since the start of the process.
#[derive(Debug)]
pub(crate) enum Points {
    Histogram(Vec<(Vec<Attribute>, Histogram)>),
    Counter(Vec<(Vec<Attribute>, u64)>),
    UpDownCounter(Vec<(Vec<Attribute>, i64)>),
    Gauge(Vec<(Vec<Attribute>, f64)>),
}

/// The values of metrics. A source adds its own before each export.
///
/// Histograms and counters are those since the start of the process. The exporter computes the
/// differences between exports if the collector wants them. Metrics without a series are left out.
///
/// ```
/// use otlp::{Instrument, Snapshot};
///
/// let requests = Instrument::new("tollgate.requests", "{request}", "Requests by route");
/// let mut snapshot = Snapshot::default();
/// snapshot.counter(requests, [(vec![("http.route".into(), "GET /orders".into())], 3)]);
/// ```
#[derive(Debug, Default)]
pub struct Snapshot {
    pub(crate) metrics: Vec<Metric>,
}

impl Snapshot {
    /// Adds histograms of durations in seconds, with their exemplars.
    pub fn histogram(
        &mut self,
        instrument: Instrument,
        points: impl IntoIterator<Item = (Vec<Attribute>, Histogram)>,
    ) {
        let points: Vec<_> = points.into_iter().collect();
        if !points.is_empty() {
            self.add(instrument, Points::Histogram(points));
        }
    }

    /// Adds counts that never fall.
    pub fn counter(
        &mut self,
        instrument: Instrument,
        points: impl IntoIterator<Item = (Vec<Attribute>, u64)>,
    ) {
        let points: Vec<_> = points.into_iter().collect();
        if !points.is_empty() {
            self.add(instrument, Points::Counter(points));
        }
    }

    /// Adds counts that rise and fall and that can be added over instances, such as requests in
    /// flight.
    pub fn up_down_counter(
        &mut self,
        instrument: Instrument,
        points: impl IntoIterator<Item = (Vec<Attribute>, i64)>,
    ) {
        let points: Vec<_> = points.into_iter().collect();
        if !points.is_empty() {
            self.add(instrument, Points::UpDownCounter(points));
        }
    }

    /// Adds current values.
    pub fn gauge(
        &mut self,
        instrument: Instrument,
        points: impl IntoIterator<Item = (Vec<Attribute>, f64)>,
    ) {
        let points: Vec<_> = points.into_iter().collect();
        if !points.is_empty() {
            self.add(instrument, Points::Gauge(points));
        }
    }

    fn add(&mut self, instrument: Instrument, points: Points) {
        self.metrics.push(Metric { instrument, points });
    }
}
