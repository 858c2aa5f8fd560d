//! Deliveries that are counted at most once.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use metrics_publisher::testing::Prober;
use metrics_publisher::{EventContext, Failure, Publisher};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::claims_table::ClaimsTable;
use crate::support::{
    Answer, Request, Requests, cloudwatch_without_retries, config, endpoints, messages, now,
    patient, record, subscription,
};

const THROTTLED: Answer = Answer::Error(400, "ThrottlingException");
const FAULT: Answer = Answer::Error(500, "InternalServiceFault");

/// A publisher that counts deliveries at most once.
struct Once {
    publisher: Publisher,
    requests: Requests,
}

impl Once {
    fn new(
        table: &ClaimsTable,
        answer: impl Fn(usize, &Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let (client, requests) = cloudwatch_without_retries(answer);
        let config = config(&[("MAX_SERIES", "10000")]);
        let prober = Prober::new(endpoints(&[]));
        let publisher = Publisher::new(&config, client, table.client(), prober);
        Self {
            publisher: publisher.with_claims(table.claims()),
            requests,
        }
    }

    /// Handles an event some minutes later, in an invocation with this id.
    async fn handle(&self, event: &Value, request_id: &str, later: i64) -> Result<Value, Failure> {
        let context = EventContext {
            request_id: Some(request_id).filter(|id| !id.is_empty()),
            now: minutes_later(later),
            deadline: patient(),
        };
        self.publisher
            .handle_in_context(&event.to_string(), context)
            .await
    }

    /// The sum of the counts of a metric in all requests.
    fn count(&self, name: &str) -> f64 {
        let requests = self.requests.lock().unwrap();
        let data = requests.iter().flat_map(|request| &request.data);
        let data = data.filter(|datum| datum.name == name);
        data.flat_map(|datum| &datum.counts).sum()
    }
}

fn minutes_later(minutes: i64) -> Timestamp {
    now() + SignedDuration::from_mins(minutes)
}

fn taken(table: &ClaimsTable) -> Once {
    Once::new(table, |_, _| Answer::Taken)
}

/// A publisher whose CloudWatch answers the data of these operations with an error, while it is in
/// the list.
fn failing(table: &ClaimsTable, operations: &Arc<Mutex<Vec<&'static str>>>, error: Answer) -> Once {
    let operations = Arc::clone(operations);
    Once::new(table, move |_, request| {
        let failing = operations.lock().unwrap();
        let mut values = request.data.iter().flat_map(|datum| &datum.dimensions);
        if values.any(|(_, value)| failing.contains(&value.as_str())) {
            error
        } else {
            Answer::Taken
        }
    })
}

fn lines(operations: &[&str]) -> Value {
    let lines = operations
        .iter()
        .map(|operation| json!({"api_call": record(operation, 1.0)}).to_string());
    subscription(&lines.collect::<Vec<_>>())
}

/// The same lines as other log events.
fn other_lines() -> Value {
    let line = json!({"api_call": record("A", 1.0)}).to_string();
    subscription(&[line.clone(), line.clone(), line])
}

fn failures(response: &Value) -> Vec<&str> {
    let failures = response["batchItemFailures"].as_array().unwrap();
    let ids = failures
        .iter()
        .map(|failure| failure["itemIdentifier"].as_str());
    ids.collect::<Option<_>>().unwrap()
}

#[tokio::test]
async fn a_batch_of_log_events_that_is_delivered_again_counts_once() {
    let table = ClaimsTable::default();
    let first = taken(&table)
        .handle(&lines(&["A", "B"]), "1", 0)
        .await
        .unwrap();
    assert_eq!(
        (&first["accepted"], &first["published"]),
        (&json!(2), &json!(2))
    );

    let again = taken(&table);
    let second = again.handle(&lines(&["A", "B"]), "2", 1).await.unwrap();
    assert_eq!(
        (
            &second["accepted"],
            &second["published"],
            &second["duplicates"]
        ),
        (&json!(0), &json!(0), &json!(2))
    );
    assert_eq!(
        (
            again.count("ApiCallCount"),
            again.count("RepeatedDeliveries")
        ),
        (0.0, 1.0)
    );

    let third = again.handle(&other_lines(), "3", 1).await.unwrap();
    assert_eq!(third["accepted"], 3, "other events are another batch");
    assert!(
        table
            .ids()
            .iter()
            .all(|id| id.starts_with("delivery#logs#"))
    );
}

#[tokio::test]
async fn an_invocation_that_lambda_repeats_counts_once() {
    let (table, event) = (ClaimsTable::default(), json!([record("A", 1.0)]));
    let once = taken(&table);
    for (request_id, accepted) in [("1", 1), ("1", 0), ("2", 1), ("", 1), ("", 1)] {
        let response = once.handle(&event, request_id, 1).await.unwrap();
        assert_eq!(response["accepted"], accepted, "{request_id:?}");
    }
    assert_eq!(once.count("ApiCallCount"), 4.0);
    assert_eq!(
        table.ids(),
        ["delivery#invocation#1", "delivery#invocation#2"]
    );
}

#[tokio::test]
async fn a_delivery_without_anything_to_publish_is_not_claimed() {
    let table = ClaimsTable::default();
    let once = taken(&table);
    once.handle(&json!([]), "1", 0).await.unwrap();
    once.handle(&subscription(&[]), "2", 0).await.unwrap();
    assert_eq!(table.ids(), [""; 0]);
    assert!(once.requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_message_that_is_delivered_again_counts_once() {
    let table = ClaimsTable::default();
    let once = taken(&table);
    let batch = messages(&[record("A", 1.0), record("B", 1.0)]);
    assert_eq!(
        failures(&once.handle(&batch, "1", 0).await.unwrap()),
        [""; 0]
    );
    assert_eq!(table.ids(), ["delivery#message#m0", "delivery#message#m1"]);

    let batch = messages(&[record("A", 1.0), record("B", 1.0), record("C", 1.0)]);
    assert_eq!(
        failures(&once.handle(&batch, "2", 3).await.unwrap()),
        [""; 0]
    );
    assert_eq!(
        (once.count("ApiCallCount"), once.count("RepeatedDeliveries")),
        (3.0, 2.0)
    );
}

#[tokio::test]
async fn a_message_that_another_attempt_may_be_counting_is_delivered_again() {
    let table = ClaimsTable::default();
    let (one, other) = (taken(&table), taken(&table));
    let batch = messages(&[record("A", 1.0)]);
    one.handle(&batch, "1", 0).await.unwrap();
    let response = other.handle(&batch, "2", 0).await.unwrap();
    assert_eq!(
        (failures(&response), other.count("ApiCallCount")),
        (vec!["m0"], 0.0)
    );
    assert_eq!(table.ids().len(), 1, "the claim of the other attempt stays");
}

#[tokio::test]
async fn data_that_surely_were_not_counted_are_sent_with_the_next_delivery() {
    for error in [THROTTLED, Answer::Error(403, "AccessDeniedException")] {
        let table = ClaimsTable::default();
        let failing_operations = Arc::new(Mutex::new(vec!["A"]));
        let once = failing(&table, &failing_operations, error);
        let error = once.handle(&lines(&["A"]), "1", 0).await.unwrap_err();
        assert!(
            error.to_string().starts_with("2 of 2 data were not sent"),
            "{error}"
        );
        let response = once
            .handle(&messages(&[record("A", 1.0)]), "1", 0)
            .await
            .unwrap();
        assert_eq!(failures(&response), ["m0"]);
        assert_eq!(table.ids(), [""; 0]);

        failing_operations.lock().unwrap().clear();
        let logs = once.handle(&lines(&["A"]), "1", 1).await.unwrap();
        assert_eq!((&logs["published"], &logs["lost"]), (&json!(1), &json!(0)));
        let response = once
            .handle(&messages(&[record("A", 1.0)]), "1", 0)
            .await
            .unwrap();
        assert_eq!(failures(&response), [""; 0]);
    }
}

#[tokio::test]
async fn data_that_may_have_been_counted_are_lost() {
    let table = ClaimsTable::default();
    let failing_operations = Arc::new(Mutex::new(vec!["A"]));
    let once = failing(&table, &failing_operations, FAULT);
    let response = once.handle(&lines(&["A", "A"]), "1", 0).await.unwrap();
    assert_eq!(
        (
            &response["accepted"],
            &response["published"],
            &response["lost"]
        ),
        (&json!(2), &json!(0), &json!(2))
    );
    let response = once
        .handle(&messages(&[record("A", 1.0)]), "1", 0)
        .await
        .unwrap();
    assert_eq!(failures(&response), [""; 0]);
    assert_eq!((once.count("LostRecords"), table.ids().len()), (3.0, 2));

    failing_operations.lock().unwrap().clear();
    let again = once.handle(&lines(&["A", "A"]), "1", 1).await.unwrap();
    assert_eq!(
        (&again["accepted"], &again["duplicates"]),
        (&json!(0), &json!(2))
    );
}

#[tokio::test]
async fn a_request_is_repeated_only_if_it_surely_was_not_applied() {
    for (error, expected) in [(THROTTLED, 3), (FAULT, 1)] {
        let once = Once::new(&ClaimsTable::default(), move |_, _| error);
        let event = messages(&[record("A", 1.0)]);
        once.handle(&event, "1", 0).await.unwrap();
        let requests = once.requests.lock().unwrap();
        let sent = requests
            .iter()
            .filter(|request| request.data[0].name != "LostRecords");
        assert_eq!(sent.count(), expected);
    }
}

/// A publisher whose CloudWatch accepts the first request and its own counts only.
fn first_request_only(table: &ClaimsTable) -> Once {
    Once::new(table, |number, request| {
        if number == 0 || request.data[0].name == "LostRecords" {
            Answer::Taken
        } else {
            THROTTLED
        }
    })
}

/// Records whose data fill the first request.
fn first_request() -> Vec<Value> {
    let records = (0..500).map(|number| record(&format!("Op{number}"), 1.0));
    records.collect()
}

/// A record of the next minute, whose data are in the second request.
fn later_record() -> Value {
    let mut later = record("Z", 1.0);
    later["timestamp"] = (crate::support::NOW_MS + 60_000).into();
    later
}

#[tokio::test]
async fn the_rest_of_a_delivery_that_was_counted_in_part_is_lost() {
    let table = ClaimsTable::default();
    let once = first_request_only(&table);
    let records = [first_request(), vec![later_record(); 3]].concat();
    let response = once.handle(&json!(records), "1", 0).await.unwrap();
    assert_eq!(
        (&response["published"], &response["lost"]),
        (&json!(500), &json!(3))
    );
    assert_eq!(once.count("LostRecords"), 3.0);
    assert_eq!(table.ids(), ["delivery#invocation#1"]);
}

#[tokio::test]
async fn a_message_of_which_nothing_was_sent_is_delivered_again_alone() {
    let table = ClaimsTable::default();
    let once = first_request_only(&table);
    let mixed = json!([record("Op0", 1.0), later_record()]);
    let batch = messages(&[json!(first_request()), json!([later_record()]), mixed]);
    let response = once.handle(&batch, "1", 0).await.unwrap();
    assert_eq!(failures(&response), ["m1"]);
    assert_eq!(table.ids(), ["delivery#message#m0", "delivery#message#m2"]);
    assert_eq!(once.count("LostRecords"), 1.0, "the second record of m2");
}

#[tokio::test]
async fn a_message_without_a_valid_record_is_not_claimed() {
    let table = ClaimsTable::default();
    let once = taken(&table);
    let response = once
        .handle(&messages(&[json!("x"), record("A", 1.0)]), "1", 0)
        .await
        .unwrap();
    assert_eq!(failures(&response), ["m0"]);
    assert_eq!(table.ids(), ["delivery#message#m1"]);
}

#[tokio::test]
async fn messages_of_a_fifo_queue_after_a_failure_count_once() {
    let table = ClaimsTable::default();
    let once = taken(&table);
    let mut batch = messages(&[record("A", 1.0), json!("x"), record("B", 1.0)]);
    for message in batch["Records"].as_array_mut().unwrap() {
        message["eventSourceARN"] = "arn:aws:sqs:eu-central-1:123456789012:records.fifo".into();
    }
    let response = once.handle(&batch, "1", 0).await.unwrap();
    assert_eq!(failures(&response), ["m1", "m2"]);
    assert_eq!((once.count("ApiCallCount"), table.ids().len()), (1.0, 1));

    batch["Records"][1]["body"] = record("C", 1.0).to_string().into();
    let response = once.handle(&batch, "2", 3).await.unwrap();
    assert_eq!(failures(&response), [""; 0]);
    assert_eq!(once.count("ApiCallCount"), 3.0);
}

#[tokio::test]
async fn without_claims_nothing_is_sent() {
    let once = taken(&ClaimsTable::failing());
    let error = once.handle(&lines(&["A"]), "1", 0).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the delivery could not be claimed: "),
        "{error}"
    );
    let response = once
        .handle(&messages(&[record("A", 1.0)]), "2", 0)
        .await
        .unwrap();
    assert_eq!(failures(&response), ["m0"]);
    assert_eq!(once.count("ApiCallCount"), 0.0);
}

#[tokio::test]
async fn a_claim_whose_response_is_lost_is_repeated() {
    let table = ClaimsTable::losing_responses(1);
    let once = taken(&table);
    let response = once.handle(&lines(&["A"]), "1", 0).await.unwrap();
    assert_eq!(
        (&response["published"], once.count("ApiCallCount")),
        (&json!(1), 1.0)
    );
}

#[tokio::test]
async fn an_expired_claim_does_not_prevent_a_delivery() {
    let table = ClaimsTable::default();
    let once = taken(&table);
    let mut call = record("A", 1.0);
    call.as_object_mut().unwrap().remove("timestamp");
    for (minutes, accepted) in [(0, 1), (14 * 24 * 60, 0), (14 * 24 * 60 + 1, 1)] {
        let response = once.handle(&json!([call]), "1", minutes).await.unwrap();
        assert_eq!(response["accepted"], accepted, "after {minutes} minutes");
    }
}

#[tokio::test]
async fn more_messages_than_concurrent_requests_are_claimed() {
    let table = ClaimsTable::default();
    let bodies = vec![record("A", 1.0); 200];
    let response = taken(&table)
        .handle(&messages(&bodies), "1", 0)
        .await
        .unwrap();
    assert_eq!((failures(&response), table.ids().len()), (vec![], 200));
}

/// The answers of CloudWatch to one delivery.
fn answers() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0u8..3, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_message_counts_twice(
        deliveries in prop::collection::vec((prop::collection::vec(0usize..6, 1..6), answers()), 1..8),
        is_fifo in any::<bool>(),
    ) {
        let names = ["A", "B", "C", "D", "E", "F"];
        let table = ClaimsTable::default();
        let counted = Arc::new(Mutex::new([0.0; 6]));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        for (round, (delivery, answers)) in deliveries.into_iter().enumerate() {
            let (seen, first) = (Arc::clone(&counted), answers[0]);
            let once = Once::new(&table, move |number, request| {
                let answer = answers.get(number).copied().unwrap_or(first);
                // An error of a server may hide that the data were counted.
                if answer < 2 {
                    let mut seen = seen.lock().unwrap();
                    for datum in request.data.iter().filter(|datum| datum.name == "ApiCallCount") {
                        let place = names.iter().position(|name| datum.dimensions[1].1 == *name).unwrap();
                        seen[place] += datum.counts[0];
                    }
                }
                [Answer::Taken, FAULT, THROTTLED][usize::from(answer)]
            });
            let mut batch = messages(&delivery.iter().map(|message| record(names[*message], 1.0)).collect::<Vec<_>>());
            for (message, number) in batch["Records"].as_array_mut().unwrap().iter_mut().zip(&delivery) {
                message["messageId"] = names[*number].into();
                if is_fifo {
                    message["eventSourceARN"] = "arn:aws:sqs:eu-central-1:1:q.fifo".into();
                }
            }
            let minutes = i64::try_from(round).unwrap() * 3;
            runtime.block_on(once.handle(&batch, "", minutes)).unwrap();
        }
        prop_assert!(counted.lock().unwrap().iter().all(|count| *count <= 1.0), "{:?}", counted);
    }
}
