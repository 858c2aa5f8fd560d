//! Log lines about thresholds become events of EventBridge.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws::Deadline;
use aws_sdk_eventbridge::config::retry::RetryConfig;
use aws_sdk_eventbridge::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_types::body::SdkBody;
use metrics_publisher::Publisher;
use metrics_publisher::testing::EventBridge;
use serde_json::{Value, json};

use crate::support::{
    Answer, NOW_MS, Requests, handle, now, patient, publisher, record, subscription, threshold_line,
};

/// The entries of each request to EventBridge so far.
pub(crate) type Puts = Arc<Mutex<Vec<Vec<Value>>>>;

/// Returns a client of an EventBridge that answers its nth request (from 0) as `answer` says.
fn eventbridge(
    answer: impl Fn(usize, &[Value]) -> (u16, Value) + Send + Sync + 'static,
) -> (EventBridge, Puts) {
    let puts = Puts::default();
    let seen = Arc::clone(&puts);
    let client = infallible_client_fn(move |request: http::Request<SdkBody>| {
        assert_eq!(request.headers()["x-amz-target"], "AWSEvents.PutEvents");
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let entries = body["Entries"].as_array().unwrap().clone();

        let mut seen = seen.lock().unwrap();
        let (status, body) = answer(seen.len(), &entries);
        seen.push(entries);
        http::Response::builder()
            .status(status)
            .body(SdkBody::from(body.to_string()))
            .unwrap()
    });
    let retries = RetryConfig::standard()
        .with_max_attempts(3)
        .with_initial_backoff(Duration::from_millis(1));
    let config = aws_sdk_eventbridge::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("eu-central-1"))
        .credentials_provider(Credentials::for_tests())
        .retry_config(retries)
        .http_client(client);

    let client = aws_sdk_eventbridge::Client::from_conf(config.build());
    (EventBridge::new(client), puts)
}

/// Returns a response that refuses the entries for which `code` has an error code.
fn answered(entries: &[Value], code: impl Fn(&Value) -> Option<&'static str>) -> (u16, Value) {
    let results: Vec<_> = entries
        .iter()
        .map(|entry| match code(entry) {
            Some(code) => json!({"ErrorCode": code, "ErrorMessage": "said EventBridge"}),
            None => json!({"EventId": "e"}),
        })
        .collect();
    let failed = results
        .iter()
        .filter(|result| result.get("ErrorCode").is_some())
        .count();
    (200, json!({"FailedEntryCount": failed, "Entries": results}))
}

pub(crate) fn accepted_events(_: usize, entries: &[Value]) -> (u16, Value) {
    answered(entries, |_| None)
}

/// A publisher with a CloudWatch that accepts everything, and this EventBridge.
pub(crate) fn sending(
    answer: impl Fn(usize, &[Value]) -> (u16, Value) + Send + Sync + 'static,
) -> (Publisher, Puts, Requests) {
    let (eventbridge, puts) = eventbridge(answer);
    let (publisher, requests) = publisher(|_, _| Answer::Taken);
    (publisher.with_threshold_events(eventbridge), puts, requests)
}

fn detail(entry: &Value) -> Value {
    serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap()
}

fn ids(entries: &[Value]) -> Vec<String> {
    let id = |entry| detail(entry)["id"].as_str().unwrap().to_owned();
    entries.iter().map(id).collect()
}

/// A call record as a line of the same log.
fn call_line() -> String {
    json!({"api_call": record("Op", 1.0)}).to_string()
}

#[tokio::test]
async fn a_threshold_line_becomes_an_event_of_the_default_bus() {
    let (publisher, puts, requests) = sending(accepted_events);

    let answer = handle(
        &publisher,
        &subscription(&[call_line(), threshold_line("id-1", "key#acme")]),
    )
    .await
    .unwrap();

    assert_eq!(
        (
            &answer["events"],
            &answer["accepted"],
            &answer["rejected_count"]
        ),
        (&json!(1), &json!(2), &json!(0))
    );
    let entry = puts.lock().unwrap()[0][0].clone();
    assert_eq!(entry["Source"], "tollgate");
    assert_eq!(entry["DetailType"], "Tollgate Quota Threshold");
    assert_eq!(entry["Time"], json!(NOW_MS / 1_000));
    assert!(entry.get("EventBusName").is_none());
    assert_eq!(
        detail(&entry),
        json!({
            "id": "id-1", "caller": "key#acme", "key_id": "acme", "plan": "pro", "quota": "month", "threshold": 0.8,
            "used": 800_000, "limit": 1_000_000, "window_start": "2026-11-01T00:00:00Z",
            "window_end": "2026-12-01T00:00:00Z",
        })
    );
    assert_eq!(requests.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_redelivery_sends_the_same_id_and_a_repeated_line_is_one_event() {
    let (publisher, puts, _) = sending(accepted_events);
    let line = || threshold_line("id-1", "group#acme");

    for lines in [vec![line(), line()], vec![line()]] {
        let answer = handle(&publisher, &subscription(&lines)).await.unwrap();
        assert_eq!(answer["events"], 1);
    }

    let puts = puts.lock().unwrap();
    assert_eq!(puts.len(), 2);
    assert_eq!(puts[0], puts[1]);
}

#[tokio::test]
async fn ten_events_are_one_request() {
    let (publisher, puts, _) = sending(accepted_events);
    let lines: Vec<_> = (0..21)
        .map(|number| threshold_line(&number.to_string(), "key#acme"))
        .collect();

    let answer = handle(&publisher, &subscription(&lines)).await.unwrap();

    assert_eq!(answer["events"], 21);
    let sizes: Vec<_> = puts.lock().unwrap().iter().map(Vec::len).collect();
    assert_eq!(sizes, [10, 10, 1]);
}

#[tokio::test]
async fn only_refused_events_of_a_request_are_repeated() {
    let (publisher, puts, _) = sending(|number, entries| {
        answered(entries, |entry| {
            let is_refused =
                number == 0 && ["1", "3"].contains(&&*ids(std::slice::from_ref(entry))[0]);
            is_refused.then_some("ThrottlingException")
        })
    });
    let lines: Vec<_> = (0..4)
        .map(|number| threshold_line(&number.to_string(), "key#acme"))
        .collect();

    let answer = handle(&publisher, &subscription(&lines)).await.unwrap();

    assert_eq!(answer["events"], 4);
    let puts = puts.lock().unwrap();
    assert_eq!(puts.len(), 2);
    assert_eq!(ids(&puts[1]), ["1", "3"]);
}

/// Lambda repeats a failed delivery and then moves it to the dead-letter queue. Metrics that were
/// sent would count twice.
#[tokio::test]
async fn an_event_that_cannot_be_sent_fails_the_delivery_before_its_metrics_are_sent() {
    let (publisher, puts, requests) = sending(|_, entries| {
        answered(entries, |entry| {
            (ids(std::slice::from_ref(entry)) == ["bad"]).then_some("InternalFailure")
        })
    });
    let lines = [
        call_line(),
        threshold_line("good", "key#acme"),
        threshold_line("bad", "key#acme"),
    ];

    let error = handle(&publisher, &subscription(&lines)).await.unwrap_err();

    assert_eq!(
        error.to_string(),
        "1 of 2 threshold events were not sent: PutEvents: InternalFailure: said EventBridge"
    );
    let sent: Vec<_> = puts.lock().unwrap().iter().map(|put| ids(put)).collect();
    assert_eq!(sent, [vec!["good", "bad"], vec!["bad"], vec!["bad"]]);
    assert!(requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_failed_request_is_repeated_and_then_reported() {
    for (status, code, attempts) in [
        (500, "InternalException", 3),
        (400, "ThrottlingException", 3),
        (400, "AccessDeniedException", 1),
    ] {
        let (publisher, puts, _) = sending(move |_, _| {
            (
                status,
                json!({"__type": code, "message": "said EventBridge"}),
            )
        });

        let error = handle(
            &publisher,
            &subscription(&[threshold_line("id-1", "key#acme")]),
        )
        .await
        .unwrap_err()
        .to_string();

        assert_eq!(
            error,
            format!("1 of 1 threshold events were not sent: PutEvents: {code}: said EventBridge")
        );
        assert_eq!(puts.lock().unwrap().len(), attempts, "{code}");
    }
}

#[tokio::test]
async fn a_response_without_a_result_accepts_nothing() {
    let (publisher, puts, _) = sending(|_, _| (200, json!({"FailedEntryCount": 0, "Entries": []})));

    let error = handle(
        &publisher,
        &subscription(&[threshold_line("id-1", "key#acme")]),
    )
    .await
    .unwrap_err();

    assert!(error.to_string().contains("no result"), "{error}");
    assert_eq!(puts.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn without_time_no_request_is_made_and_the_delivery_fails() {
    let (publisher, puts, _) = sending(accepted_events);
    let event = subscription(&[threshold_line("id-1", "key#acme")]).to_string();
    let deadline = Deadline::after(Instant::now(), Duration::from_millis(500));

    let error = publisher
        .handle_at(&event, now(), deadline)
        .await
        .unwrap_err();

    assert!(error.to_string().contains("no time was left"), "{error}");
    assert!(puts.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_invalid_line_is_rejected_and_the_others_are_sent() {
    let (publisher, puts, _) = sending(accepted_events);
    let invalid = threshold_line("id-1", "key#acme").replace("800000", "-1");

    let answer = handle(
        &publisher,
        &subscription(&[invalid, threshold_line("id-2", "sub#ab")]),
    )
    .await
    .unwrap();

    assert_eq!(
        answer["rejected"],
        json!([{"index": 0, "reason": "`used` is not a whole number of units"}])
    );
    assert_eq!(ids(&puts.lock().unwrap()[0]), ["id-2"]);
}

#[tokio::test]
async fn threshold_lines_are_rejected_while_events_are_off() {
    let (publisher, _) = publisher(|_, _| Answer::Taken);

    let answer = handle(
        &publisher,
        &subscription(&[threshold_line("id-1", "key#acme")]),
    )
    .await
    .unwrap();

    assert_eq!(answer["events"], 0);
    assert_eq!(
        answer["rejected"][0]["reason"],
        "threshold events are off (THRESHOLD_EVENTS)"
    );
}

#[tokio::test]
async fn a_delivery_of_three_hundred_lines_loses_no_event() {
    let (publisher, puts, _) = sending(|number, entries| {
        answered(entries, |_| {
            number.is_multiple_of(3).then_some("ThrottlingException")
        })
    });
    let lines: Vec<_> = (0..300)
        .map(|number| threshold_line(&number.to_string(), "key#acme"))
        .collect();

    let answer = handle(&publisher, &subscription(&lines)).await.unwrap();

    assert_eq!(answer["events"], 300);
    let puts = puts.lock().unwrap();
    let sent: BTreeSet<_> = puts.iter().flat_map(|put| ids(put)).collect();
    assert_eq!(sent.len(), 300);
}

#[tokio::test]
async fn the_sample_event_contains_three_thresholds() {
    let (publisher, puts, _) = sending(accepted_events);
    let event = include_str!("../../../../events/metrics-publisher.threshold.json");

    let answer = publisher.handle_at(event, now(), patient()).await.unwrap();

    assert_eq!(
        (&answer["accepted"], &answer["events"]),
        (&json!(4), &json!(3))
    );
    let puts = puts.lock().unwrap();
    let details: Vec<_> = puts[0].iter().map(detail).collect();
    let facts: Vec<_> = details
        .iter()
        .map(|detail| [&detail["caller"], &detail["quota"], &detail["threshold"]])
        .collect();
    assert_eq!(
        facts,
        [
            [&json!("key#acme"), &json!("month"), &json!(0.8)],
            [&json!("group#acme"), &json!("month"), &json!(1.0)],
            [&json!("key#acme"), &json!("credits"), &json!(1.5)],
        ]
    );
}
