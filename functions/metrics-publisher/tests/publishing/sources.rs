//! Each source, from its event to what CloudWatch reads.

use serde_json::{Value, json};

use crate::support::{Answer, NOW_MS, handle, messages, publisher, record, subscription};
use crate::thresholds::{accepted_events, sending};

const LINE: &str = include_str!("line.json");

/// The answer to an event of which this many records were accepted and published, and nothing else
/// happened.
fn accepted(records: u64, requests: u32) -> Value {
    json!({
        "accepted": records,
        "rejected": [],
        "rejected_count": 0,
        "duplicates": 0,
        "skipped": 0,
        "published": records,
        "refused": 0,
        "lost": 0,
        "requests": requests,
        "events": 0,
    })
}

#[tokio::test]
async fn one_valid_record_is_one_request_and_is_counted_in_the_answer() {
    let (publisher, requests) = publisher(|_, _| Answer::Taken);
    let mut failed = record("Charge", 12.5);
    failed["success"] = false.into();
    let answer = handle(&publisher, &json!({"records": [failed]}))
        .await
        .unwrap();
    assert_eq!(answer, accepted(1, 1));
    let request = requests.lock().unwrap().remove(0);
    assert_eq!(request.namespace, "CustomApp/NetworkMetrics");
    let told: Vec<_> = request
        .data
        .iter()
        .map(|datum| {
            (
                datum.name.as_str(),
                datum.unit.as_str(),
                datum.values.as_slice(),
                datum.counts.as_slice(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("ApiCallDuration", "Milliseconds", &[12.5][..], &[1.0][..]),
            ("ApiCallCount", "Count", &[1.0], &[1.0]),
            ("ApiErrorCount", "Count", &[1.0], &[1.0]),
        ]
    );
    assert_eq!(
        request.data[1].dimensions,
        [
            ("Service", "billing"),
            ("Operation", "Charge"),
            ("Status", "Error")
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert!(
        request
            .data
            .iter()
            .all(|datum| datum.timestamp == (NOW_MS / 60_000 * 60) as f64)
    );
}

#[tokio::test]
async fn an_empty_batch_calls_nobody() {
    let (publisher, requests) = publisher(|_, _| Answer::Error(500, "InternalServiceFault"));
    let answer = handle(&publisher, &json!({"records": []})).await.unwrap();
    assert_eq!(answer, accepted(0, 0));
    assert_eq!(
        handle(&publisher, &messages(&[])).await.unwrap(),
        json!({"batchItemFailures": []})
    );
    handle(&publisher, &subscription(&[])).await.unwrap();
    assert!(requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_bad_record_amid_ten_is_named_and_the_others_are_published() {
    let (publisher, requests) = publisher(|_, _| Answer::Taken);
    let mut records = vec![record("Charge", 1.0); 10];
    records[4]["duration_ms"] = (-1).into();
    let answer = handle(&publisher, &json!({ "records": records }))
        .await
        .unwrap();
    let rejected = json!([{"index": 4, "reason": "`duration_ms` is negative"}]);
    let mut expected = accepted(9, 1);
    (expected["rejected"], expected["rejected_count"]) = (rejected, json!(1));
    assert_eq!(answer, expected);
    let data = requests.lock().unwrap().remove(0).data;
    let of = |name: &str| {
        data.iter()
            .find(|datum| datum.name == name)
            .unwrap()
            .counts
            .clone()
    };
    assert_eq!(
        (of("ApiCallDuration"), of("RejectedRecords")),
        (vec![9.0], vec![1.0])
    );
}

#[tokio::test]
async fn lines_of_the_access_log_become_metrics_by_route() {
    let (publisher, requests) = publisher(|_, _| Answer::Taken);
    let lines = vec![LINE.trim().to_owned(); 3];
    let answer = handle(&publisher, &subscription(&lines)).await.unwrap();
    assert_eq!(answer["accepted"], 3);
    let data = requests.lock().unwrap().remove(0).data;
    let told: Vec<_> = data
        .iter()
        .map(|datum| (datum.name.as_str(), datum.counts[0]))
        .collect();
    assert_eq!(
        told,
        [
            ("Requests", 3.0),
            ("Latency", 3.0),
            ("IntegrationLatency", 3.0),
            ("AuthorizerLatency", 3.0),
            ("Decisions", 3.0)
        ]
    );
    assert_eq!(
        data[0].dimensions[0],
        ("Route".to_owned(), "GET /orders".to_owned())
    );
}

#[tokio::test]
async fn a_delivery_that_cannot_be_decoded_is_an_error_with_a_reason() {
    let (publisher, requests) = publisher(|_, _| Answer::Taken);
    for (data, problem) in [
        ("###", "invalid base64"),
        ("AAAA", "invalid gzip"),
        ("", "invalid gzip"),
    ] {
        let error = handle(&publisher, &json!({"awslogs": {"data": data}}))
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(problem), "{error}");
    }
    assert!(requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_event_of_unknown_form_is_an_error_that_names_the_known_ones() {
    let (publisher, _) = publisher(|_, _| Answer::Taken);
    let error = handle(&publisher, &json!({"Records": [{"eventSource": "aws:s3"}]}))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("records") && error.contains("SQS") && error.contains("scheduled"),
        "{error}"
    );
}

#[tokio::test]
async fn no_state_is_kept_between_events() {
    let (publisher, requests) = publisher(|number, _| match number {
        0 => Answer::Error(400, "AccessDenied"),
        _ => Answer::Taken,
    });
    let event = json!({"records": [record("First", 1.0)]});
    handle(&publisher, &event).await.unwrap_err();
    let answer = handle(&publisher, &json!({"records": [record("Second", 1.0)]}))
        .await
        .unwrap();
    assert_eq!(answer["accepted"], 1);
    let data = requests.lock().unwrap().remove(1).data;
    assert!(data.iter().all(|datum| datum.dimensions[1].1 == "Second"));
}

#[tokio::test]
async fn events_of_the_project_are_understood() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("metrics-publisher.") || name.contains("schedule") {
            continue;
        }
        seen += 1;
        let (publisher, _, _) = sending(accepted_events);
        let event = std::fs::read_to_string(&path).unwrap();
        let answer = publisher
            .handle_at(&event, crate::support::now(), crate::support::patient())
            .await;
        assert_eq!(
            answer.is_err(),
            name.contains("unknown"),
            "{name}: {answer:?}"
        );
        let rejected = answer
            .ok()
            .and_then(|answer| Some(answer.get("rejected")?.as_array()?.len()))
            .unwrap_or(0);
        assert_eq!(rejected > 0, name.contains("rejected"), "{name}");
    }
    assert!(seen >= 5, "{seen}");
}

#[tokio::test]
async fn comparisons_of_a_candidate_are_one_metric_with_their_results() {
    let (publisher, requests) = publisher(|_, _| Answer::Taken);
    let line = |evaluated: u64, differs: u64, unknown: u64| {
        json!({"level": "INFO", "event": "candidate_decisions", "evaluated": evaluated,
            "differs": differs, "unknown": unknown, "unlogged": 0,
            "message": "candidate decisions counted"})
        .to_string()
    };
    let delivery = subscription(&[line(100, 20, 10), line(50, 5, 0), line(5, 6, 0)]);

    let answer = handle(&publisher, &delivery).await.unwrap();
    assert_eq!(
        (&answer["accepted"], &answer["rejected"]),
        (
            &json!(2),
            &json!([{"index": 2, "reason": "`differs` and `unknown` are more than `evaluated`"}])
        )
    );
    let request = requests.lock().unwrap().remove(0);
    let mut found: Vec<_> = request
        .data
        .iter()
        .filter(|datum| datum.name == "CandidateDecisions")
        .map(|datum| (datum.dimensions[0].clone(), datum.counts.clone()))
        .collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    let result = |value: &str, count: f64| (("Result".to_owned(), value.to_owned()), vec![count]);
    assert_eq!(
        found,
        [
            result("differs", 25.0),
            result("same", 115.0),
            result("unknown", 10.0)
        ]
    );
}
