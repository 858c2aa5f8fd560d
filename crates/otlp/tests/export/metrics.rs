//! Exported metrics.

use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, HistogramDataPoint, Metric, metric, number_data_point,
};
use otlp::{Instrument, Otlp};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use telemetry::{Attribute, AttributeValue, Histogram, SpanKind};

use crate::support::*;

const DURATION: &str = "db.client.operation.duration";

/// Records a call of DynamoDB.
fn record_call(otlp: &Otlp, operation: &'static str, flags: &str) -> String {
    let parent = parent(flags);
    let mut span = otlp
        .tracer()
        .begin(SpanKind::Client, "call".into(), Some(&parent));
    span.set("db.system.name", "aws.dynamodb".into());
    span.set("db.operation.name", operation.into());
    span.set("aws.request_id", "unbounded".into());
    span.end();
    span.context().unwrap().parent_id().to_owned()
}

fn histogram_points(metric: &Metric) -> &[HistogramDataPoint] {
    match metric.data.as_ref().unwrap() {
        metric::Data::Histogram(histogram) => &histogram.data_points,
        other => panic!("{other:?}"),
    }
}

fn temporality(metric: &Metric) -> AggregationTemporality {
    match metric.data.as_ref().unwrap() {
        metric::Data::Histogram(histogram) => histogram.aggregation_temporality(),
        metric::Data::Sum(sum) => sum.aggregation_temporality(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn calls_are_histograms_with_exemplars_of_recorded_traces() {
    let collector = Collector::start();
    let otlp = start(&collector.0.url(), &[]);
    record_call(&otlp, "GetItem", "00");
    let span_id = record_call(&otlp, "GetItem", "01");
    otlp.flush(PATIENCE).await;

    let metric = collector.metric(DURATION).unwrap();
    assert_eq!(metric.unit, "s");
    let [point] = histogram_points(&metric) else {
        panic!("{metric:?}")
    };
    assert_eq!(point.count, 2);
    assert_eq!(point.bucket_counts.iter().sum::<u64>(), 2);
    assert_eq!(point.explicit_bounds.len() + 1, point.bucket_counts.len());
    assert!(point.start_time_unix_nano < point.time_unix_nano);
    assert_eq!(
        text(&point.attributes, "db.operation.name").as_deref(),
        Some("GetItem")
    );
    assert_eq!(text(&point.attributes, "aws.request_id"), None);

    let [exemplar] = &*point.exemplars else {
        panic!("{point:?}")
    };
    assert_eq!(hex(&exemplar.trace_id), TRACE_ID);
    assert_eq!(hex(&exemplar.span_id), span_id);
}

#[tokio::test]
async fn exemplars_are_sent_once() {
    let collector = Collector::start();
    let otlp = start(&collector.0.url(), &[]);
    record_call(&otlp, "GetItem", "01");
    otlp.flush(PATIENCE).await;
    otlp.flush(PATIENCE).await;

    let metric = collector.metric(DURATION).unwrap();
    assert_eq!(histogram_points(&metric)[0].count, 1);
    assert_eq!(histogram_points(&metric)[0].exemplars, []);
}

#[tokio::test]
async fn attributes_of_the_span_choose_the_metric() {
    let collector = Collector::start();
    let otlp = start(&collector.0.url(), &[]);
    let cases: [(SpanKind, &'static str, &str); 4] = [
        (SpanKind::Client, "db.system.name", DURATION),
        (
            SpanKind::Client,
            "rpc.system.name",
            "rpc.client.call.duration",
        ),
        (
            SpanKind::Client,
            "http.request.method",
            "http.client.request.duration",
        ),
        (SpanKind::Server, "faas.trigger", "faas.invoke_duration"),
    ];
    for (kind, attribute, _) in cases {
        let mut span = otlp.tracer().begin(kind, "a".into(), None);
        span.set(attribute, "x".into());
        span.end();
    }
    // A request that is served is not a call.
    let mut span = otlp.tracer().begin(SpanKind::Server, "a".into(), None);
    span.set("http.request.method", "GET".into());
    span.end();
    otlp.flush(PATIENCE).await;

    for (_, _, name) in cases {
        assert_eq!(first_count(&collector.metric(name).unwrap()), 1, "{name}");
    }
}

#[tokio::test]
async fn functions_count_decisions_and_refusals() {
    let collector = Collector::start();
    let otlp = start(&collector.0.url(), &[]);
    for trigger in [Some("http"), None] {
        for decision in [Some("throttled"), None] {
            let mut span = otlp.tracer().begin(SpanKind::Server, "a".into(), None);
            span.set("tollgate.reason", "x".into());
            if let Some(trigger) = trigger {
                span.set("faas.trigger", trigger.into());
            }
            if let Some(decision) = decision {
                span.set("tollgate.decision", decision.into());
            }
            span.end();
        }
    }
    otlp.flush(PATIENCE).await;

    // The local gateway hands over its own counts.
    for name in ["tollgate.decisions", "tollgate.refusals"] {
        assert_eq!(first_count(&collector.metric(name).unwrap()), 1, "{name}");
    }
}

#[tokio::test]
async fn failed_invocations_and_cold_starts_are_counted() {
    let collector = Collector::start();
    let otlp = start(&collector.0.url(), &[]);
    for (is_cold_start, error) in [(true, None), (false, Some("fault")), (false, None)] {
        let mut span = otlp.tracer().begin(SpanKind::Server, "a".into(), None);
        span.set("faas.trigger", "http".into());
        span.set("faas.coldstart", AttributeValue::Flag(is_cold_start));
        if let Some(error) = error {
            span.fail(error.into());
        }
        span.end();
    }
    otlp.flush(PATIENCE).await;

    let count = |name| first_count(&collector.metric(name).unwrap());
    assert_eq!(count("faas.invoke_duration"), 3);
    assert_eq!(count("faas.errors"), 1);
    assert_eq!(count("faas.coldstarts"), 1);
}

#[tokio::test]
async fn metrics_of_the_program_are_exported() {
    let collector = Collector::start();
    let otlp = start(&collector.0.url(), &[]);
    otlp.add_metrics(|snapshot| {
        let route = || -> Vec<Attribute> { vec![("http.route".into(), "GET /a".into())] };
        let mut histogram = Histogram::default();
        histogram.record(Duration::from_millis(1_500), None);

        snapshot.histogram(Instrument::new("h", "s", "H"), [(route(), histogram)]);
        snapshot.counter(Instrument::new("c", "{request}", "C"), [(route(), 7)]);
        snapshot.up_down_counter(Instrument::new("u", "{request}", "U"), [(route(), -2)]);
        snapshot.gauge(Instrument::new("g", "By", "G"), [(route(), 0.5)]);
        snapshot.counter(Instrument::new("empty", "1", "E"), []);
    });
    otlp.flush(PATIENCE).await;

    let histogram = collector.metric("h").unwrap();
    assert_eq!(histogram_points(&histogram)[0].sum, Some(1.5));
    let counter = collector.metric("c").unwrap();
    assert_eq!(
        (first_count(&counter), counter.unit.as_str()),
        (7, "{request}")
    );
    let metric::Data::Sum(sum) = collector.metric("u").unwrap().data.unwrap() else {
        panic!("not a sum")
    };
    assert!(!sum.is_monotonic);
    assert_eq!(
        sum.data_points[0].value,
        Some(number_data_point::Value::AsInt(-2))
    );
    let metric::Data::Gauge(gauge) = collector.metric("g").unwrap().data.unwrap() else {
        panic!("not a gauge")
    };
    assert_eq!(
        gauge.data_points[0].value,
        Some(number_data_point::Value::AsDouble(0.5))
    );
    assert!(collector.metric("empty").is_none());
}

/// Exports a counter and a histogram that grow by one before each flush.
async fn grow(variables: &[(&str, &str)], collector: &Collector, flushes: u64) {
    let otlp = start(&collector.0.url(), variables);
    let count = Arc::new(AtomicU64::new(0));
    let shared = Arc::clone(&count);
    otlp.add_metrics(move |snapshot| {
        let count = shared.load(Ordering::SeqCst);
        snapshot.counter(Instrument::new("c", "1", "C"), [(Vec::new(), count)]);
    });

    for _ in 0..flushes {
        count.fetch_add(1, Ordering::SeqCst);
        record_call(&otlp, "GetItem", "00");
        otlp.flush(PATIENCE).await;
    }
}

fn counts(collector: &Collector, name: &str) -> Vec<u64> {
    let exports = collector.metric_exports().into_iter().flatten();
    let metrics = exports.filter(|metric| metric.name == name);
    metrics.map(|metric| first_count(&metric)).collect()
}

#[tokio::test]
async fn values_are_cumulative_by_default() {
    let collector = Collector::start();
    grow(&[], &collector, 3).await;

    assert_eq!(counts(&collector, "c"), [1, 2, 3]);
    assert_eq!(counts(&collector, DURATION), [1, 2, 3]);
    let metric = collector.metric("c").unwrap();
    assert_eq!(temporality(&metric), AggregationTemporality::Cumulative);
}

const DELTA: (&str, &str) = ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta");

#[tokio::test]
async fn differences_are_exported_on_request() {
    let collector = Collector::start();
    grow(&[DELTA], &collector, 3).await;

    assert_eq!(counts(&collector, "c"), [1, 1, 1]);
    assert_eq!(counts(&collector, DURATION), [1, 1, 1]);
    let metric = collector.metric(DURATION).unwrap();
    assert_eq!(temporality(&metric), AggregationTemporality::Delta);
}

#[tokio::test]
async fn difference_of_a_failed_export_is_not_lost() {
    static REQUESTS: AtomicU64 = AtomicU64::new(0);
    let collector = Collector::responding(|request| {
        let is_second =
            request.target == "/v1/metrics" && REQUESTS.fetch_add(1, Ordering::SeqCst) == 1;
        if is_second {
            testing::HttpReply::text(503, "text/plain", "busy").header("retry-after", "0")
        } else {
            Collector::accepted()
        }
    });
    let otlp = start(&collector.0.url(), &[DELTA]);

    for exports in 1..=3 {
        record_call(&otlp, "GetItem", "00");
        wait_until_exported(&otlp, &collector, exports).await;
    }

    assert_eq!(counts(&collector, DURATION), [1, 1, 2]);
    assert_eq!(dropped(&otlp), []);
}

async fn wait_until_exported(otlp: &Otlp, collector: &Collector, exports: usize) {
    while collector.to("/v1/metrics").len() < exports {
        otlp.flush(PATIENCE).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn lost_spans_are_metrics() {
    let collector = Collector::responding(|request| {
        if request.target == "/v1/traces" {
            testing::HttpReply::text(400, "text/plain", "no")
        } else {
            Collector::accepted()
        }
    });
    let variables = [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "2"),
        ("OTEL_BSP_SCHEDULE_DELAY", "600000"),
    ];
    let otlp = start(&collector.0.url(), &variables);
    for _ in 0..5 {
        record(&otlp, "a", None);
    }
    // Spans and metrics are sent at the same time, so that the second export has all counts.
    otlp.flush(PATIENCE).await;
    otlp.flush(PATIENCE).await;

    let by_error = |name: &str| {
        let metric::Data::Sum(sum) = collector.metric(name).unwrap().data.unwrap() else {
            panic!("not a sum")
        };
        let points = sum.data_points.into_iter().map(|point| {
            let error = text(&point.attributes, "error.type");
            let Some(number_data_point::Value::AsInt(count)) = point.value else {
                panic!("{point:?}")
            };
            (error, count)
        });
        points.collect::<Vec<_>>()
    };
    assert_eq!(
        by_error("otel.sdk.processor.span.processed"),
        [(None, 2), (Some("queue_full".to_owned()), 3)]
    );
    assert_eq!(
        by_error("otel.sdk.exporter.span.exported"),
        [(None, 0), (Some("400".to_owned()), 2)]
    );
}
