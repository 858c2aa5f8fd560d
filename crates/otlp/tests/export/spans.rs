//! Exported spans.

use crate::support::*;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as ProtoKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use telemetry::SpanKind;

#[tokio::test]
async fn span_has_its_parent_attributes_and_resource() {
    let collector = Collector::start();
    let otlp = start(
        &collector.0.url(),
        &[("OTEL_RESOURCE_ATTRIBUTES", "team=a%20b")],
    );

    let mut server = otlp
        .tracer()
        .begin(SpanKind::Server, "early".into(), Some(&parent("01")));
    server.rename("GET /orders".into());
    server.set("http.response.status_code", 200_u16.into());
    server.set("http.response.status_code", 503_u16.into());
    server.set("tollgate.plan", "gold".into());
    server.fail("503".into());
    server.fail("later".into());
    let context = server.context().unwrap().clone();
    server.end();
    assert!(otlp.flush(PATIENCE).await);

    let resource_spans = collector.resource_spans();
    let resource = &resource_spans[0].resource.as_ref().unwrap().attributes;
    for (name, value) in [
        ("service.name", "test"),
        ("service.version", "1.2.3"),
        ("telemetry.sdk.language", "rust"),
        ("team", "a b"),
    ] {
        assert_eq!(text(resource, name).as_deref(), Some(value), "{name}");
    }

    let span = &collector.spans()[0];
    assert_eq!(span.name, "GET /orders");
    assert_eq!(span.kind(), ProtoKind::Server);
    assert_eq!(hex(&span.trace_id), TRACE_ID);
    assert_eq!(hex(&span.parent_span_id), SPAN_ID);
    assert_eq!(hex(&span.span_id), context.parent_id());
    assert_eq!(span.status.as_ref().unwrap().code(), StatusCode::Error);
    assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    assert_eq!(span.attributes.len(), 3, "{:?}", span.attributes);
    for (name, value) in [
        ("http.response.status_code", "503"),
        ("tollgate.plan", "gold"),
        ("error.type", "503"),
    ] {
        assert_eq!(
            text(&span.attributes, name).as_deref(),
            Some(value),
            "{name}"
        );
    }
}

#[tokio::test]
async fn request_is_protobuf_with_the_configured_headers() {
    let collector = Collector::start();
    let headers = "authorization=Bearer%20hush,x-tenant=a";
    let otlp = start(
        &collector.0.url(),
        &[("OTEL_EXPORTER_OTLP_HEADERS", headers)],
    );

    record(&otlp, "a", None);
    otlp.flush(PATIENCE).await;

    for path in ["/v1/traces", "/v1/metrics"] {
        let request = &collector.to(path)[0];
        assert_eq!(request.method, "POST");
        assert_eq!(request.headers["content-type"], "application/x-protobuf");
        assert_eq!(request.headers["authorization"], "Bearer hush");
        assert_eq!(request.headers["x-tenant"], "a");
        assert!(!request.headers.contains_key("traceparent"));
        assert!(!request.headers.contains_key("x-request-id"));
    }
}

#[tokio::test]
async fn callers_decide_what_is_recorded() {
    let collector = Collector::start();
    let otlp = start(&collector.0.url(), &[]);

    let unsampled = record(&otlp, "unsampled", Some(&parent("00")));
    let sampled = record(&otlp, "sampled", Some(&parent("01")));
    let root = record(&otlp, "root", None);
    otlp.flush(PATIENCE).await;

    assert_eq!(
        [&unsampled, &sampled, &root].map(|it| it.is_sampled()),
        [false, true, true]
    );
    assert_eq!(unsampled.trace_id(), TRACE_ID);
    let names: Vec<_> = collector
        .spans()
        .into_iter()
        .map(|span| span.name)
        .collect();
    assert_eq!(names, ["sampled", "root"]);
}

#[tokio::test]
async fn sampler_applies_to_traces_that_begin_here() {
    for (sampler, recorded) in [
        ("parentbased_always_off", vec!["child"]),
        ("always_off", vec![]),
        ("always_on", vec!["root", "child"]),
        ("parentbased_traceidratio", vec!["child"]),
    ] {
        let collector = Collector::start();
        let variables = [
            ("OTEL_TRACES_SAMPLER", sampler),
            ("OTEL_TRACES_SAMPLER_ARG", "0"),
        ];
        let otlp = start(&collector.0.url(), &variables);

        record(&otlp, "root", None);
        record(&otlp, "child", Some(&parent("01")));
        otlp.flush(PATIENCE).await;

        let names: Vec<_> = collector
            .spans()
            .into_iter()
            .map(|span| span.name)
            .collect();
        assert_eq!(names, recorded, "{sampler}");
    }
}

#[tokio::test]
async fn long_attributes_are_cut() {
    let collector = Collector::start();
    let otlp = start(&collector.0.url(), &[]);

    let mut span = otlp.tracer().begin(SpanKind::Server, "a".into(), None);
    span.set("long", "x".repeat(1_000_000).into());
    span.end();
    otlp.flush(PATIENCE).await;

    let value = text(&collector.spans()[0].attributes, "long").unwrap();
    assert!(
        value.len() < 600 && value.ends_with("(1000000 bytes)"),
        "{}",
        value.len()
    );
}

#[tokio::test]
async fn spans_are_sent_without_a_flush_after_the_delay_or_when_a_batch_is_full() {
    for variables in [
        [
            ("OTEL_BSP_SCHEDULE_DELAY", "10"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "512"),
        ],
        [
            ("OTEL_BSP_SCHEDULE_DELAY", "600000"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2"),
        ],
    ] {
        let collector = Collector::start();
        let otlp = start(&collector.0.url(), &variables);

        record(&otlp, "a", None);
        record(&otlp, "b", None);

        wait_until(|| collector.spans().len() == 2).await;
        assert_eq!(dropped(&otlp), []);
    }
}

#[tokio::test]
async fn batch_size_limits_each_request() {
    let collector = Collector::start();
    let variables = [
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "3"),
        ("OTEL_BSP_SCHEDULE_DELAY", "600000"),
    ];
    let otlp = start(&collector.0.url(), &variables);

    for _ in 0..8 {
        record(&otlp, "a", None);
    }
    assert!(otlp.flush(PATIENCE).await);

    assert_eq!(collector.to("/v1/traces").len(), 3);
    assert_eq!(collector.spans().len(), 8);
}

#[tokio::test]
async fn each_signal_can_be_turned_off() {
    let collector = Collector::start();
    let otlp = start(&collector.0.url(), &[("OTEL_TRACES_EXPORTER", "none")]);
    record(&otlp, "a", None);
    otlp.flush(PATIENCE).await;
    assert_eq!(
        (
            collector.to("/v1/traces").len(),
            collector.to("/v1/metrics").len()
        ),
        (0, 1)
    );

    let collector = Collector::start();
    let url = format!("{}/own/path", collector.0.url());
    let variables = [
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", url.as_str()),
    ];
    let otlp = start("http://127.0.0.1:1", &variables);
    record(&otlp, "a", None);
    otlp.flush(PATIENCE).await;
    assert_eq!(collector.0.requests().len(), 1);
    assert_eq!(collector.to("/own/path").len(), 1);
}

#[tokio::test]
async fn tracer_only_measures_while_traces_are_off() {
    let collector = Collector::start();
    let otlp = start(&collector.0.url(), &[("OTEL_TRACES_EXPORTER", "none")]);
    let tracer = otlp.tracer();

    for parent in [Some(parent("01")), None] {
        let mut span = tracer.begin(SpanKind::Client, "a".into(), parent.as_ref());
        assert_eq!(span.context(), None);
        span.set("db.system.name", "aws.dynamodb".into());
        span.end();
    }
    otlp.flush(PATIENCE).await;

    // The context of the caller is passed on.
    assert!(tracer.propagates());
    let metric = collector.metric("db.client.operation.duration").unwrap();
    assert_eq!(first_count(&metric), 2);
    assert_eq!(collector.to("/v1/traces").len(), 0);
}

#[tokio::test]
async fn tracestate_of_the_caller_is_exported_and_passed_to_children() {
    let collector = Collector::start();
    let otlp = start(&collector.0.url(), &[]);
    let parent = parent("01").with_state(Some("ot=th:8,vendor=x"));

    let context = record(&otlp, "parent", Some(&parent));
    record(&otlp, "child", Some(&context));
    otlp.flush(PATIENCE).await;

    let states = collector.spans().into_iter().map(|span| span.trace_state);
    assert_eq!(states.collect::<Vec<_>>(), ["ot=th:8,vendor=x"; 2]);
}
