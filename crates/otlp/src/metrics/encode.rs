//! Messages of OTLP from a snapshot.

use std::time::SystemTime;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1 as proto;
use opentelemetry_proto::tonic::metrics::v1::AggregationTemporality;
use opentelemetry_proto::tonic::metrics::v1::{exemplar, metric, number_data_point};
use telemetry::{Attribute, AttributeValue, DURATION_BOUNDS_S, Exemplar, Histogram};

use super::baseline::{Baseline, Value, nanos};
use super::snapshot::{Metric, Points, Snapshot};
use crate::settings::Temporality;

/// Encodes a snapshot relative to the last export.
pub(crate) struct Encoder<'b> {
    pub(crate) temporality: Temporality,
    /// The start of the process.
    pub(crate) start: SystemTime,
    pub(crate) now: SystemTime,
    pub(crate) last: &'b Baseline,
}

impl Encoder<'_> {
    /// Returns the messages, and the baseline of the next export if this one succeeds.
    pub(crate) fn encode(&self, snapshot: Snapshot) -> (Vec<proto::Metric>, Baseline) {
        let mut next = Baseline::new(self.now);
        let metrics = snapshot
            .metrics
            .into_iter()
            .map(|metric| self.metric(metric, &mut next))
            .collect();

        (metrics, next)
    }

    fn metric(&self, metric: Metric, next: &mut Baseline) -> proto::Metric {
        let name = metric.instrument.name.into_owned();
        let data = match metric.points {
            Points::Histogram(points) => self.histogram(&name, points, next),
            Points::Counter(points) => self.counter(&name, points, next),
            Points::UpDownCounter(points) => self.up_down_counter(points),
            Points::Gauge(points) => self.gauge(points),
        };

        proto::Metric {
            name,
            description: metric.instrument.description.into_owned(),
            unit: metric.instrument.unit.to_owned(),
            metadata: Vec::new(),
            data: Some(data),
        }
    }

    fn histogram(
        &self,
        name: &str,
        points: Vec<(Vec<Attribute>, Histogram)>,
        next: &mut Baseline,
    ) -> metric::Data {
        let data_points = points
            .into_iter()
            .map(|(attributes, histogram)| {
                let value = Value {
                    counts: histogram.counts().to_vec(),
                    sum_s: histogram.sum().as_secs_f64(),
                };
                let value = self.since_last(name, &attributes, value, next);
                self.histogram_point(attributes, value, &histogram)
            })
            .collect();

        metric::Data::Histogram(proto::Histogram {
            data_points,
            aggregation_temporality: self.aggregation().into(),
        })
    }

    fn histogram_point(
        &self,
        attributes: Vec<Attribute>,
        value: Value,
        histogram: &Histogram,
    ) -> proto::HistogramDataPoint {
        let exemplars = histogram
            .exemplars()
            .flatten()
            .filter(|exemplar| nanos(exemplar.at) >= self.last.at)
            .filter_map(exemplar)
            .collect();

        proto::HistogramDataPoint {
            attributes: key_values(attributes),
            start_time_unix_nano: self.start_nanos(),
            time_unix_nano: nanos(self.now),
            count: value.counts.iter().sum(),
            sum: Some(value.sum_s),
            bucket_counts: value.counts,
            explicit_bounds: DURATION_BOUNDS_S.to_vec(),
            exemplars,
            ..proto::HistogramDataPoint::default()
        }
    }

    fn counter(
        &self,
        name: &str,
        points: Vec<(Vec<Attribute>, u64)>,
        next: &mut Baseline,
    ) -> metric::Data {
        let data_points = points
            .into_iter()
            .map(|(attributes, count)| {
                let value = Value {
                    counts: vec![count],
                    sum_s: 0.0,
                };
                let value = self.since_last(name, &attributes, value, next);
                let count = value.counts.first().copied().unwrap_or_default();
                let count = i64::try_from(count).unwrap_or(i64::MAX);
                self.number_point(attributes, self.start_nanos(), integer(count))
            })
            .collect();

        metric::Data::Sum(proto::Sum {
            data_points,
            aggregation_temporality: self.aggregation().into(),
            is_monotonic: true,
        })
    }

    /// Encodes a sum that may fall. It is always cumulative, as the specification says.
    fn up_down_counter(&self, points: Vec<(Vec<Attribute>, i64)>) -> metric::Data {
        let data_points = points
            .into_iter()
            .map(|(attributes, count)| {
                self.number_point(attributes, nanos(self.start), integer(count))
            })
            .collect();

        metric::Data::Sum(proto::Sum {
            data_points,
            aggregation_temporality: AggregationTemporality::Cumulative.into(),
            is_monotonic: false,
        })
    }

    fn gauge(&self, points: Vec<(Vec<Attribute>, f64)>) -> metric::Data {
        let data_points = points
            .into_iter()
            .map(|(attributes, value)| {
                self.number_point(attributes, 0, number_data_point::Value::AsDouble(value))
            })
            .collect();

        metric::Data::Gauge(proto::Gauge { data_points })
    }

    fn number_point(
        &self,
        attributes: Vec<Attribute>,
        start: u64,
        value: number_data_point::Value,
    ) -> proto::NumberDataPoint {
        proto::NumberDataPoint {
            attributes: key_values(attributes),
            start_time_unix_nano: start,
            time_unix_nano: nanos(self.now),
            value: Some(value),
            ..proto::NumberDataPoint::default()
        }
    }

    /// Returns the value to export, and keeps the given one for the next export if differences are
    /// exported.
    fn since_last(
        &self,
        name: &str,
        attributes: &[Attribute],
        value: Value,
        next: &mut Baseline,
    ) -> Value {
        if self.temporality == Temporality::Cumulative {
            return value;
        }

        self.last.difference(name, attributes, value, next)
    }

    fn start_nanos(&self) -> u64 {
        match self.temporality {
            Temporality::Cumulative => nanos(self.start),
            Temporality::Delta => self.last.at,
        }
    }

    const fn aggregation(&self) -> AggregationTemporality {
        match self.temporality {
            Temporality::Cumulative => AggregationTemporality::Cumulative,
            Temporality::Delta => AggregationTemporality::Delta,
        }
    }
}

const fn integer(count: i64) -> number_data_point::Value {
    number_data_point::Value::AsInt(count)
}

fn exemplar(exemplar: &Exemplar) -> Option<proto::Exemplar> {
    let trace_id = u128::from_str_radix(&exemplar.trace_id, 16).ok()?;
    let span_id = u64::from_str_radix(&exemplar.span_id, 16).ok()?;

    Some(proto::Exemplar {
        filtered_attributes: Vec::new(),
        time_unix_nano: nanos(exemplar.at),
        span_id: span_id.to_be_bytes().to_vec(),
        trace_id: trace_id.to_be_bytes().to_vec(),
        value: Some(exemplar::Value::AsDouble(exemplar.seconds)),
    })
}

fn key_values(attributes: Vec<Attribute>) -> Vec<KeyValue> {
    attributes
        .into_iter()
        .map(|(name, value)| KeyValue {
            key: name.into_owned(),
            value: Some(any_value(value)),
            key_strindex: 0,
        })
        .collect()
}

fn any_value(value: AttributeValue) -> AnyValue {
    let value = match value {
        AttributeValue::Text(text) => any_value::Value::StringValue(text.into_owned()),
        AttributeValue::Integer(number) => any_value::Value::IntValue(number),
        AttributeValue::Flag(flag) => any_value::Value::BoolValue(flag),
    };
    AnyValue { value: Some(value) }
}
