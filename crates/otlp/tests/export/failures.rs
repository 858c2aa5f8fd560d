//! Collectors that are absent, slow or broken. Spans never wait for them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use otlp::Otlp;

use crate::support::*;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use testing::{HttpReply, LogBuffer, TlsServer};
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
    // Without the header, the pause may end before the last flush on a busy machine.
    let collector = Collector::responding(|_| {
        HttpReply::text(502, "text/plain", "no").header("retry-after", "30")
    });
    let otlp = start(&collector.0.url(), &[SPANS_ONLY, NO_DELAY]);

    for _ in 0..5 {
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

    // The pause begins during the flush.
    let ((), waited) = timed(async {
        assert!(!otlp.flush(PATIENCE).await);
        wait_until(|| collector.to("/v1/traces").len() == 2).await;
    })
    .await;

    assert!(waited >= Duration::from_secs(1), "{waited:?}");
    let requests = collector.to("/v1/traces");
    assert_eq!(requests[0].body, requests[1].body);
    assert!(otlp.flush(PATIENCE).await);
    assert_eq!(dropped(&otlp), []);
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
async fn status_of_a_huge_response_decides() {
    for (status, is_accepted) in [(200, true), (503, false)] {
        let collector = Collector::responding(move |_| {
            HttpReply::text(status, "text/plain", &"x".repeat(10_000_000))
        });
        let otlp = start(&collector.0.url(), &[SPANS_ONLY, NO_DELAY]);
        record(&otlp, "a", None);

        assert_eq!(otlp.flush(PATIENCE).await, is_accepted, "{status}");
        assert_eq!(dropped(&otlp), []);
    }
}

#[tokio::test]
async fn retry_after_zero_does_not_hurry_the_attempts() {
    let times = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&times);
    let collector = Collector::responding(move |_| {
        seen.lock().unwrap().push(Instant::now());
        HttpReply::text(503, "text/plain", "busy").header("retry-after", "0")
    });
    let otlp = start(&collector.0.url(), &[SPANS_ONLY, NO_DELAY]);
    record(&otlp, "a", None);

    let flushing = async {
        while collector.to("/v1/traces").len() < 2 {
            otlp.flush(PATIENCE).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, flushing).await.unwrap();

    // The shortest first pause without the header.
    let pause = {
        let times = times.lock().unwrap();
        times[1].duration_since(times[0])
    };
    assert!(pause >= Duration::from_millis(500), "{pause:?}");
    assert_eq!(dropped(&otlp), []);
}

#[tokio::test]
async fn spans_that_are_unsent_at_the_end_are_counted_and_logged() {
    let log = LogBuffer::default();
    let _guard = log.subscribe();
    let otlp = start("http://127.0.0.1:1", &[SPANS_ONLY, NO_DELAY]);
    for _ in 0..3 {
        record(&otlp, "a", None);
    }

    otlp.shutdown(PATIENCE).await;

    assert_eq!(dropped(&otlp), [("traces", "shutdown".to_owned(), 3)]);
    let lines = log.json_lines();
    let line = |message: &str| {
        let mut fields = lines.iter().map(|line| &line["fields"]);
        fields.find(|fields| fields["message"] == message).unwrap()
    };
    let failure = line("cannot export OpenTelemetry data");
    assert_eq!(failure["collector"], "http://127.0.0.1:1");
    assert_eq!(failure["cause"], "refused");
    let loss = line("OpenTelemetry data were dropped");
    assert_eq!(
        (&loss["spans"], &loss["reason"]),
        (&3.into(), &"shutdown".into())
    );
}

#[tokio::test]
async fn warning_names_the_cause() {
    let (_listener, silent) = silent_collector().await;
    let tls = tls_collector().await.url("");
    // The resolver itself rejects a label of 64 characters (RFC 1035, section 2.3.4), so no query
    // is sent.
    let unresolvable = format!("http://{}.example:4318", "x".repeat(64));
    for (url, cause) in [
        (&*unresolvable, "dns"),
        ("http://127.0.0.1:1", "refused"),
        (&*tls, "unknown_ca"),
        (&*silent, "timeout"),
    ] {
        let log = LogBuffer::default();
        let _guard = log.subscribe();
        let variables = [SPANS_ONLY, NO_DELAY, ("OTEL_EXPORTER_OTLP_TIMEOUT", "5000")];
        let variables = if cause == "timeout" {
            [SPANS_ONLY, NO_DELAY, ("OTEL_EXPORTER_OTLP_TIMEOUT", "50")]
        } else {
            variables
        };
        let otlp = start(url, &variables);
        record(&otlp, "a", None);
        otlp.flush(PATIENCE).await;

        let lines = log.json_lines();
        let found: Vec<_> = lines.iter().map(|line| &line["fields"]["cause"]).collect();
        assert_eq!(found, [cause], "{url}");
    }
}

/// A collector with a certificate of a private authority. It has a runtime of its own, which must
/// not be dropped in a test's.
async fn tls_collector() -> &'static TlsServer {
    let server = tokio::task::spawn_blocking(TlsServer::start).await.unwrap();
    server.reply("/v1/traces", &serde_json::json!({}));
    Box::leak(Box::new(server))
}

#[tokio::test]
async fn private_authority_of_the_collector_is_trusted_if_it_is_given() {
    let server = tls_collector().await;
    let file = TlsServer::authority_file();
    let certificate = ("OTEL_EXPORTER_OTLP_CERTIFICATE", file.to_str().unwrap());
    let otlp = start(&server.url(""), &[SPANS_ONLY, NO_DELAY, certificate]);
    record(&otlp, "a", None);

    assert!(otlp.flush(PATIENCE).await);
    assert_eq!(dropped(&otlp), []);
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

    let limit = Duration::from_secs(1);
    let (_, first) = timed(otlp.flush(limit)).await;
    let (_, second) = timed(otlp.flush(limit)).await;

    // The request itself is given up after 10 s.
    assert!(first >= limit && first < 5 * limit, "{first:?}");
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

/// Ends spans until a condition is true.
async fn keep_recording(otlp: &Otlp, condition: impl Fn() -> bool) {
    let recording = async {
        while !condition() {
            for _ in 0..50 {
                record(otlp, "a", None);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, recording).await.unwrap();
}

#[tokio::test]
async fn continuous_load_neither_holds_up_metrics_nor_warnings_nor_flushes() {
    let log = LogBuffer::default();
    let _guard = log.subscribe();
    let collector = Collector::responding(|request| {
        if request.target == "/v1/traces" {
            std::thread::sleep(Duration::from_millis(20));
        }
        Collector::accepted()
    });
    let variables = [
        ("OTEL_METRIC_EXPORT_INTERVAL", "50"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "32"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "16"),
    ];
    let otlp = start(&collector.0.url(), &variables);

    let is_warned = || log.text().contains("OpenTelemetry data were dropped");
    keep_recording(&otlp, || {
        collector.to("/v1/metrics").len() > 2 && is_warned()
    })
    .await;

    let is_flushed = std::cell::Cell::new(false);
    let flushing = async {
        otlp.flush(PATIENCE).await;
        is_flushed.set(true);
    };
    tokio::join!(flushing, keep_recording(&otlp, || is_flushed.get()));
}

#[tokio::test]
async fn batches_are_full_under_load() {
    let collector = Collector::start();
    let variables = [
        SPANS_ONLY,
        NO_DELAY,
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "50"),
    ];
    let otlp = start(&collector.0.url(), &variables);

    keep_recording(&otlp, || collector.to("/v1/traces").len() > 3).await;

    for spans in collector.resource_spans() {
        assert_eq!(spans.scope_spans[0].spans.len(), 50);
    }
}

#[tokio::test]
async fn silent_collector_of_one_signal_does_not_hold_up_the_other() {
    let (_listener, silent) = silent_collector().await;
    let collector = Collector::start();
    for (silent_signal, path) in [
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "/v1/traces"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "/v1/metrics"),
    ] {
        let variables = [
            (silent_signal, silent.as_str()),
            ("OTEL_METRIC_EXPORT_INTERVAL", "20"),
            ("OTEL_BSP_SCHEDULE_DELAY", "20"),
        ];
        let otlp = start(&collector.0.url(), &variables);

        keep_recording(&otlp, || collector.to(path).len() > 3).await;
    }
}
