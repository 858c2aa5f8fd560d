//! An export to a collector.

use std::time::Duration;

use opentelemetry_proto::tonic::metrics::v1::{Metric, metric};
use otlp::{Otlp, Service, Settings};
use telemetry::{SpanKind, TraceParent};
pub(crate) use testing::collector::{Collector, attribute as text, hex};
pub(crate) use testing::wait_until;
use tokio::time::Instant;

pub(crate) const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
pub(crate) const SPAN_ID: &str = "00f067aa0ba902b7";

/// The longest time for which a test waits.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Returns settings that export to `url`, with further variables.
pub(crate) fn settings(url: &str, variables: &[(&str, &str)]) -> Settings {
    let lookup = |name: &str| {
        let mut variables = variables.iter();
        let found = variables.find(|(known, _)| *known == name);
        let endpoint = || (name == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| url.to_owned());
        found
            .map(|(_, value)| (*value).to_owned())
            .or_else(endpoint)
    };
    let service = Service {
        name: "test",
        version: "1.2.3",
    };
    Settings::from_lookup(lookup, service).unwrap().unwrap()
}

/// Starts an export to `url`.
pub(crate) fn start(url: &str, variables: &[(&str, &str)]) -> Otlp {
    Otlp::start(settings(url, variables))
}

/// Records a span that ends at once.
pub(crate) fn record(otlp: &Otlp, name: &'static str, parent: Option<&TraceParent>) -> TraceParent {
    let mut span = otlp.tracer().begin(SpanKind::Server, name.into(), parent);
    span.end();
    span.context()
        .cloned()
        .unwrap_or_else(|| self::parent("00"))
}

/// Returns the caller's trace context.
pub(crate) fn parent(flags: &str) -> TraceParent {
    TraceParent::parse(&format!("00-{TRACE_ID}-{SPAN_ID}-{flags}")).unwrap()
}

/// Returns the number of dropped spans and data points by signal and reason.
pub(crate) fn dropped(otlp: &Otlp) -> Vec<(&'static str, String, u64)> {
    let dropped = otlp.dropped().into_iter();
    dropped
        .map(|it| (it.signal.as_str(), it.reason, it.count))
        .collect()
}

pub(crate) async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    (work.await, began.elapsed())
}

/// Returns the counts of a histogram's or counter's first series.
pub(crate) fn first_count(metric: &Metric) -> u64 {
    use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;

    match metric.data.as_ref().unwrap() {
        metric::Data::Histogram(histogram) => histogram.data_points[0].count,
        metric::Data::Sum(sum) => match sum.data_points[0].value {
            Some(Value::AsInt(count)) => count.try_into().unwrap(),
            ref other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}
