mod exposition_parser;
mod properties;

use std::io::Write as _;
use std::time::Duration;

use serde_json::{Value as Json, json};
use telemetry::TraceParent;

use super::*;
use crate::api::ResponseSource;

/// An exchange with a response of the backend after so many milliseconds.
fn exchange(route: &str, latency_ms: u64) -> Exchange {
    let mut exchange = Exchange::begin("r1".to_owned(), [127, 0, 0, 1].into());
    exchange.method = "GET".to_owned();
    exchange.route_key = Some("ANY /{proxy+}".to_owned());
    exchange.status = Some(200);
    exchange.response_source = ResponseSource::Backend;
    exchange.head_latency = Some(Duration::from_millis(latency_ms));
    exchange.response_latency = Some(Duration::from_millis(latency_ms));
    set_context(
        &mut exchange,
        json!({"route": route, "decision": "allowed", "plan": "pro", "caller": "key#k1"}),
    );
    exchange
}

fn set_context(exchange: &mut Exchange, fields: Json) {
    let Json::Object(fields) = fields else {
        panic!("{fields}")
    };
    for (name, value) in fields {
        exchange.authorizer.insert(name, value);
    }
}

fn text(metrics: &LocalMetrics) -> String {
    metrics.exposition(Format::Text)
}

fn assert_lines(text: &str, expected: &[&str]) {
    for expected in expected {
        assert!(
            text.lines().any(|line| line == *expected),
            "{expected}\n{text}"
        );
    }
}

#[test]
fn requests_are_counted_by_route_method_status_and_source() {
    let metrics = LocalMetrics::default();
    metrics.count(&exchange("GET /orders", 5));
    metrics.count(&exchange("GET /orders", 5));
    let mut own_error = exchange("GET /orders", 5);
    own_error.status = Some(502);
    own_error.response_source = ResponseSource::Gateway;
    metrics.count(&own_error);
    let mut client_left = exchange("GET /orders", 5);
    client_left.status = None;
    client_left.method = "BREW".to_owned();
    metrics.count(&client_left);

    assert_lines(
        &text(&metrics),
        &[
            "# TYPE tollgate_http_requests_total counter",
            r#"tollgate_http_requests_total{route="GET /orders",method="GET",status="200",source="backend"} 2"#,
            r#"tollgate_http_requests_total{route="GET /orders",method="GET",status="502",source="gateway"} 1"#,
            r#"tollgate_http_requests_total{route="GET /orders",method="_OTHER",status="none",source="none"} 1"#,
            "# TYPE tollgate_http_request_duration_seconds histogram",
            r#"tollgate_http_request_duration_seconds_bucket{route="GET /orders",method="GET",status="200",le="0.0025"} 0"#,
            r#"tollgate_http_request_duration_seconds_bucket{route="GET /orders",method="GET",status="200",le="0.005"} 2"#,
            r#"tollgate_http_request_duration_seconds_bucket{route="GET /orders",method="GET",status="200",le="1.0"} 2"#,
            r#"tollgate_http_request_duration_seconds_bucket{route="GET /orders",method="GET",status="200",le="+Inf"} 2"#,
            r#"tollgate_http_request_duration_seconds_sum{route="GET /orders",method="GET",status="200"} 0.01"#,
            r#"tollgate_http_request_duration_seconds_count{route="GET /orders",method="GET",status="200"} 2"#,
        ],
    );
}

#[test]
fn duration_is_divided_into_the_shares_of_authorizer_upstream_and_gateway() {
    let metrics = LocalMetrics::default();
    let mut request = exchange("GET /orders", 31);
    request.upstream_latency = Some(Duration::from_micros(24_600));
    request.authorizer_latency = Some(Duration::from_micros(400));
    metrics.count(&request);

    // Without a response, the share of the gateway is unknown.
    request.head_latency = None;
    request.status = None;
    metrics.count(&request);

    assert_lines(
        &text(&metrics),
        &[
            r#"tollgate_upstream_duration_seconds_sum{route="GET /orders"} 0.0492"#,
            r#"tollgate_authorizer_duration_seconds_bucket{route="GET /orders",le="0.0005"} 2"#,
            r#"tollgate_gateway_duration_seconds_sum{route="GET /orders"} 0.0064"#,
            r#"tollgate_gateway_duration_seconds_count{route="GET /orders"} 1"#,
        ],
    );
}

#[test]
fn request_without_an_upstream_call_is_not_in_its_histogram() {
    let metrics = LocalMetrics::default();
    metrics.count(&exchange("GET /orders", 5));
    assert!(!text(&metrics).contains("tollgate_upstream_duration_seconds"));
}

#[test]
fn decisions_name_plan_caller_and_the_limits_that_refused() {
    let metrics = LocalMetrics::default();
    metrics.count(&exchange("GET /orders", 5));
    let mut throttled = exchange("GET /orders", 5);
    throttled.status = Some(429);
    throttled.response_source = ResponseSource::Listener;
    set_context(
        &mut throttled,
        json!({"decision": "throttled", "reason": "rate_exceeded", "violated": "burst", "near_limit": "true"}),
    );
    metrics.count(&throttled);
    let mut shadowed = exchange("GET /orders", 5);
    set_context(
        &mut shadowed,
        json!({"reason": "shadow_denied", "violated": "100%25 %22day%22", "over_quota": "true"}),
    );
    metrics.count(&shadowed);

    assert_lines(
        &text(&metrics),
        &[
            r#"tollgate_decisions_total{plan="pro",decision="allowed",limit=""} 2"#,
            r#"tollgate_decisions_total{plan="pro",decision="throttled",limit="burst"} 1"#,
            r#"tollgate_caller_decisions_total{caller="key#k1",plan="pro",decision="allowed"} 2"#,
            r#"tollgate_caller_decisions_total{caller="key#k1",plan="pro",decision="throttled"} 1"#,
            r#"tollgate_refusals_total{reason="rate_exceeded"} 1"#,
            r#"tollgate_near_limit_total{plan="pro"} 1"#,
            r#"tollgate_over_quota_total{plan="pro"} 1"#,
            r#"tollgate_shadow_denied_total{plan="pro",limit="100% \"day\""} 1"#,
        ],
    );
}

#[test]
fn call_records_are_counted_and_passed_on() {
    let metrics = Arc::new(LocalMetrics::default());
    let mut written = Vec::new();
    let record = |outcome: &str| {
        format!(
            r#"{{"api_call":{{"service":"dynamodb","operation":"UpdateItem","duration_ms":4.127,{outcome},"timestamp":1,"endpoint":"public","attempts":1}}}}"#
        )
    };
    let lines = [
        record(r#""success":true"#),
        record(r#""success":false,"error_type":"timeout""#),
        "no JSON".to_owned(),
    ];
    let mut writer = metrics.counting_writer(&mut written);
    for line in &lines {
        writer.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
    drop(writer);

    assert_eq!(written, format!("{}\n", lines.join("\n")).as_bytes());
    assert_lines(
        &text(&metrics),
        &[
            r#"tollgate_api_call_duration_seconds_sum{service="dynamodb",operation="UpdateItem",endpoint="public"} 0.008254"#,
            r#"tollgate_api_calls_total{service="dynamodb",operation="UpdateItem",status="success"} 1"#,
            r#"tollgate_api_calls_total{service="dynamodb",operation="UpdateItem",status="error"} 1"#,
            r#"tollgate_api_errors_total{service="dynamodb",error_type="timeout"} 1"#,
            "tollgate_rejected_records_total 1",
        ],
    );
}

#[test]
fn gauges_are_shown_and_are_not_rejected_records() {
    let metrics = Arc::new(LocalMetrics::default());
    let gauges = r#"{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"N","Dimensions":[["TargetGroup"],[]],"Metrics":[{"Name":"RegisteredTargets","Unit":"Count"},{"Name":"SyncSucceeded","Unit":"Count"}]}]},"TargetGroup":"targetgroup/a/1","RegisteredTargets":3,"SyncSucceeded":1}"#;
    metrics
        .counting_writer(io::sink())
        .write_all(format!("{gauges}\n").as_bytes())
        .unwrap();

    assert_lines(
        &text(&metrics),
        &[
            r#"tollgate_registered_targets{target_group="targetgroup/a/1"} 3"#,
            r#"tollgate_sync_succeeded{target_group="targetgroup/a/1"} 1"#,
            "tollgate_rejected_records_total 0",
        ],
    );
    assert!(metrics.table().contains("sync_succeeded"));
}

#[test]
fn series_beyond_the_limit_are_counted_as_other() {
    let metrics = LocalMetrics::default();
    for route in 0..2_000 {
        let mut exchange = exchange(&format!("GET /{route}"), 5);
        exchange.status = Some(100 + route % 900);
        set_context(&mut exchange, json!({"caller": format!("key#{route}")}));
        metrics.count(&exchange);
    }

    for family in metrics.families() {
        let name = family.definition.name;
        let total: u64 = family
            .series
            .iter()
            .map(|(_, value)| match value {
                Value::Count(count) => *count,
                Value::Durations(histogram) => histogram.count(),
                Value::Number(_) => 0,
            })
            .sum();
        assert!(family.series.len() <= 757, "{name} {}", family.series.len());
        if name.contains("http_request_duration") || name.contains("decisions") {
            assert_eq!(total, 2_000, "{name}");
        }
    }
    let text = text(&metrics);
    assert!(
        text.contains(r#"tollgate_http_requests_total{route="other",method="GET",status="600""#)
    );
    assert_lines(
        &text,
        &[r#"tollgate_caller_decisions_total{caller="other",plan="pro",decision="allowed"} 1500"#],
    );
    assert!(!text.contains("tollgate_overflowed_series 0"), "{text}");
}

#[test]
fn open_metrics_has_units_exemplars_and_an_end() {
    let metrics = LocalMetrics::default();
    let mut traced = exchange("GET /orders", 5);
    traced.trace = TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    metrics.count(&traced);

    let text = metrics.exposition(Format::OpenMetrics);
    assert!(text.ends_with("\n# EOF\n"), "{text}");
    assert_lines(
        &text,
        &[
            "# TYPE tollgate_http_requests counter",
            "# TYPE tollgate_build info",
            "# UNIT tollgate_http_request_duration_seconds seconds",
            "# TYPE process_cpu_seconds counter",
            "# UNIT process_cpu_seconds seconds",
        ],
    );
    let bucket = r#"tollgate_http_request_duration_seconds_bucket{route="GET /orders",method="GET",status="200",le="0.005"} 1 # {trace_id="4bf92f3577b34da6a3ce929d0e0e4736",span_id="00f067aa0ba902b7"} 0.005 "#;
    let line = text.lines().find(|line| line.starts_with(bucket));
    let at: f64 = line.unwrap()[bucket.len()..].parse().unwrap();
    assert!(at > 1.7e9, "{at}");
    assert!(!self::text(&metrics).contains("trace_id"));
}

#[test]
fn label_values_are_escaped() {
    let metrics = LocalMetrics::default();
    metrics.count(&exchange("GET /b\\\"x\n", 5));
    assert!(text(&metrics).contains(r#"route="GET /b\\\"x\n","#));
}

#[test]
fn table_has_a_row_per_series_and_is_empty_without_series() {
    let metrics = LocalMetrics::default();
    assert_eq!(metrics.table(), "");

    (0..100).for_each(|_| metrics.count(&exchange("GET /orders", 200)));
    let table = metrics.table();
    assert!(
        table.contains("p99.9") && table.contains("estimates"),
        "{table}"
    );
    let row = table
        .lines()
        .find(|row| row.starts_with("http_request_duration "))
        .unwrap();
    assert!(row.contains("GET /orders, GET, 200"), "{row}");
    let numbers: Vec<_> = row.split_whitespace().rev().take(5).collect();
    assert_eq!(
        numbers,
        ["249.9", "248.5", "242.5", "175.0", "100"],
        "{row}"
    );
    assert!(!table.contains("key#k1"), "{table}");
}
