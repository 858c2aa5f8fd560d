//! The same on real servers: places for series among several instances, and metrics that can be
//! asked for again.

use std::collections::BTreeSet;

use aws::{AwsCalls, Retries, Timeouts, client};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use metrics_publisher::testing::{Claims, OTHER, Prober, SeriesRegistry};
use metrics_publisher::{Aggregator, Metric, Publisher, Series, open};
use serde_json::json;
use telemetry::RecordLog;

use crate::support::{
    Answer, cloudwatch_without_retries, config, endpoints, messages, now, patient, record,
    subscription, threshold_line,
};
use testing::Emulator;

fn lookup(server: &Emulator) -> impl Fn(&str) -> Option<String> {
    let url = format!("http://{}", server.address);
    move |name| match name {
        "AWS_ENDPOINT_URL" => Some(url.clone()),
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("local".to_owned()),
        "USAGE_TABLE" => Some("usage".to_owned()),
        "MAX_SERIES" => Some("5".to_owned()),
        _ => None,
    }
}

async fn dynamodb(server: &Emulator) -> aws_sdk_dynamodb::Client {
    let aws = AwsCalls::load(
        lookup(server),
        Timeouts::default(),
        RecordLog::to(std::io::sink()),
    )
    .await
    .unwrap();
    let client = client!(aws, aws_sdk_dynamodb, "dynamodb", Retries::Standard);
    let key = KeySchemaElement::builder()
        .attribute_name("id")
        .key_type(KeyType::Hash)
        .build()
        .unwrap();
    let attribute = AttributeDefinition::builder()
        .attribute_name("id")
        .attribute_type(ScalarAttributeType::S);
    let request = client
        .create_table()
        .table_name("usage")
        .billing_mode(BillingMode::PayPerRequest);
    let request = request
        .key_schema(key)
        .attribute_definitions(attribute.build().unwrap());
    request.send().await.unwrap();
    client
}

fn routes(names: &[&str]) -> Aggregator {
    let mut sums = Aggregator::default();
    for (weight, name) in names.iter().rev().enumerate() {
        sums.add(
            60,
            Series::new(Metric::Latency, [name]),
            1.0,
            weight as u64 + 1,
            0,
        );
    }
    sums
}

async fn kept(registry: &SeriesRegistry, names: &[&str]) -> BTreeSet<String> {
    let mut sums = routes(names);
    registry.admit(&mut sums, now(), patient()).await;
    let values = sums
        .iter()
        .map(|(series, _)| series.dimensions().next().unwrap().1.to_owned());
    values.collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_share_the_places_for_series() {
    for server in [Emulator::ministack(), Emulator::dynalite()] {
        let client = dynamodb(&server).await;
        let instance =
            || SeriesRegistry::new(client.clone(), "usage".to_owned(), "Test".to_owned(), 3);
        let (first, second) = (instance(), instance());
        assert_eq!(kept(&first, &["a", "b"]).await, set(&["a", "b"]));
        // One place is left; it goes to the series that is observed most.
        assert_eq!(kept(&second, &["c", "d", "e"]).await, set(&["c", OTHER]));
        assert_eq!(
            kept(&first, &["b", "d", "c"]).await,
            set(&["b", "c", OTHER])
        );
        assert_eq!(kept(&second, &["a", "b", "c"]).await, set(&["a", "b", "c"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_instances_never_exceed_the_maximum_number_of_series() {
    let server = Emulator::ministack();
    let client = dynamodb(&server).await;
    let mut instances = tokio::task::JoinSet::new();
    for number in 0..4 {
        let registry =
            SeriesRegistry::new(client.clone(), "usage".to_owned(), "Test".to_owned(), 10);
        instances.spawn(async move {
            let names: Vec<_> = (0..5)
                .map(|place| format!("route-{number}-{place}"))
                .collect();
            kept(
                &registry,
                &names.iter().map(String::as_str).collect::<Vec<_>>(),
            )
            .await
        });
    }
    let mut all: BTreeSet<_> = instances.join_all().await.into_iter().flatten().collect();
    assert!(all.remove(OTHER));
    assert_eq!(all.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_table_an_instance_decides_alone_within_the_same_bound() {
    let server = Emulator::ministack();
    let aws = AwsCalls::load(
        lookup(&server),
        Timeouts::default(),
        RecordLog::to(std::io::sink()),
    )
    .await
    .unwrap();
    let client = client!(aws, aws_sdk_dynamodb, "dynamodb", Retries::Standard);
    let registry = SeriesRegistry::new(client, "usage".to_owned(), "Test".to_owned(), 2);
    assert_eq!(
        kept(&registry, &["a", "b", "c"]).await,
        set(&["a", "b", OTHER])
    );
    assert_eq!(kept(&registry, &["c", "b"]).await, set(&["b", OTHER]));
}

#[tokio::test(flavor = "multi_thread")]
async fn threshold_events_match_the_pattern_of_a_rule() {
    let server = Emulator::ministack();
    dynamodb(&server).await;
    let settings = lookup(&server);
    let settings = |name: &str| match name {
        "THRESHOLD_EVENTS" => Some("true".to_owned()),
        _ => settings(name),
    };
    let aws = AwsCalls::load(
        lookup(&server),
        Timeouts::default(),
        RecordLog::to(std::io::sink()),
    )
    .await
    .unwrap();
    let eventbridge = client!(aws, aws_sdk_eventbridge, "events", Retries::Standard);
    let bus = "arn:aws:events:us-east-1:000000000000:event-bus/default";
    let pattern = json!({
        "source": ["tollgate"],
        "detail-type": ["Tollgate Quota Threshold"],
        "detail": {"key_id": ["acme"]},
    });
    let archive = eventbridge.create_archive().archive_name("thresholds");
    let archive = archive
        .event_source_arn(bus)
        .event_pattern(pattern.to_string());
    archive.send().await.unwrap();
    let publisher = open(settings, RecordLog::to(std::io::sink()))
        .await
        .unwrap();
    let lines = [("id-1", "key#acme"), ("id-2", "key#other")];
    let lines = lines.map(|(id, caller)| threshold_line(id, caller));

    let answer = publisher
        .handle(&subscription(&lines).to_string(), patient())
        .await
        .unwrap();

    let archive = eventbridge.describe_archive().archive_name("thresholds");
    let archive = archive.send().await.unwrap();
    assert_eq!(
        (&answer["events"], archive.event_count()),
        (&json!(2), 1),
        "{archive:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_instances_count_a_message_once() {
    for server in [Emulator::ministack(), Emulator::dynalite()] {
        let table = dynamodb(&server).await;
        let batch = messages(&[record("A", 1.0), record("B", 1.0)]).to_string();
        let mut instances = tokio::task::JoinSet::new();
        let mut all_requests = Vec::new();
        for _ in 0..4 {
            let (cloudwatch, requests) = cloudwatch_without_retries(|_, _| Answer::Taken);
            let config = config(&[]);
            let prober = Prober::new(endpoints(&[]));
            let publisher = Publisher::new(&config, cloudwatch, table.clone(), prober);
            let publisher = publisher.with_claims(Claims::new(table.clone(), "usage".to_owned()));
            let batch = batch.clone();
            all_requests.push(requests);
            instances.spawn(async move {
                publisher.handle_at(&batch, now(), patient()).await.unwrap();
                let later = now() + jiff::SignedDuration::from_mins(3);
                publisher.handle_at(&batch, later, patient()).await.unwrap()
            });
        }

        let answers = instances.join_all().await;
        assert!(
            answers
                .iter()
                .all(|answer| *answer == json!({"batchItemFailures": []})),
            "all messages are counted three minutes later"
        );
        let counts = all_requests.iter().flat_map(|requests| {
            let requests = requests.lock().unwrap().clone();
            requests.into_iter().flat_map(|request| request.data)
        });
        let counts = counts.filter(|datum| datum.name == "ApiCallCount");
        assert_eq!(counts.flat_map(|datum| datum.counts).sum::<f64>(), 2.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_whose_data_were_not_sent_is_claimed_again() {
    for server in [Emulator::ministack(), Emulator::dynalite()] {
        let table = dynamodb(&server).await;
        let batch = messages(&[record("A", 1.0)]).to_string();
        let mut failures = Vec::new();
        for status in [Answer::Error(400, "ThrottlingException"), Answer::Taken] {
            let (cloudwatch, _) = cloudwatch_without_retries(move |_, _| status);
            let prober = Prober::new(endpoints(&[]));
            let publisher = Publisher::new(&config(&[]), cloudwatch, table.clone(), prober);
            let publisher = publisher.with_claims(Claims::new(table.clone(), "usage".to_owned()));
            let answer = publisher.handle_at(&batch, now(), patient()).await.unwrap();
            failures.push(answer["batchItemFailures"].as_array().unwrap().len());
        }
        assert_eq!(failures, [1, 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_can_be_asked_for_again() {
    let server = Emulator::ministack();
    dynamodb(&server).await;
    let publisher = open(lookup(&server), RecordLog::to(std::io::sink()))
        .await
        .unwrap();
    let mut records: Vec<_> = ["A", "B"].map(|operation| record(operation, 12.5)).into();
    records
        .iter_mut()
        .for_each(|record| _ = record.as_object_mut().unwrap().remove("timestamp"));
    let event = json!({ "records": records }).to_string();
    let answer = publisher.handle(&event, patient()).await.unwrap();
    assert_eq!(
        (&answer["published"], &answer["requests"]),
        (&json!(2), &json!(1))
    );
    let aws = AwsCalls::load(
        lookup(&server),
        Timeouts::default(),
        RecordLog::to(std::io::sink()),
    )
    .await
    .unwrap();
    let cloudwatch = client!(aws, aws_sdk_cloudwatch, "monitoring", Retries::Standard);
    let listed = cloudwatch
        .list_metrics()
        .namespace("CustomApp/NetworkMetrics")
        .send()
        .await
        .unwrap();
    let names: BTreeSet<_> = listed
        .metrics()
        .iter()
        .map(|metric| metric.metric_name().unwrap())
        .collect();
    assert_eq!(names, BTreeSet::from(["ApiCallCount", "ApiCallDuration"]));
    assert_eq!(listed.metrics().len(), 4);
}
