//! The spans that the binary exports.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Stdio};

use serde_json::Value;
use testing::collector::attribute;
use testing::{Collector, LambdaRuntime, RuntimeMessage};

fn program(url: &str) -> Command {
    let text = include_str!("../../../events/env.json");
    let settings: Value = serde_json::from_str(text).unwrap();
    let settings = settings["ComposerFunction"].as_object().unwrap().iter();

    let mut program = Command::new(env!("CARGO_BIN_EXE_composer"));
    program
        .env_clear()
        .envs(settings.map(|(name, value)| (name, value.as_str().unwrap())))
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", url);
    program
}

#[tokio::test]
async fn request_is_a_span_above_the_calls_of_its_parts() {
    let collector = Collector::start();
    let mut runtime = LambdaRuntime::start(program(&collector.url()), Stdio::null()).await;
    assert_eq!(runtime.next().await, RuntimeMessage::Ready);

    let response = runtime
        .invoke(include_str!("../../../events/composer.partial.json"))
        .await;
    let RuntimeMessage::Response(response) = response else {
        unreachable!("{response:?}")
    };
    assert_eq!(response["statusCode"], 206);

    // The request and two calls.
    let spans = collector.wait_for_spans(3).await;
    let request = spans
        .iter()
        .find(|span| span.parent_span_id.is_empty())
        .unwrap();
    assert_eq!(request.name, "GET /bff/dashboard");
    for (name, value) in [
        ("faas.trigger", "http"),
        ("http.request.method", "GET"),
        ("http.route", "/bff/dashboard"),
        ("http.response.status_code", "206"),
        ("tollgate.composition.result", "partial"),
        (
            "tollgate.composition.missing",
            "user=unreachable orders=unreachable",
        ),
    ] {
        let found = attribute(&request.attributes, name);
        assert_eq!(found.as_deref(), Some(value), "{name}");
    }
    let calls = spans
        .iter()
        .filter(|span| span.parent_span_id == request.span_id);
    assert!(calls.count() >= 2, "{spans:?}");
    // Queries are part of neither spans nor metrics.
    collector.wait_for_metric_exports(1).await;
    assert!(!collector.has_received(b"user_id=alice"));
}
