//! The binary as Lambda starts it.

use std::io::Read as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use testing::collector::attribute;
use testing::{Collector, FailedStart, LambdaRuntime, RuntimeMessage};
use testing::{DnsResponse, DnsServer, private_addresses};

pub(crate) const TARGETS: &str = r#"[{"name":"a.elb.amazonaws.com","target_group_arn":"arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/a/1","port":443}]"#;

fn program(settings: &[(&str, &str)]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_alb-sync"));
    program.env_clear().envs([
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "b"),
    ]);
    // Nothing listens there.
    program
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .envs(settings.iter().copied());
    program
}

/// The settings of a run that asks this name server.
fn settings(server: &str) -> [(&str, &str); 3] {
    [
        ("SYNC_TARGETS", TARGETS),
        ("USAGE_TABLE", "u"),
        ("DNS_SERVERS", server),
    ]
}

#[tokio::test]
async fn a_run_that_fails_answers_with_an_error_that_carries_the_answer() {
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses([1]))).await;
    let server = names.address.to_string();
    let mut runtime = LambdaRuntime::start(program(&settings(&server)), Stdio::null()).await;
    assert_eq!(runtime.next().await, RuntimeMessage::Ready);
    for event in ["{}", "[1]", "null"] {
        let RuntimeMessage::Error(error) = runtime.invoke(event).await else {
            panic!("it answered {event}")
        };
        assert_eq!(error["errorType"], "NotReconciled");
        let answer: serde_json::Value =
            serde_json::from_str(error["errorMessage"].as_str().unwrap()).unwrap();
        let told = answer["targets"][0]["error"].as_str().unwrap();
        assert!(told.starts_with("DescribeTargetGroups: "), "{told}");
    }
}

#[tokio::test]
async fn a_run_writes_its_call_records_as_one_line() {
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses([1]))).await;
    let server = names.address.to_string();
    let (mut log, output) = std::io::pipe().unwrap();
    let mut runtime = LambdaRuntime::start(program(&settings(&server)), output.into()).await;
    assert_eq!(runtime.next().await, RuntimeMessage::Ready);
    runtime.invoke("{}").await;
    drop(runtime);

    let mut text = String::new();
    log.read_to_string(&mut text).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let records = lines.filter_map(|mut line: Value| line.get_mut("api_calls").map(Value::take));
    let calls: Vec<_> = records
        .map(|calls| calls.as_array().unwrap().clone())
        .collect();
    assert_eq!(calls.len(), 1, "{text}");
    for call in calls.iter().flatten() {
        assert_eq!(call["operation"], "DescribeTargetGroups", "{text}");
        assert_eq!(call["error_type"], "network", "{text}");
    }
}

#[test]
fn invalid_setting_aborts_startup_with_its_name() {
    let program = env!("CARGO_BIN_EXE_alb-sync");
    let table = ("USAGE_TABLE", "u");
    FailedStart::of(program, &[table]).assert_names("SYNC_TARGETS", "is not set");

    let targets = ("SYNC_TARGETS", TARGETS);
    let invalid = ("MAX_LOOKUPS", "0");
    FailedStart::of(program, &[table, targets, invalid])
        .assert_names("MAX_LOOKUPS", "invalid value");
}

#[tokio::test]
async fn a_run_is_a_trace_with_its_calls() {
    let collector = Collector::start();
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses([1]))).await;
    let server = names.address.to_string();
    let mut program = program(&settings(&server));
    program.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url());
    let mut runtime = LambdaRuntime::start(program, Stdio::null()).await;
    assert_eq!(runtime.next().await, RuntimeMessage::Ready);
    runtime.invoke("{}").await;

    let spans = collector.wait_for_spans(2).await;
    let run = spans.iter().find(|span| span.name == "alb-sync").unwrap();
    for (name, value) in [("faas.trigger", "timer"), ("error.type", "fault")] {
        let found = attribute(&run.attributes, name);
        assert_eq!(found.as_deref(), Some(value), "{name}");
    }
    let calls: Vec<_> = spans
        .iter()
        .filter(|span| span.parent_span_id == run.span_id)
        .collect();
    assert_eq!(calls.len(), 1, "{spans:?}");
    assert_eq!(
        calls[0].name,
        "Elastic Load Balancing v2.DescribeTargetGroups"
    );
    let error = attribute(&calls[0].attributes, "error.type");
    assert_eq!(error.as_deref(), Some("network"));
}
