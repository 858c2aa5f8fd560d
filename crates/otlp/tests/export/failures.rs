//! Collectors that are absent, slow or broken. Spans never wait for them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::support::*;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use testing::{HttpReply, HttpRequest};
use tokio::net::TcpListener;

/// Metrics are off, so that only spans are counted.
const SPANS_ONLY: (&str, &str) = ("OTEL_METRICS_EXPORTER", "none");
/// Only a flush sends spans.
const NO_DELAY: (&str, &str) = ("OTEL_BSP_SCHEDULE_DELAY", "600000");

#[tokio::test]
async fn absent_collector_loses_only_what_the_queue_cannot_keep() {
    let variables = [
        SPANS_ONLY,
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
        ("OTEL_BSP_SCHEDULE_DELAY", "600000"),
    ];
    let otlp = start("http://127.0.0.1:1", &variables);

    for _ in 0..1_000 {
        record(&otlp, "a", None);
    }

    assert_eq!(dropped(&otlp), [("traces", "queue_full".to_owned(), 900)]);
}

#[tokio::test]
async fn absent_collector_is_not_called_again_before_a_pause() {
    let collector = Collector::responding(|_| HttpReply::text(502, "text/plain", "no"));
    let otlp = start(&collector.0.url(), &[SPANS_ONLY, NO_DELAY]);

    for _ in 0..20 {
        record(&otlp, "a", None);
        otlp.flush(PATIENCE).await;
    }

    assert_eq!(collector.to("/v1/traces").len(), 1);
    assert_eq!(dropped(&otlp), []);
}

#[tokio::test]
async fn retryable_failure_is_repeated_after_the_requested_pause() {
    static REQUESTS: AtomicU32 = AtomicU32::new(0);
    let collector = Collector::responding(|_| {
        if REQUESTS.fetch_add(1, Ordering::SeqCst) == 0 {
            HttpReply::text(503, "text/plain", "busy").header("retry-after", "1")
        } else {
            Collector::accepted()
        }
    });
    let otlp = start(&collector.0.url(), &[SPANS_ONLY, NO_DELAY]);
    record(&otlp, "a", None);

    let (is_sent, _) = timed(otlp.flush(PATIENCE)).await;
    assert!(!is_sent);
    let ((), waited) = timed(wait_until(|| collector.to("/v1/traces").len() == 2)).await;

    assert!(waited > Duration::from_millis(900), "{waited:?}");
    let requests = collector.to("/v1/traces");
    assert_eq!(requests[0].body, requests[1].body);
    assert!(otlp.flush(PATIENCE).await);
    assert_eq!(dropped(&otlp), []);
}

#[tokio::test]
async fn batch_is_dropped_after_five_attempts() {
    let collector = Collector::responding(|_| {
        HttpReply::text(503, "text/plain", "busy").header("retry-after", "0")
    });
    let otlp = start(&collector.0.url(), &[SPANS_ONLY, NO_DELAY]);
    record(&otlp, "a", None);
    record(&otlp, "b", None);

    otlp.flush(PATIENCE).await;
    wait_until(|| !otlp.dropped().is_empty()).await;

    assert_eq!(collector.to("/v1/traces").len(), 5);
    assert_eq!(dropped(&otlp), [("traces", "503".to_owned(), 2)]);
}

#[tokio::test]
async fn refused_batch_is_not_sent_again() {
    for status in [301, 400, 401, 404, 413, 500, 501] {
        let collector = Collector::responding(move |_| {
            HttpReply::text(status, "text/plain", "no").header("location", "http://127.0.0.1:1/")
        });
        let otlp = start(&collector.0.url(), &[SPANS_ONLY, NO_DELAY]);
        record(&otlp, "a", None);

        assert!(otlp.flush(PATIENCE).await);

        assert_eq!(collector.to("/v1/traces").len(), 1, "{status}");
        assert_eq!(dropped(&otlp), [("traces", status.to_string(), 1)]);
    }
}

#[tokio::test]
async fn partial_success_is_counted() {
    let collector = Collector::responding(|_| {
        let response = ExportTraceServiceResponse {
            partial_success: Some(ExportTracePartialSuccess {
                rejected_spans: 2,
                error_message: "too old".to_owned(),
            }),
        };
        let body = String::from_utf8(response.encode_to_vec()).unwrap();
        HttpReply::text(200, "application/x-protobuf", &body)
    });
    let otlp = start(&collector.0.url(), &[SPANS_ONLY, NO_DELAY]);
    for _ in 0..5 {
        record(&otlp, "a", None);
    }

    assert!(otlp.flush(PATIENCE).await);

    assert_eq!(dropped(&otlp), [("traces", "rejected".to_owned(), 2)]);
}

#[tokio::test]
async fn garbage_after_a_success_counts_as_success() {
    let collector = Collector::responding(|_| HttpReply::text(200, "text/html", "<html>ok"));
    let otlp = start(&collector.0.url(), &[SPANS_ONLY, NO_DELAY]);
    record(&otlp, "a", None);

    assert!(otlp.flush(PATIENCE).await);
    assert_eq!(dropped(&otlp), []);
}

#[tokio::test]
async fn huge_response_is_not_read() {
    let huge = |_: &HttpRequest| HttpReply::text(200, "text/plain", &"x".repeat(10_000_000));
    let collector = Collector::responding(huge);
    let otlp = start(&collector.0.url(), &[SPANS_ONLY, NO_DELAY]);
    record(&otlp, "a", None);

    assert!(otlp.flush(PATIENCE).await);
    let reason = "response_too_large".to_owned();
    assert_eq!(dropped(&otlp), [("traces", reason, 1)]);
}

/// A collector that accepts connections and never responds.
async fn silent_collector() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

#[tokio::test]
async fn flush_waits_no_longer_than_allowed_and_only_once() {
    let (_listener, url) = silent_collector().await;
    let otlp = start(&url, &[SPANS_ONLY, NO_DELAY]);
    record(&otlp, "a", None);

    let limit = Duration::from_millis(100);
    let (_, first) = timed(otlp.flush(limit)).await;
    let (_, second) = timed(otlp.flush(limit)).await;

    assert!(
        first >= limit && first < Duration::from_secs(2),
        "{first:?}"
    );
    assert!(second < limit / 2, "{second:?}");
}

#[tokio::test]
async fn spans_end_at_once_while_the_collector_is_silent() {
    let (_listener, url) = silent_collector().await;
    let variables = [SPANS_ONLY, ("OTEL_BSP_MAX_QUEUE_SIZE", "10")];
    let otlp = start(&url, &variables);
    record(&otlp, "a", None);
    otlp.flush(Duration::from_millis(50)).await;

    let ((), duration) = timed(async {
        for _ in 0..1_000 {
            record(&otlp, "a", None);
        }
    })
    .await;

    assert!(duration < Duration::from_secs(1), "{duration:?}");
    assert_eq!(dropped(&otlp), [("traces", "queue_full".to_owned(), 990)]);
}

#[tokio::test]
async fn silent_collector_is_given_up_after_the_timeout() {
    let (_listener, url) = silent_collector().await;
    let variables = [
        SPANS_ONLY,
        NO_DELAY,
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "50"),
    ];
    let otlp = start(&url, &variables);
    record(&otlp, "a", None);

    let (is_sent, duration) = timed(otlp.flush(PATIENCE)).await;

    assert!(!is_sent);
    assert!(duration < Duration::from_secs(5), "{duration:?}");
}
