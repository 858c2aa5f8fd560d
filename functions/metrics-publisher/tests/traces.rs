//! The spans that the binary exports.

use std::process::{Command, Stdio};

use testing::collector::attribute;
use testing::{Collector, LambdaRuntime, RuntimeMessage};

#[tokio::test]
async fn delivery_is_a_trace_with_its_calls() {
    let collector = Collector::start();
    let mut program = Command::new(env!("CARGO_BIN_EXE_metrics-publisher"));
    program.env_clear().envs([
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "hush-hush-hush"),
        // Nothing listens there.
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ("USAGE_TABLE", "u"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url()),
    ]);
    let mut runtime = LambdaRuntime::start(program, Stdio::null()).await;
    assert_eq!(runtime.next().await, RuntimeMessage::Ready);

    let event = include_str!("../../../events/metrics-publisher.records.json");
    let response = runtime.invoke(event).await;
    assert!(matches!(response, RuntimeMessage::Error(_)), "{response:?}");

    // The delivery and at least one call.
    let spans = collector.wait_for_spans(2).await;
    let mut deliveries = spans.iter().filter(|span| span.name == "metrics-publisher");
    let delivery = deliveries.next().unwrap();
    for (name, value) in [("faas.trigger", "pubsub"), ("error.type", "fault")] {
        let found = attribute(&delivery.attributes, name);
        assert_eq!(found.as_deref(), Some(value), "{name}");
    }
    let calls = spans
        .iter()
        .filter(|it| it.parent_span_id == delivery.span_id);
    let calls: Vec<_> = calls.map(|span| span.name.as_str()).collect();
    assert!(calls.contains(&"CloudWatch.PutMetricData"), "{calls:?}");
    // Metrics must not contain the secret either.
    collector.wait_for_metric_exports(1).await;
    assert!(!collector.has_received(b"hush-hush-hush"));
}
