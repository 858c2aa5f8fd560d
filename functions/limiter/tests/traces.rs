//! The spans that the binary exports.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Stdio};

use serde_json::Value;
use testing::collector::attribute;
use testing::{Collector, LambdaRuntime, RuntimeMessage};

fn program(url: &str) -> Command {
    let text = include_str!("../../../events/env.json");
    let settings: Value = serde_json::from_str(text).unwrap();
    let store = settings["LimiterFunction"]["EMBEDDED_STORE"].as_str();

    let mut program = Command::new(env!("CARGO_BIN_EXE_limiter"));
    program
        .env_clear()
        .env("EMBEDDED_STORE", store.unwrap())
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        .env("OTEL_SERVICE_NAME", "limits");
    program
}

#[tokio::test]
async fn request_is_a_span_with_its_route_and_no_secret() {
    let collector = Collector::start();
    let mut runtime = LambdaRuntime::start(program(&collector.url()), Stdio::null()).await;
    assert_eq!(runtime.next().await, RuntimeMessage::Ready);

    let created = runtime
        .invoke(include_str!("../../../events/limiter.create-key.json"))
        .await;
    collector.wait_for_spans(1).await;
    runtime
        .invoke(include_str!("../../../events/limiter.not-found.json"))
        .await;

    let spans = collector.wait_for_spans(2).await;
    assert_eq!(spans.len(), 2);
    assert_eq!(spans[0].name, "POST /_tollgate/v1/keys");
    assert_eq!(spans[1].name, "GET /_tollgate/v1/keys/{key_id}");
    for (name, value) in [
        ("faas.trigger", "http"),
        ("http.request.method", "POST"),
        ("http.route", "/_tollgate/v1/keys"),
        ("http.response.status_code", "201"),
    ] {
        let found = attribute(&spans[0].attributes, name);
        assert_eq!(found.as_deref(), Some(value), "{name}");
    }
    let status = attribute(&spans[1].attributes, "http.response.status_code");
    assert_eq!(status.as_deref(), Some("404"));
    let resource = collector.resource_spans()[0].resource.clone().unwrap();
    let name = attribute(&resource.attributes, "service.name");
    assert_eq!(name.as_deref(), Some("limits"));

    let RuntimeMessage::Response(created) = created else {
        unreachable!("{created:?}")
    };
    let body: Value = serde_json::from_str(created["body"].as_str().unwrap()).unwrap();
    let secret = body["key"].as_str().unwrap();
    // Metrics must not contain it either.
    collector.wait_for_metric_exports(1).await;
    assert!(!collector.has_received(secret.as_bytes()));
}
