//! Requests and calls while an export is installed in the process.

use std::sync::OnceLock;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use aws::{AwsCalls, Connections, Deadline, HttpCall, HttpCalls, Replay, Retries, Timeouts};
use http::Request;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use otlp::Otlp;
use telemetry::{
    Invocation, RecordLog, RequestId, RequestScope, TraceParent, Trigger, contain_panic,
    on_current_span,
};
use testing::{HttpReply, HttpServer, LogBuffer};

use crate::support::*;

/// A secret that no exported byte may contain.
const SECRET: &str = "tg_hush-hush-hush";

/// The export of the process, in a thread of its own: the runtime of each test ends with it.
struct Installed {
    collector: Collector,
    otlp: Otlp,
}

fn installed() -> &'static Installed {
    static INSTALLED: OnceLock<Installed> = OnceLock::new();

    INSTALLED.get_or_init(|| {
        let collector = Collector::start();
        let url = collector.0.url();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let otlp = start(&url, &[]);
                assert!(otlp.install());
                sender.send(otlp).unwrap();
                std::future::pending::<()>().await;
            });
        });

        let otlp = receiver.recv().unwrap();
        Installed { collector, otlp }
    })
}

impl Installed {
    /// Exports everything and returns the spans of a trace, in the order of their ends.
    async fn trace(&self, trace_id: &str) -> Vec<Span> {
        assert!(self.otlp.flush(PATIENCE).await);

        let mut spans = self.collector.spans();
        spans.retain(|span| hex(&span.trace_id) == trace_id);
        spans
    }
}

/// Returns a request of a recorded trace with this id.
fn scope(trace_id: &str) -> RequestScope {
    RequestScope {
        request_id: RequestId::parse("req-1"),
        traceparent: TraceParent::parse(&format!("00-{trace_id}-{SPAN_ID}-01")),
    }
}

fn calls(log: &LogBuffer) -> HttpCalls {
    let connections = Connections::new(Duration::from_secs(1));
    HttpCalls::new(connections, RecordLog::to(log.clone()), 10_000)
}

fn call(url: &str) -> HttpCall {
    let request = Request::get(url)
        .header("authorization", format!("Bearer {SECRET}"))
        .body(bytes::Bytes::from(SECRET))
        .unwrap();
    HttpCall {
        service: "jwks".into(),
        operation: "Fetch",
        request,
        replay: Replay::Safe,
    }
}

fn deadline() -> Deadline {
    Deadline::after(Instant::now(), PATIENCE)
}

fn attribute(span: &Span, name: &str) -> Option<String> {
    text(&span.attributes, name)
}

#[tokio::test]
async fn logs_records_calls_and_spans_agree_on_the_trace() {
    const TRACE: &str = "00000000000000000000000000000001";
    let installed = installed();
    let server = HttpServer::responding(|_| HttpReply::text(200, "text/plain", SECRET));
    let log = LogBuffer::default();
    let lines = log.clone();
    let function_log = telemetry::log_to([], None, move || lines.clone());
    let _guard = tracing::subscriber::set_default(function_log);
    let url = format!("{}/keys?token={SECRET}", server.url());

    let work = async {
        tracing::info!("working");
        on_current_span(|span| span.set("tollgate.plan", "gold"));
        calls(&log).send(call(&url), deadline()).await.unwrap();
    };
    scope(TRACE).serve("authorizer", work).await;

    let [client, request] = &*installed.trace(TRACE).await else {
        panic!("not two spans")
    };
    assert_eq!(
        (&*request.name, request.kind()),
        ("authorizer", SpanKind::Internal)
    );
    assert_eq!(hex(&request.parent_span_id), SPAN_ID);
    assert_eq!(attribute(request, "tollgate.plan").as_deref(), Some("gold"));
    assert_eq!(
        attribute(request, "tollgate.request_id").as_deref(),
        Some("req-1")
    );

    assert_eq!((&*client.name, client.kind()), ("GET", SpanKind::Client));
    assert_eq!(client.parent_span_id, request.span_id);
    let address = server.url();
    for (name, value) in [
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("server.address", "127.0.0.1"),
        ("url.full", &*format!("{address}/keys")),
        ("tollgate.service", "jwks"),
    ] {
        assert_eq!(attribute(client, name).as_deref(), Some(value), "{name}");
    }

    let sent = &server.requests()[0].headers;
    let context = format!("00-{TRACE}-{}-01", hex(&client.span_id));
    assert_eq!(sent["traceparent"], context);
    for line in log.json_lines() {
        let trace_id = line["span"]["trace_id"].as_str();
        assert_eq!(
            trace_id.or(line["trace_id"].as_str()),
            Some(TRACE),
            "{line}"
        );
    }
}

#[tokio::test]
async fn no_exported_byte_is_a_secret() {
    const TRACE: &str = "00000000000000000000000000000002";
    let installed = installed();
    let server = HttpServer::responding(|_| HttpReply::text(401, "text/plain", SECRET));
    let url = format!("{}/keys?token={SECRET}#{SECRET}", server.url());
    let with_user_info = url.replace("http://", &format!("http://{SECRET}:{SECRET}@"));
    let log = LogBuffer::default();

    let work = async {
        for url in [
            &url,
            &with_user_info,
            "http://127.0.0.1:1/?token=tg_hush-hush-hush",
        ] {
            // The second is refused, and the third fails.
            let _ = calls(&log).send(call(url), deadline()).await;
        }
    };
    scope(TRACE).serve("authorizer", work).await;

    assert!(installed.trace(TRACE).await.len() >= 3);
    assert!(!installed.collector.has_received(SECRET.as_bytes()));
    assert!(installed.collector.has_received(b"/keys"));
}

#[tokio::test]
async fn repeated_and_failed_calls_say_so() {
    const TRACE: &str = "00000000000000000000000000000003";
    let installed = installed();
    let server = HttpServer::start();
    server.reply("GET /busy", HttpReply::text(503, "text/plain", ""));
    server.reply("GET /busy", HttpReply::text(200, "text/plain", ""));
    let log = LogBuffer::default();

    let work = async {
        for path in ["/busy", "/missing"] {
            let url = format!("{}{path}", server.url());
            calls(&log).send(call(&url), deadline()).await.unwrap();
        }
        let refused = calls(&log)
            .send(call("http://127.0.0.1:1/"), deadline())
            .await;
        refused.unwrap_err();
    };
    scope(TRACE).serve("authorizer", work).await;

    let spans = installed.trace(TRACE).await;
    let found: Vec<_> = spans[..3]
        .iter()
        .map(|span| {
            let status = span.status.as_ref().unwrap().code();
            let resends = attribute(span, "http.request.resend_count");
            (status, resends, attribute(span, "error.type"))
        })
        .collect();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        found,
        [
            (StatusCode::Unset, some("1"), None),
            (StatusCode::Error, None, some("404")),
            (StatusCode::Error, some("2"), some("network")),
        ]
    );
}

/// Returns calls of AWS that go to a server.
async fn aws_calls(server: &HttpServer) -> AwsCalls {
    let lookup = |name: &str| match name {
        "AWS_REGION" => Some("eu-central-1".to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some(SECRET.to_owned()),
        "AWS_ENDPOINT_URL" => Some(server.url()),
        _ => None,
    };
    let records = RecordLog::to(std::io::sink());
    AwsCalls::load(lookup, Timeouts::default(), records)
        .await
        .unwrap()
}

#[tokio::test]
async fn database_calls_are_spans_and_carry_an_unsigned_traceparent() {
    const TRACE: &str = "00000000000000000000000000000004";
    let installed = installed();
    let server = HttpServer::responding(|_| {
        HttpReply::text(200, "application/x-amz-json-1.0", "{}").header("x-amzn-requestid", "AWSID")
    });
    let aws = aws_calls(&server).await;
    let client = aws::client!(aws, aws_sdk_dynamodb, "dynamodb", Retries::Off);

    let work = async {
        let call = client.describe_table().table_name("usage");
        call.send().await.unwrap();
    };
    scope(TRACE).serve("limiter", work).await;

    let spans = installed.trace(TRACE).await;
    let span = &spans[0];
    assert_eq!(span.name, "DynamoDB.DescribeTable");
    let port = server.url().rsplit(':').next().unwrap().to_owned();
    for (name, value) in [
        ("db.system.name", "aws.dynamodb"),
        ("db.operation.name", "DescribeTable"),
        ("server.address", "127.0.0.1"),
        ("server.port", &*port),
        ("http.response.status_code", "200"),
        ("aws.request_id", "AWSID"),
    ] {
        assert_eq!(attribute(span, name).as_deref(), Some(value), "{name}");
    }

    let headers = &server.requests()[0].headers;
    assert_eq!(
        headers["traceparent"],
        format!("00-{TRACE}-{}-01", hex(&span.span_id))
    );
    assert!(!headers["authorization"].contains("traceparent"));
}

#[tokio::test]
async fn span_of_an_invocation_has_its_facts_also_in_a_contained_task() {
    const TRACE: &str = "00000000000000000000000000000005";
    let installed = installed();

    let handled = contain_panic(scope(TRACE).serve("authorizer", async {}));
    Invocation::new("invocation-1", Trigger::Http)
        .run(handled)
        .await;

    let spans = installed.trace(TRACE).await;
    assert_eq!(spans[0].kind(), SpanKind::Server);
    for (name, value) in [
        ("faas.trigger", "http"),
        ("faas.invocation_id", "invocation-1"),
    ] {
        assert_eq!(attribute(&spans[0], name).as_deref(), Some(value), "{name}");
    }
}

#[tokio::test]
async fn panic_fails_the_span() {
    const TRACE: &str = "00000000000000000000000000000006";
    let installed = installed();

    let panicking = scope(TRACE).serve("authorizer", async {
        let empty: [u8; 0] = [];
        empty.first().copied().unwrap()
    });
    assert_eq!(contain_panic(panicking).await, None);

    let spans = installed.trace(TRACE).await;
    assert_eq!(attribute(&spans[0], "error.type").as_deref(), Some("panic"));
}

#[tokio::test]
async fn request_without_a_trace_begins_one() {
    installed();
    let scope = RequestScope {
        request_id: RequestId::parse("req-1"),
        traceparent: None,
    };

    let current = scope
        .serve("authorizer", async { RequestScope::current() })
        .await;

    assert!(current.traceparent.unwrap().is_sampled());
    assert_eq!(RequestScope::current(), RequestScope::default());
}

#[tokio::test]
async fn task_of_a_request_continues_its_trace_without_a_span() {
    const TRACE: &str = "00000000000000000000000000000007";
    let installed = installed();

    scope(TRACE)
        .serve("alb-sync", async {
            let scope = RequestScope::current();
            let task = scope.carry_into(async { RequestScope::current() });
            assert_eq!(tokio::spawn(task).await.unwrap(), RequestScope::current());
        })
        .await;

    assert_eq!(installed.trace(TRACE).await.len(), 1);
}
