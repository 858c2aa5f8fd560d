//! An OpenTelemetry collector that decodes what it receives over OTLP/HTTP.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message;
use tokio::time::{Instant, sleep};

use crate::http_server::{HttpReply, HttpRequest, HttpServer};

/// The longest time for which a test waits for data.
const PATIENCE: Duration = Duration::from_secs(20);

/// A collector on a free port of loopback, which keeps the requests.
pub struct Collector(pub HttpServer);

impl Collector {
    /// Starts a collector that accepts everything.
    pub fn start() -> Self {
        Self::responding(|_| Self::accepted())
    }

    /// Starts a collector that responds by a function.
    pub fn responding(respond: impl Fn(&HttpRequest) -> HttpReply + Send + 'static) -> Self {
        Self(HttpServer::responding(respond))
    }

    /// Returns the response that accepts everything.
    pub fn accepted() -> HttpReply {
        HttpReply::text(200, "application/x-protobuf", "")
    }

    /// Returns the endpoint for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// Returns the requests to a path, such as `/v1/traces`.
    pub fn to(&self, path: &str) -> Vec<HttpRequest> {
        let mut requests = self.0.requests();
        requests.retain(|request| request.target == path);
        requests
    }

    /// Returns the received spans with their resources.
    ///
    /// # Panics
    /// If a request is not a message of OTLP.
    pub fn resource_spans(&self) -> Vec<ResourceSpans> {
        let requests = self.to("/v1/traces").into_iter();
        requests
            .flat_map(|request| {
                let message = ExportTraceServiceRequest::decode(&*request.body).unwrap();
                message.resource_spans
            })
            .collect()
    }

    /// Returns the received spans.
    ///
    /// # Panics
    /// If a request is not a message of OTLP.
    pub fn spans(&self) -> Vec<Span> {
        let resources = self.resource_spans().into_iter();
        let scopes = resources.flat_map(|it| it.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    /// Waits until at least this many spans have arrived, and returns all of them.
    ///
    /// A function's flush gives up after 100 ms, and the export goes on in the background. On a
    /// busy machine, spans may thus arrive after the invocation.
    ///
    /// # Panics
    /// If fewer have arrived after 20 seconds, or a request is not a message of OTLP.
    pub async fn wait_for_spans(&self, count: usize) -> Vec<Span> {
        wait_for(count, "spans", || self.spans()).await
    }

    /// Returns the metrics of each export.
    ///
    /// # Panics
    /// If a request is not a message of OTLP.
    pub fn metric_exports(&self) -> Vec<Vec<Metric>> {
        let decode = |request: HttpRequest| {
            let message = ExportMetricsServiceRequest::decode(&*request.body).unwrap();
            let resources = message.resource_metrics.into_iter();
            let scopes = resources.flat_map(|it| it.scope_metrics);
            scopes.flat_map(|scope| scope.metrics).collect()
        };
        self.to("/v1/metrics").into_iter().map(decode).collect()
    }

    /// Waits until metrics were exported at least this many times, and returns all exports. They
    /// may be late for the same reason as in [`Self::wait_for_spans`].
    ///
    /// # Panics
    /// If fewer have arrived after 20 seconds, or a request is not a message of OTLP.
    pub async fn wait_for_metric_exports(&self, count: usize) -> Vec<Vec<Metric>> {
        wait_for(count, "metric exports", || self.metric_exports()).await
    }

    /// Returns a metric of the last export.
    pub fn metric(&self, name: &str) -> Option<Metric> {
        let last = self.metric_exports().pop()?;
        last.into_iter().find(|metric| metric.name == name)
    }

    /// True if a request contains these bytes.
    pub fn has_received(&self, bytes: &[u8]) -> bool {
        let requests = self.0.requests();
        let mut bodies = requests.iter().map(|request| &request.body);
        bodies.any(|body| body.windows(bytes.len()).any(|it| it == bytes))
    }
}

/// Waits until at least `count` items have arrived, and returns all of them.
async fn wait_for<T>(count: usize, name: &str, received: impl Fn() -> Vec<T>) -> Vec<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let items = received();
        if items.len() >= count {
            return items;
        }

        let is_in_time = Instant::now() < deadline;
        assert!(is_in_time, "{} of {count} {name} arrived", items.len());
        sleep(Duration::from_millis(10)).await;
    }
}

/// Returns an attribute as text. `None` if it is missing, or a list.
pub fn attribute(attributes: &[KeyValue], name: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;

    match found.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text.clone()),
        any_value::Value::IntValue(number) => Some(number.to_string()),
        any_value::Value::BoolValue(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Returns the lower-case hex digits of an id.
pub fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
