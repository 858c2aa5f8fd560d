//! The template's schedule, run by the local gateway against a real server; and single invocations.

use std::time::{Duration, Instant};

use gateway::function::Function;
use telemetry::RecordLog;
use tests::{Call, Setup, project};

use testing::Emulator;
use testing::{DnsResponse, DnsServer, private_addresses};

/// A call of Elastic Load Balancing's API.
async fn elb(server: &Emulator, query: &str) -> String {
    let answer = Call::new(
        server.address,
        "GET",
        &format!("/?Version=2015-12-01&{query}"),
    )
    .send()
    .await;
    String::from_utf8_lossy(&answer.body).into_owned()
}

async fn target_group(server: &Emulator) -> String {
    let created = elb(
        server,
        "Action=CreateTargetGroup&Name=orders&TargetType=ip&Protocol=TCP&Port=443&VpcId=vpc-1",
    )
    .await;
    let (_, rest) = created
        .split_once("<TargetGroupArn>")
        .unwrap_or_else(|| panic!("{created}"));
    rest.split_once('<').expect("an ARN").0.to_owned()
}

/// Waits until the group has these targets.
async fn until_it_has(server: &Emulator, arn: &str, addresses: &[&str]) {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let health = elb(
            server,
            &format!("Action=DescribeTargetHealth&TargetGroupArn={arn}"),
        )
        .await;
        if addresses
            .iter()
            .all(|address| health.contains(&format!("<Id>{address}</Id><Port>8443</Port>")))
        {
            return;
        }
        assert!(Instant::now() < end, "{health}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn targets(arn: &str) -> String {
    format!(
        r#"[{{"name":"internal-orders-1.eu-central-1.elb.amazonaws.com","target_group_arn":"{arn}","port":8443}}]"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_endpoint_the_templates_schedule_runs_and_stops_with_the_gateway() {
    let (server, names) = (
        Emulator::ministack(),
        DnsServer::responding(DnsResponse::Addresses(private_addresses([1, 2]))).await,
    );
    let arn = target_group(&server).await;
    let gateway = Setup::default()
        .parameter("SyncTargets", &targets(&arn))
        .parameter("SyncDnsServers", &names.address.to_string())
        .endpoint(&format!("http://{}", server.address))
        .start()
        .await;
    until_it_has(&server, &arn, &["10.0.0.1", "10.0.0.2"]).await;
    assert_eq!(
        gateway.call("GET", "/health").send().await.status,
        http::StatusCode::OK
    );
    gateway.stop().await.expect("the gateway ends");
    let asked = names.queries().len();
    assert!((1..5).contains(&asked), "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_endpoint_no_schedule_runs() {
    let names = DnsServer::responding(DnsResponse::Addresses(private_addresses([1]))).await;
    let setup = Setup::default()
        .parameter(
            "SyncTargets",
            &targets("arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/a/1"),
        )
        .parameter("SyncDnsServers", &names.address.to_string());
    let gateway = setup.start().await;
    assert_eq!(
        gateway.call("GET", "/health").send().await.status,
        http::StatusCode::OK
    );
    gateway.stop().await.expect("the gateway ends");
    assert!(names.queries().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_cannot_be_ends_the_start_with_the_variable() {
    let server = Emulator::ministack();
    let setup = Setup::default()
        .parameter(
            "SyncTargets",
            r#"[{"name":"","target_group_arn":"arn:","port":1}]"#,
        )
        .endpoint(&format!("http://{}", server.address));
    let Err(error) = setup.try_start().await else {
        panic!("it started")
    };
    assert_eq!(
        error.to_string(),
        "alb-sync: SYNC_TARGETS: [0].name: empty, expected a DNS name"
    );
}

#[tokio::test]
async fn every_event_starts_a_run_and_a_failed_one_ends_in_an_error_with_its_answer() {
    let settings = std::fs::read_to_string(project().join("events/env.json")).expect("settings");
    let settings: serde_json::Value = serde_json::from_str(&settings).expect("JSON");
    let setting = move |name: &str| match name {
        // Nothing listens there.
        "DNS_SERVERS" => Some("127.0.0.1:1".to_owned()),
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "AWS_ENDPOINT_URL" => Some("http://127.0.0.1:1".to_owned()),
        _ => settings["AlbSyncFunction"][name]
            .as_str()
            .map(str::to_owned),
    };
    let function = Function::new("alb-sync", None, setting, RecordLog::to(std::io::sink()))
        .await
        .expect("alb-sync");
    for event in ["scheduled", "by-hand", "dry-run"] {
        let event = std::fs::read(project().join(format!("events/alb-sync.{event}.json")))
            .expect("an event");
        let error = function
            .invoke(&event)
            .await
            .expect_err("no name can be resolved");
        assert_eq!(error.error_type, "NotReconciled");
        let answer: serde_json::Value =
            serde_json::from_str(&error.error_message).expect("the answer");
        assert!(
            answer["targets"][0]["error"]
                .as_str()
                .is_some_and(|told| told.starts_with("internal-orders.example "))
        );
    }
}
