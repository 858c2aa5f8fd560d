//! What CloudWatch refuses, or does not answer.

use std::time::{Duration, Instant};

use aws::Deadline;
use aws_smithy_http_client::test_util::NeverClient;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use metrics_publisher::testing::CloudWatch;
use metrics_publisher::{Aggregator, Metric, Series};
use serde_json::{Value, json};

use crate::support::{
    Answer, Request, bare, cloudwatch_over, handle, messages, patient, publisher, record,
    subscription,
};

/// Data of `series` series, each from the message of its number.
fn data(series: u32) -> Vec<metrics_publisher::testing::Datum> {
    let mut sums = Aggregator::default();
    for number in 0..series {
        sums.add(
            1_795_348_800,
            Series::new(Metric::Latency, [&format!("{number:06}")]),
            1.0,
            1,
            number,
        );
    }
    sums.into_data()
}

fn holds(request: &Request, names: &[&str]) -> bool {
    request.data.iter().any(|datum| {
        datum
            .dimensions
            .first()
            .is_some_and(|(_, value)| names.contains(&value.as_str()))
    })
}

fn failures(answer: &Value) -> Vec<&str> {
    let failures = answer["batchItemFailures"].as_array().unwrap();
    failures
        .iter()
        .map(|failure| failure["itemIdentifier"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn after_two_throttles_it_is_published_once() {
    let (publisher, requests) = publisher(|number, _| match number {
        0 | 1 => Answer::Error(400, "ThrottlingException"),
        _ => Answer::Taken,
    });
    let answer = handle(&publisher, &json!({"records": [record("Op", 1.0)]}))
        .await
        .unwrap();
    assert_eq!(
        (&answer["published"], requests.lock().unwrap().len()),
        (&json!(1), 3)
    );
}

#[tokio::test]
async fn faults_and_endless_throttles_are_tried_again_and_then_told() {
    for (status, code) in [
        (500, "InternalServiceFault"),
        (503, "ServiceUnavailable"),
        (400, "ThrottlingException"),
    ] {
        let (publisher, requests) = publisher(move |_, _| Answer::Error(status, code));
        let error = handle(&publisher, &json!({"records": [record("Op", 1.0)]}))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with(&format!(
                "2 of 2 data were not sent: PutMetricData: {code} ({status})"
            )),
            "{error}"
        );
        assert_eq!(requests.lock().unwrap().len(), 3);
    }
}

#[tokio::test]
async fn one_bad_datum_among_a_thousand_is_found_in_ten_halvings_and_the_rest_is_sent() {
    let (cloudwatch, requests) = bare(|_, request| match holds(request, &["000700"]) {
        true => Answer::Error(400, "InvalidParameterValueException"),
        false => Answer::Taken,
    });
    let outcome = cloudwatch.publish(data(1000), patient()).await;
    assert_eq!(
        (outcome.sent, outcome.refused, outcome.unsent, outcome.cause),
        (999, 1, 0, None)
    );
    let requests = requests.lock().unwrap();
    let refused = requests
        .iter()
        .filter(|request| holds(request, &["000700"]))
        .count();
    assert!(refused <= 11, "{refused}");
    assert!(requests.len() <= 21);
}

#[tokio::test]
async fn two_bad_data_are_both_found() {
    let bad = ["000000", "000999"];
    let (cloudwatch, _) = bare(move |_, request| match holds(request, &bad) {
        true => Answer::Error(400, "InvalidParameterCombinationException"),
        false => Answer::Taken,
    });
    let outcome = cloudwatch.publish(data(1000), patient()).await;
    assert_eq!((outcome.sent, outcome.refused), (998, 2));
}

#[tokio::test]
async fn where_everything_is_refused_the_search_for_bad_data_ends() {
    let (cloudwatch, requests) = bare(|_, _| Answer::Error(400, "InvalidParameterValueException"));
    let outcome = cloudwatch.publish(data(2_000), patient()).await;
    assert_eq!((outcome.sent, outcome.refused), (0, 2_000));
    assert!(requests.lock().unwrap().len() <= 600);
}

fn of_service(service: &str) -> Value {
    json!({"service": service, "operation": "Op", "duration_ms": 1.0, "success": true})
}

/// CloudWatch refuses every request that has data of the service `bad`.
fn refusing(_: usize, request: &Request) -> Answer {
    if holds(request, &["bad"]) {
        Answer::Error(400, "InvalidParameterValueException")
    } else {
        Answer::Taken
    }
}

/// The value of `RejectedRecords` in requests that CloudWatch accepted.
fn rejected(requests: &[Request]) -> f64 {
    let accepted = requests
        .iter()
        .filter(|request| !holds(request, &["bad"]))
        .flat_map(|request| &request.data);
    accepted
        .filter(|datum| datum.name == "RejectedRecords")
        .map(|datum| datum.counts[0])
        .sum()
}

#[tokio::test]
async fn published_does_not_count_records_whose_data_were_refused() {
    let (publisher, requests) = publisher(refusing);
    let records = [
        of_service("good"),
        of_service("bad"),
        of_service("bad"),
        of_service("other"),
        json!({}),
    ];
    let answer = handle(&publisher, &json!({ "records": records }))
        .await
        .unwrap();
    assert_eq!(
        (
            &answer["accepted"],
            &answer["published"],
            &answer["refused"]
        ),
        (&json!(4), &json!(2), &json!(2))
    );
    assert_eq!(
        rejected(&requests.lock().unwrap()),
        3.0,
        "one is invalid, two were refused"
    );
}

#[tokio::test]
async fn log_lines_whose_data_were_refused_are_counted_as_rejected() {
    let (publisher, requests) = publisher(refusing);
    let lines = ["good", "bad"].map(|service| json!({"api_call": of_service(service)}).to_string());
    let answer = handle(&publisher, &subscription(&lines)).await.unwrap();
    assert_eq!(
        (
            &answer["accepted"],
            &answer["published"],
            &answer["refused"]
        ),
        (&json!(2), &json!(1), &json!(1))
    );
    assert_eq!(rejected(&requests.lock().unwrap()), 1.0);
}

#[tokio::test]
async fn a_record_of_which_some_data_were_refused_is_not_published() {
    let (publisher, _) = publisher(|_, request| {
        match request
            .data
            .iter()
            .any(|datum| datum.name == "ApiErrorCount")
        {
            true => Answer::Error(400, "InvalidParameterValueException"),
            false => Answer::Taken,
        }
    });
    let failed = json!({"service": "s", "operation": "Op", "duration_ms": 1, "success": false});
    let answer = handle(&publisher, &json!({"records": [failed, of_service("s")]}))
        .await
        .unwrap();
    assert_eq!(
        (
            &answer["accepted"],
            &answer["published"],
            &answer["refused"]
        ),
        (&json!(2), &json!(1), &json!(1))
    );
}

#[tokio::test]
async fn a_message_whose_data_are_all_refused_fails_alone() {
    let (publisher, requests) = publisher(refusing);
    let mixed = json!({"records": [of_service("bad"), of_service("good")]});
    let answer = handle(
        &publisher,
        &messages(&[of_service("good"), of_service("bad"), mixed]),
    )
    .await
    .unwrap();
    assert_eq!(
        failures(&answer),
        ["m1"],
        "m2 would count its other record twice"
    );
    assert_eq!(rejected(&requests.lock().unwrap()), 2.0);
}

#[tokio::test]
async fn a_refused_count_of_refused_records_does_not_bring_the_event_again() {
    let (publisher, _) = publisher(|_, request| {
        let own = request
            .data
            .iter()
            .any(|datum| datum.name == "RejectedRecords");
        if own || holds(request, &["bad"]) {
            Answer::Error(400, "InvalidParameterValueException")
        } else {
            Answer::Taken
        }
    });
    let answer = handle(
        &publisher,
        &json!({"records": [of_service("good"), of_service("bad")]}),
    )
    .await
    .unwrap();
    assert_eq!(
        (&answer["published"], &answer["refused"]),
        (&json!(1), &json!(1))
    );
}

#[tokio::test]
async fn all_rejected_records_are_counted_and_a_hundred_named() {
    let (publisher, requests) = publisher(|_, _| Answer::Taken);
    let records: Vec<_> = (0..150)
        .map(|_| json!({}))
        .chain([of_service("good")])
        .collect();
    let answer = handle(&publisher, &json!({ "records": records }))
        .await
        .unwrap();
    assert_eq!(
        (&answer["accepted"], &answer["rejected_count"]),
        (&json!(1), &json!(150))
    );
    assert_eq!(answer["rejected"].as_array().unwrap().len(), 100);
    assert_eq!(rejected(&requests.lock().unwrap()), 150.0);
}

#[tokio::test]
async fn a_refused_right_is_not_tried_again_and_every_message_comes_again() {
    let (publisher, requests) = publisher(|_, _| Answer::Error(403, "AccessDeniedException"));
    let error = handle(&publisher, &json!({"records": [record("Op", 1.0)]}))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("AccessDeniedException (403): said CloudWatch"),
        "{error}"
    );
    let answer = handle(&publisher, &messages(&[record("A", 1.0), record("B", 1.0)]))
        .await
        .unwrap();
    assert_eq!(failures(&answer), ["m0", "m1"]);
    assert_eq!(requests.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn only_messages_of_the_request_that_failed_come_again() {
    let (cloudwatch, _) = bare(|_, request| match holds(request, &["001500"]) {
        true => Answer::Error(503, "ServiceUnavailable"),
        false => Answer::Taken,
    });
    let outcome = cloudwatch.publish(data(2_500), patient()).await;
    assert_eq!(
        (outcome.sent, outcome.unsent, outcome.requests),
        (1_500, 1_000, 3)
    );
    assert_eq!(outcome.unsent_records, (1_000..2_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn messages_whose_data_were_taken_do_not_come_again() {
    let (publisher, _) = publisher(|_, _| Answer::Taken);
    let good = record("A", 1.0);
    let answer = handle(
        &publisher,
        &messages(&[good.clone(), json!("x"), json!({"records": [good, {}]})]),
    )
    .await;
    assert_eq!(failures(&answer.unwrap()), ["m1"]);
}

#[tokio::test]
async fn a_cloudwatch_that_does_not_answer_is_given_up_before_the_deadline() {
    let client = cloudwatch_over(SharedHttpClient::new(NeverClient::new()));
    let cloudwatch = CloudWatch::new(client, "Test".to_owned());
    let deadline = Deadline::after(Instant::now(), Duration::from_secs(2));
    // After a stall of the machine, both timers may have ended. The one that is due first counts.
    let outcome = tokio::select! {
        biased;
        outcome = cloudwatch.publish(data(3), deadline) => outcome,
        () = tokio::time::sleep_until(deadline.instant().into()) => {
            panic!("there is no time left to answer")
        }
    };
    assert_eq!(
        (outcome.sent, outcome.unsent, outcome.unsent_records),
        (0, 3, vec![0, 1, 2])
    );
    assert!(outcome.cause.is_some());
}

#[tokio::test]
async fn without_time_all_data_are_reported_as_unsent() {
    let (cloudwatch, requests) = bare(|_, _| Answer::Taken);
    let outcome = cloudwatch
        .publish(
            data(1_500),
            Deadline::after(Instant::now(), Duration::from_millis(200)),
        )
        .await;
    assert_eq!(
        (
            outcome.unsent,
            outcome.requests,
            requests.lock().unwrap().len()
        ),
        (1_500, 0, 0)
    );
    assert_eq!(
        outcome.cause.as_deref(),
        Some("no time was left to send data")
    );
}

#[tokio::test]
async fn a_cloudwatch_that_fails_again_and_again_is_spared() {
    let (cloudwatch, requests) = bare(|_, _| Answer::Error(500, "InternalServiceFault"));
    for _ in 0..5 {
        assert_eq!(cloudwatch.publish(data(1), patient()).await.unsent, 1);
    }
    let seen = requests.lock().unwrap().len();
    let outcome = cloudwatch.publish(data(1), patient()).await;
    assert!(outcome.cause.unwrap().contains("circuit breaker"));
    assert_eq!(requests.lock().unwrap().len(), seen);
}
