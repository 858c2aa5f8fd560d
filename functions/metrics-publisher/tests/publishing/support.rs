//! A CloudWatch that keeps what it is sent and answers what a test wants, and a DynamoDB with
//! places for all series.

use std::io::Read as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws::{Deadline, Endpoints};
use aws_sdk_cloudwatch::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::body::SdkBody;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ciborium::Value as Cbor;
use jiff::Timestamp;
use metrics_publisher::testing::{CloudWatch, Prober};
use metrics_publisher::{Config, Failure, Publisher};
use serde_json::Value;

pub(crate) const NOW_MS: i64 = 1_795_348_830_000;

/// One datum, as CloudWatch reads it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sent {
    pub(crate) name: String,
    pub(crate) dimensions: Vec<(String, String)>,
    pub(crate) timestamp: f64,
    pub(crate) values: Vec<f64>,
    pub(crate) counts: Vec<f64>,
    pub(crate) unit: String,
}

/// One request, as CloudWatch reads it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) compressed: bool,
    pub(crate) bytes: usize,
    pub(crate) bytes_sent: usize,
    pub(crate) namespace: String,
    pub(crate) data: Vec<Sent>,
}

/// What CloudWatch answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    Taken,
    Error(u16, &'static str),
}

/// Requests so far.
pub(crate) type Requests = Arc<Mutex<Vec<Request>>>;

fn member<'v>(value: &'v Cbor, name: &str) -> &'v Cbor {
    let members = value.as_map().expect("a map");
    &members
        .iter()
        .find(|(key, _)| key.as_text() == Some(name))
        .unwrap_or_else(|| panic!("no {name}"))
        .1
}

fn text(value: &Cbor) -> String {
    value.as_text().expect("text").to_owned()
}

fn numbers(value: &Cbor) -> Vec<f64> {
    value
        .as_array()
        .expect("a list")
        .iter()
        .map(|number| number.as_float().expect("a double"))
        .collect()
}

fn seconds(value: &Cbor) -> f64 {
    let Cbor::Tag(1, value) = value else {
        panic!("{value:?} is no time")
    };
    value
        .as_float()
        .unwrap_or_else(|| i128::from(value.as_integer().expect("a number")) as f64)
}

fn read(request: &http::Request<SdkBody>) -> Request {
    let sent = request.body().bytes().expect("a whole body");
    let compressed = request
        .headers()
        .get("content-encoding")
        .is_some_and(|encoding| encoding == "gzip");
    let mut bytes = Vec::new();
    if compressed {
        flate2::read::GzDecoder::new(sent)
            .read_to_end(&mut bytes)
            .expect("gzip");
    } else {
        bytes.extend_from_slice(sent);
    }
    let body: Cbor = ciborium::from_reader(bytes.as_slice()).expect("CBOR");
    let datum = |datum: &Cbor| Sent {
        name: text(member(datum, "MetricName")),
        dimensions: member(datum, "Dimensions")
            .as_array()
            .expect("a list")
            .iter()
            .map(|dimension| {
                (
                    text(member(dimension, "Name")),
                    text(member(dimension, "Value")),
                )
            })
            .collect(),
        timestamp: seconds(member(datum, "Timestamp")),
        values: numbers(member(datum, "Values")),
        counts: numbers(member(datum, "Counts")),
        unit: text(member(datum, "Unit")),
    };
    Request {
        compressed,
        bytes: bytes.len(),
        bytes_sent: sent.len(),
        namespace: text(member(&body, "Namespace")),
        data: member(&body, "MetricData")
            .as_array()
            .expect("a list")
            .iter()
            .map(datum)
            .collect(),
    }
}

fn response(answer: Answer) -> http::Response<SdkBody> {
    let (status, body) = match answer {
        Answer::Taken => (200, Cbor::Map(Vec::new())),
        Answer::Error(status, code) => {
            let text = |text: &str| Cbor::Text(text.to_owned());
            let kind = format!("com.amazonaws.cloudwatch#{code}");
            (
                status,
                Cbor::Map(vec![
                    (text("__type"), text(&kind)),
                    (text("message"), text("said CloudWatch")),
                ]),
            )
        }
    };
    let mut bytes = Vec::new();
    ciborium::into_writer(&body, &mut bytes).expect("CBOR");
    let response = http::Response::builder()
        .status(status)
        .header("smithy-protocol", "rpc-v2-cbor");
    response
        .header("content-type", "application/cbor")
        .body(SdkBody::from(bytes))
        .expect("a response")
}

/// A client of a CloudWatch that answers its nth request (from 0) as `answer` says.
pub(crate) fn cloudwatch(
    answer: impl Fn(usize, &Request) -> Answer + Send + Sync + 'static,
) -> (aws_sdk_cloudwatch::Client, Requests) {
    let (client, requests) = connector(answer);
    (cloudwatch_over(client), requests)
}

/// The same, but its client does not retry.
pub(crate) fn cloudwatch_without_retries(
    answer: impl Fn(usize, &Request) -> Answer + Send + Sync + 'static,
) -> (aws_sdk_cloudwatch::Client, Requests) {
    let (client, requests) = connector(answer);
    (cloudwatch_with_attempts(client, 1), requests)
}

fn connector(
    answer: impl Fn(usize, &Request) -> Answer + Send + Sync + 'static,
) -> (SharedHttpClient, Requests) {
    let requests = Requests::default();
    let seen = Arc::clone(&requests);
    let client = infallible_client_fn(move |request| {
        let request = read(&request);
        let mut seen = seen.lock().expect("requests");
        let answer = answer(seen.len(), &request);
        seen.push(request);
        response(answer)
    });
    (client, requests)
}

/// A client over a connector.
pub(crate) fn cloudwatch_over(client: SharedHttpClient) -> aws_sdk_cloudwatch::Client {
    cloudwatch_with_attempts(client, 3)
}

fn cloudwatch_with_attempts(client: SharedHttpClient, attempts: u32) -> aws_sdk_cloudwatch::Client {
    let retries = RetryConfig::standard()
        .with_max_attempts(attempts)
        .with_initial_backoff(Duration::from_millis(1));
    let config = aws_sdk_cloudwatch::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("eu-central-1"))
        .credentials_provider(Credentials::for_tests())
        .retry_config(retries)
        .http_client(client);
    aws_sdk_cloudwatch::Client::from_conf(config.build())
}

/// A client of a DynamoDB that says so of every request.
pub(crate) fn dynamodb(
    answer: impl Fn(Value) -> (u16, Value) + Send + Sync + 'static,
) -> aws_sdk_dynamodb::Client {
    let client = infallible_client_fn(move |request: http::Request<SdkBody>| {
        let (status, body) =
            answer(serde_json::from_slice(request.body().bytes().expect("a body")).expect("JSON"));
        http::Response::builder()
            .status(status)
            .body(SdkBody::from(body.to_string()))
            .expect("a response")
    });
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(aws_sdk_dynamodb::config::Region::new("eu-central-1"))
        .credentials_provider(aws_sdk_dynamodb::config::Credentials::for_tests())
        .http_client(client);
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// A DynamoDB in which every series finds a place.
pub(crate) fn places_for_all() -> aws_sdk_dynamodb::Client {
    dynamodb(|request| {
        let ids = &request["ExpressionAttributeValues"][":ids"];
        (200, serde_json::json!({ "Attributes": {"ids": ids} }))
    })
}

pub(crate) fn endpoints(settings: &[(&str, &str)]) -> Endpoints {
    let settings = [&[("AWS_REGION", "eu-central-1")], settings].concat();
    let lookup = |name: &str| {
        settings
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    };
    Endpoints::from_settings(lookup).expect("settings")
}

pub(crate) fn config(settings: &[(&str, &str)]) -> Config {
    let settings = [&[("USAGE_TABLE", "usage")], settings].concat();
    let lookup = |name: &str| {
        settings
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    };
    Config::from_lookup(lookup).expect("settings")
}

/// A publisher to a CloudWatch that answers as `answer` says.
pub(crate) fn publisher(
    answer: impl Fn(usize, &Request) -> Answer + Send + Sync + 'static,
) -> (Publisher, Requests) {
    let (client, requests) = cloudwatch(answer);
    let prober = Prober::new(endpoints(&[]));
    (
        Publisher::new(
            &config(&[("MAX_SERIES", "10000")]),
            client,
            places_for_all(),
            prober,
        ),
        requests,
    )
}

/// The same without a publisher around it.
pub(crate) fn bare(
    answer: impl Fn(usize, &Request) -> Answer + Send + Sync + 'static,
) -> (CloudWatch, Requests) {
    let (client, requests) = cloudwatch(answer);
    (CloudWatch::new(client, "Test".to_owned()), requests)
}

pub(crate) fn patient() -> Deadline {
    Deadline::after(Instant::now(), Duration::from_secs(20))
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_millisecond(NOW_MS).expect("a time")
}

pub(crate) async fn handle(publisher: &Publisher, event: &Value) -> Result<Value, Failure> {
    publisher
        .handle_at(&event.to_string(), now(), patient())
        .await
}

/// A successful call.
pub(crate) fn record(operation: &str, duration_ms: f64) -> Value {
    serde_json::json!({"service": "billing", "operation": operation, "duration_ms": duration_ms, "success": true,
        "timestamp": NOW_MS})
}

/// What a log subscription sends of these lines.
pub(crate) fn subscription(lines: &[String]) -> Value {
    let events: Vec<_> = lines
        .iter()
        .enumerate()
        .map(|(id, line)| serde_json::json!({"id": id.to_string(), "timestamp": NOW_MS, "message": line}))
        .collect();
    let delivery = serde_json::json!({"messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "access",
        "logStream": "s", "subscriptionFilters": ["f"], "logEvents": events});
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, delivery.to_string().as_bytes()).expect("gzip");
    serde_json::json!({"awslogs": {"data": STANDARD.encode(encoder.finish().expect("gzip"))}})
}

/// A log line about a threshold, with this id and caller.
pub(crate) fn threshold_line(id: &str, caller: &str) -> String {
    let mut line: Value =
        serde_json::from_str(include_str!("threshold.json")).expect("a line of JSON");
    line["id"] = id.into();
    line["caller"] = caller.into();
    line.to_string()
}

/// A batch of SQS messages `m0`, `m1` … with these bodies.
pub(crate) fn messages(bodies: &[Value]) -> Value {
    let messages: Vec<_> = bodies
        .iter()
        .enumerate()
        .map(|(number, body)| {
            serde_json::json!({"messageId": format!("m{number}"), "eventSource": "aws:sqs", "body": body.to_string(),
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:records"})
        })
        .collect();
    serde_json::json!({ "Records": messages })
}
