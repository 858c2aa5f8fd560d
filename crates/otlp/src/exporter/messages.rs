//! The messages of OTLP, and what the collector's responses say about them.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics, ScopeMetrics, metric};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::trace::SpanData;
use opentelemetry_semantic_conventions::SCHEMA_URL;
use prost::Message;

use crate::tracer::{SCOPE, VERSION};

/// Returns the message of a batch of spans.
pub(super) fn traces(spans: Vec<SpanData>, resource: &ResourceAttributesWithSchema) -> Bytes {
    let request = ExportTraceServiceRequest {
        resource_spans: group_spans_by_resource_and_scope(spans, resource),
    };
    Bytes::from(request.encode_to_vec())
}

/// Returns the message of metrics.
pub(super) fn metrics(metrics: Vec<Metric>, resource: &ResourceAttributesWithSchema) -> Bytes {
    let scope = InstrumentationScope {
        name: SCOPE.to_owned(),
        version: VERSION.to_owned(),
        ..InstrumentationScope::default()
    };
    let resource = Resource {
        attributes: resource.attributes.0.clone(),
        ..Resource::default()
    };

    let request = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(scope),
                metrics,
                schema_url: SCHEMA_URL.to_owned(),
            }],
            schema_url: SCHEMA_URL.to_owned(),
        }],
    };
    Bytes::from(request.encode_to_vec())
}

/// Returns the number of spans that the collector rejected. A body that is not a response counts as
/// full success, because its status was one.
pub(super) fn rejected_spans(response: &Bytes) -> u64 {
    let response = ExportTraceServiceResponse::decode(response.clone()).ok();
    let partial = response.and_then(|response| response.partial_success);

    partial.map_or(0, |partial| {
        partial.rejected_spans.try_into().unwrap_or_default()
    })
}

/// Returns the number of data points that the collector rejected, as [`rejected_spans`] does.
pub(super) fn rejected_points(response: &Bytes) -> u64 {
    let response = ExportMetricsServiceResponse::decode(response.clone()).ok();
    let partial = response.and_then(|response| response.partial_success);

    partial.map_or(0, |partial| {
        partial.rejected_data_points.try_into().unwrap_or_default()
    })
}

/// Returns the number of data points of all metrics.
pub(super) fn data_points(metrics: &[Metric]) -> u64 {
    let lengths = metrics.iter().map(|metric| match &metric.data {
        Some(metric::Data::Histogram(histogram)) => histogram.data_points.len(),
        Some(metric::Data::Sum(sum)) => sum.data_points.len(),
        Some(metric::Data::Gauge(gauge)) => gauge.data_points.len(),
        _ => 0,
    });
    count(lengths.sum())
}

pub(super) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
