//! Tests of the check of starts.

use serde_json::json;

use crate::tests::recorded::Recorded;
use crate::verdict::Status;

use super::*;

const LOG: &str = "logs.FilterLogEvents@initReport.json";
const DECIDED: &str = "logs.FilterLogEvents@decided.json";
const CAUSE: &str = "logs.FilterLogEvents@logStreamNames.json";
const METRICS: &str = "monitoring.GetMetricData@Resource.xml";
const NAME: &str = "function tollgate-AuthorizerFunction-AbCdEfGh:live";

async fn verdict(recorded: Recorded) -> Verdict {
    check(&recorded.stack().await).await.unwrap()
}

/// Returns a stack with a failed start of a version, and with lines before it.
fn failing(version: &str, lines: &[&str]) -> Recorded {
    let stream = format!("2026/11/28/tollgate-AuthorizerFunction-AbCdEfGh[{version}]0a1b2c");
    let event = |message: &str| {
        json!({
            "logStreamName": stream,
            "timestamp": 1_795_866_000_000_i64,
            "message": message,
            "ingestionTime": 1_795_866_000_500_i64,
            "eventId": "37193875000000000000000000000000000000000000000000000000",
        })
    };
    let report = json!({
        "time": "2026-11-28T11:40:00.000Z",
        "type": "platform.initReport",
        "record": {
            "initializationType": "on-demand",
            "phase": "init",
            "status": "error",
            "errorType": "Runtime.ExitError",
            "metrics": {"durationMs": 62.1},
        },
    });
    let report = report.to_string();
    let before: Vec<_> = lines
        .iter()
        .copied()
        .chain([report.as_str()])
        .map(event)
        .collect();
    Recorded::healthy()
        .answering(LOG, json!({"events": [event(&report)]}).to_string())
        .answering(CAUSE, json!({"events": before}).to_string())
}

#[tokio::test]
async fn invocations_without_failed_starts_pass() {
    let verdict = verdict(Recorded::healthy()).await;
    assert_eq!(verdict.status, Status::Ok);
    assert_eq!(
        verdict.details,
        [
            "no failed start of version 3 in the log".to_owned(),
            format!("{NAME} is version 3, with 250 invocations since 2026-11-28T11:00:00Z"),
        ]
    );
}

#[tokio::test]
async fn failed_start_is_shown_with_its_cause() {
    let line = r#"{"level":"ERROR","message":"the function cannot run","variable":"AUTH_POLICY","error":"AUTH_POLICY: rules[1].auth: unknown value"}"#;
    let verdict = verdict(failing("3", &[r#"{"level":"INFO","message":"x"}"#, line])).await;
    assert_eq!(
        verdict,
        Verdict::failed(format!(
            "{NAME}: 1 starts of version 3 failed, the last one with: AUTH_POLICY: rules[1].auth: \
             unknown value"
        ))
    );
}

#[tokio::test]
async fn error_of_the_function_is_a_failed_start() {
    let error = json!({
        "level": "ERROR",
        "message": "the function cannot run",
        "error": "AUTH_POLICY: front.secret: not found",
    });
    let line = json!({
        "logStreamName": "2026/11/28/[3]0a1b2c",
        "timestamp": 1_795_866_000_000_i64,
        "message": format!("{error}\n"),
    });
    let page = json!({"events": [line]}).to_string();
    let recorded = Recorded::healthy()
        .answering(LOG, page.clone())
        .answering(CAUSE, page);
    let verdict = verdict(recorded).await;
    assert_eq!(verdict.status, Status::Failed);
    assert!(verdict.details[0].ends_with("front.secret: not found"));
}

#[tokio::test]
async fn logged_error_is_the_cause() {
    let line = r#"{"level":"ERROR","message":"cannot read the policy","problem":"timeout"}"#;
    let verdict = verdict(failing("3", &[line])).await;
    assert!(verdict.details[0].ends_with("with: cannot read the policy: timeout"));
}

#[tokio::test]
async fn failed_start_without_a_cause_fails_too() {
    let verdict = verdict(failing("3", &[])).await;
    assert_eq!(verdict.status, Status::Failed);
    assert!(verdict.details[0].ends_with("with: Runtime.ExitError"));
}

#[tokio::test]
async fn failed_start_of_an_earlier_version_does_not_count() {
    assert_eq!(verdict(failing("2", &[])).await.status, Status::Ok);
}

/// Returns a stack without invocations in the metrics.
fn without_metrics() -> Recorded {
    Recorded::healthy().with(METRICS, |text| {
        let (before, after) = text.split_once("<Values>").unwrap();
        let (_, after) = after.split_once("</Values>").unwrap();
        format!("{before}<Values/>{after}")
    })
}

#[tokio::test]
async fn logged_decision_shows_the_start_before_the_metrics() {
    let verdict = verdict(without_metrics()).await;
    assert_eq!(verdict.status, Status::Ok);
    assert_eq!(
        verdict.details[1],
        format!("{NAME} is version 3, which has decided on requests since 2026-11-28T11:00:00Z")
    );
}

#[tokio::test]
async fn decision_of_an_earlier_version_proves_nothing() {
    let earlier = without_metrics().with(DECIDED, |text| text.replace("[3]", "[2]"));
    assert_eq!(verdict(earlier).await.status, Status::NotProven);
}

#[tokio::test]
async fn authorizer_without_requests_proves_nothing() {
    let recorded = without_metrics().answering(DECIDED, r#"{"events": []}"#);
    let verdict = verdict(recorded).await;
    assert_eq!(verdict.status, Status::NotProven);
    assert_eq!(
        verdict.details[0],
        format!(
            "{NAME} has not been invoked since 2026-11-28T11:00:00Z, so nothing shows that \
             version 3 starts"
        )
    );
}

#[tokio::test]
async fn endless_log_proves_nothing() {
    let page = r#"{"events": [], "nextToken": "more"}"#;
    let verdict = verdict(Recorded::healthy().answering(LOG, page)).await;
    assert_eq!(verdict.status, Status::NotProven);
    assert_eq!(
        verdict.details[0],
        "the log is so large that only its beginning was read"
    );
}

#[tokio::test]
async fn window_begins_with_the_version() {
    let configuration = "lambda.GET@AuthorizerFunction-AbCdEfGh~configuration.json";
    let recorded = Recorded::healthy().with(configuration, |text| {
        text.replace(
            "2026-11-20T10:00:00.000+0000",
            "2026-11-28T11:50:00.000+0000",
        )
    });
    let verdict = verdict(recorded).await;
    assert!(verdict.details[1].contains("since 2026-11-28T11:50:00Z"));
}

#[tokio::test]
async fn missing_permissions_are_no_failure() {
    let result = verdict(Recorded::healthy().denied(METRICS)).await;
    assert_eq!(result.status, Status::NotChecked);
    assert_eq!(
        result.details,
        [
            "needs cloudwatch:GetMetricData",
            "apart from that: no failed start of version 3 in the log"
        ]
    );

    let result = verdict(Recorded::healthy().denied(LOG)).await;
    assert_eq!(result.status, Status::NotChecked);
    assert_eq!(result.details[0], "needs logs:FilterLogEvents");
}

#[tokio::test]
async fn missing_alias_fails() {
    let configuration = "lambda.GET@AuthorizerFunction-AbCdEfGh~configuration.json";
    let verdict = verdict(Recorded::healthy().missing(configuration)).await;
    assert_eq!(verdict, Verdict::failed(format!("{NAME} does not exist")));
}

#[tokio::test]
async fn failed_start_is_found_without_the_metrics() {
    let verdict = verdict(failing("3", &[]).denied(METRICS)).await;
    assert_eq!(verdict.status, Status::Failed);
}
