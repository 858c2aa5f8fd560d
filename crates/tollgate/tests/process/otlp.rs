//! The export of traces and metrics over OTLP.

use testing::collector::{Collector, attribute};

use crate::program::{GatewayProcess, get, text, tollgate};

/// The kinds of spans in OTLP.
const SERVER: i32 = 2;
const CLIENT: i32 = 3;

#[test]
fn what_is_left_is_exported_at_the_end() {
    let collector = Collector::start();
    let mut command = tollgate(&[]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url());
    let mut gateway = GatewayProcess::spawn(&mut command);
    let url = collector.url();
    let line = format!("OTLP     traces to {url}/v1/traces, metrics to {url}/v1/metrics");
    assert!(gateway.banner.contains(&line), "{}", gateway.banner);

    assert!(get(gateway.address, "/health").starts_with("HTTP/1.1 200"));
    gateway.signal("INT");
    assert_eq!(gateway.child.wait().unwrap().code(), Some(0));

    let spans = collector.spans();
    let of_kind = |kind| spans.iter().find(|span| span.kind == kind).unwrap();
    let (server, client) = (of_kind(SERVER), of_kind(CLIENT));
    assert_eq!(server.name, "GET /health");
    assert_eq!(
        (&client.trace_id, &client.parent_span_id),
        (&server.trace_id, &server.span_id)
    );
    let status = attribute(&server.attributes, "http.response.status_code");
    assert_eq!(status.as_deref(), Some("200"));
    assert!(collector.metric("http.server.request.duration").is_some());
}

#[test]
fn invalid_setting_aborts_startup() {
    let run = tollgate(&["--listen", "127.0.0.1:0"])
        .env(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "http://user:hush@localhost:4318",
        )
        .output()
        .unwrap();

    let error = text(&run.stderr);
    assert_eq!(run.status.code(), Some(2), "{error}");
    assert!(error.contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{error}");
    assert!(!error.contains("hush"), "{error}");
}
