//! The spans and metrics that the binary exports.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Stdio};

use serde_json::Value;
use testing::collector::{attribute, hex};
use testing::{Collector, LambdaRuntime, RuntimeMessage};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const KEY: &str = "local-pro-key-0000000000001";

/// Returns the binary with the settings of the examples.
fn program(variables: &[(&str, &str)]) -> Command {
    let text = include_str!("../../../events/env.json");
    let settings: Value = serde_json::from_str(text).unwrap();
    let settings = settings["AuthorizerFunction"].as_object().unwrap();

    let mut program = Command::new(env!("CARGO_BIN_EXE_authorizer"));
    program.env_clear();
    for (name, value) in settings {
        program.env(name, value.as_str().unwrap());
    }
    program.envs(variables.iter().copied());
    program
}

/// Returns an allowed request of a recorded trace, with secrets in its query and headers.
fn event() -> String {
    let text = include_str!("../../../events/authorizer.allowed.json");
    let mut event: Value = serde_json::from_str(text).unwrap();
    event["headers"]["traceparent"] = PARENT.into();
    event["headers"]["cookie"] = "session=hush".into();
    event["rawQueryString"] = "token=hush".into();
    event["queryStringParameters"]["token"] = "hush".into();
    event.to_string()
}

async fn started(variables: &[(&str, &str)]) -> LambdaRuntime {
    let mut runtime = LambdaRuntime::start(program(variables), Stdio::null()).await;
    assert_eq!(runtime.next().await, RuntimeMessage::Ready);
    runtime
}

#[tokio::test]
async fn invocation_is_a_span_with_its_decision_and_no_secret() {
    let collector = Collector::start();
    let mut runtime = started(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url())]).await;

    for invocations in 1..=2 {
        let response = runtime.invoke(&event()).await;
        assert!(
            matches!(response, RuntimeMessage::Response(_)),
            "{response:?}"
        );
        // Each span is sent without a further invocation.
        collector.wait_for_spans(invocations).await;
    }

    let spans = collector.spans();
    assert_eq!(spans.len(), 2);
    for (span, is_cold_start) in spans.iter().zip(["true", "false"]) {
        assert_eq!(span.name, "authorizer");
        assert_eq!(hex(&span.trace_id), TRACE_ID);
        for (name, value) in [
            ("faas.trigger", "http"),
            ("faas.invocation_id", "run-1"),
            ("faas.coldstart", is_cold_start),
            ("tollgate.decision", "allowed"),
            ("tollgate.reason", "ok"),
            ("tollgate.plan", "pro"),
            ("tollgate.key_id", "local-pro"),
            ("http.route", "/orders/{id}"),
        ] {
            let found = attribute(&span.attributes, name);
            assert_eq!(found.as_deref(), Some(value), "{name}");
        }
    }
    let resource = collector.resource_spans()[0].resource.clone().unwrap();
    let platform = attribute(&resource.attributes, "cloud.platform");
    assert_eq!(platform.as_deref(), Some("aws_lambda"));

    // Metrics must not contain secrets either.
    collector.wait_for_metric_exports(1).await;
    for secret in [KEY, "hush"] {
        assert!(!collector.has_received(secret.as_bytes()), "{secret}");
    }
}

#[tokio::test]
async fn remaining_metrics_are_sent_when_lambda_ends_the_instance() {
    let collector = Collector::start();
    let mut runtime = started(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url())]).await;
    for _ in 0..3 {
        runtime.invoke(&event()).await;
        // Only the first invocation sends metrics.
        collector.wait_for_metric_exports(1).await;
    }
    assert_eq!(collector.metric_exports().len(), 1);

    assert_eq!(runtime.terminate().await, Some(0));

    let mut exports = collector.wait_for_metric_exports(2).await;
    assert_eq!(exports.len(), 2);
    let last = exports.pop().unwrap().into_iter();
    let names: Vec<_> = last.map(|metric| metric.name).collect();
    for name in [
        "faas.invoke_duration",
        "faas.coldstarts",
        "tollgate.decisions",
    ] {
        assert!(names.iter().any(|found| found == name), "{names:?}");
    }
}

#[tokio::test]
async fn absent_collector_does_not_fail_requests() {
    let mut runtime = started(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")]).await;

    for _ in 0..3 {
        let response = runtime.invoke(&event()).await;
        assert!(
            matches!(response, RuntimeMessage::Response(_)),
            "{response:?}"
        );
    }
}

#[tokio::test]
async fn invalid_setting_is_logged_once_and_requests_are_served() {
    let (log, output) = std::io::pipe().unwrap();
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ];
    let mut runtime = LambdaRuntime::start(program(&variables), output.into()).await;
    assert_eq!(runtime.next().await, RuntimeMessage::Ready);
    for _ in 0..2 {
        let response = runtime.invoke(&event()).await;
        assert!(
            matches!(response, RuntimeMessage::Response(_)),
            "{response:?}"
        );
    }
    drop(runtime);

    let text = std::io::read_to_string(log).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let errors: Vec<Value> = lines
        .filter(|line: &Value| line["level"] == "ERROR")
        .collect();
    let [error] = &*errors else {
        unreachable!("{text}")
    };
    let expected = "OTEL_EXPORTER_OTLP_PROTOCOL: invalid value \"grpc\", expected http/protobuf";
    assert_eq!(error["error"], expected);
}

#[tokio::test]
async fn without_an_endpoint_the_traceparent_is_logged_as_it_came() {
    let (log, output) = std::io::pipe().unwrap();
    let mut runtime =
        LambdaRuntime::start(program(&[("LOG_DECISIONS", "all")]), output.into()).await;
    assert_eq!(runtime.next().await, RuntimeMessage::Ready);
    runtime.invoke(&event()).await;
    drop(runtime);

    assert!(std::io::read_to_string(log).unwrap().contains(TRACE_ID));
}
