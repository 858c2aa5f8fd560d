//! Tests of the check of log groups.

use crate::tests::recorded::Recorded;
use crate::verdict::Status;

use super::*;

const LIMITER: &str = "logs.DescribeLogGroups@tollgate-limiter.json";
const SUBSCRIPTIONS: &str = "logs.DescribeSubscriptionFilters@tollgate-limiter.json";
const METRIC_FILTERS: &str = "logs.DescribeMetricFilters@tollgate-authorizer.json";
const STREAMS: &str = "logs.DescribeLogStreams@access-456789abcdef.json";
const ACCESS_LOG: &str = "log group /aws/vendedlogs/tollgate/access-456789abcdef";
const NAME: &str = "log group /aws/lambda/tollgate-limiter";

async fn verdict(recorded: Recorded) -> Verdict {
    check(&recorded.stack().await).await.unwrap()
}

async fn replaced(name: &str, from: &str, to: &str) -> Verdict {
    verdict(Recorded::healthy().with(name, |text| text.replace(from, to))).await
}

#[tokio::test]
async fn logs_of_the_template_pass() {
    let verdict = verdict(Recorded::healthy()).await;
    assert_eq!(verdict.status, Status::Ok);
    assert_eq!(
        verdict.details,
        [
            "5 log groups are as in the template",
            "5 filters are as in the template"
        ]
    );
}

#[tokio::test]
async fn another_retention_fails() {
    assert_eq!(
        replaced(
            LIMITER,
            "\"retentionInDays\": 365",
            "\"retentionInDays\": 7"
        )
        .await,
        Verdict::failed(format!("{NAME} keeps lines for 7 days, expected 365 days"))
    );
    assert_eq!(
        replaced(LIMITER, "\"retentionInDays\": 365,", "").await,
        Verdict::failed(format!("{NAME} keeps lines for ever, expected 365 days"))
    );
}

#[tokio::test]
async fn key_of_the_parameter_is_required() {
    let key = "arn:aws:kms:eu-west-1:111122223333:key/0123";
    let verdict = verdict(Recorded::healthy().with_parameter("KmsKeyArn", key)).await;
    assert_eq!(verdict.status, Status::Failed);
    assert_eq!(verdict.details.len(), 5);
    let expected = format!("is encrypted with a key that AWS owns, expected {key}");
    assert!(verdict.details[0].ends_with(&expected));
}

#[tokio::test]
async fn deleted_log_group_fails() {
    let recorded = Recorded::healthy().answering(LIMITER, "{\"logGroups\": []}");
    let expected = Verdict::failed(format!("{NAME} does not exist"));
    assert_eq!(verdict(recorded).await, expected);
}

#[tokio::test]
async fn missing_subscription_fails() {
    let expected = Verdict::failed(format!(
        "{NAME} has no subscription to tollgate-MetricsPublisherFunction-AbCdEfGh \
         (LimiterLogSubscription)"
    ));
    let none = Recorded::healthy().answering(SUBSCRIPTIONS, "{\"subscriptionFilters\": []}");
    assert_eq!(verdict(none).await, expected);
    let elsewhere = replaced(SUBSCRIPTIONS, "MetricsPublisherFunction", "Other");
    assert_eq!(elsewhere.await, expected);
}

#[tokio::test]
async fn another_pattern_fails() {
    let verdict = replaced(SUBSCRIPTIONS, "Open", "Closed").await;
    assert_eq!(
        verdict,
        Verdict::failed(format!(
            "{NAME}: the subscription to tollgate-MetricsPublisherFunction-AbCdEfGh has the \
             pattern `{{ ($.api_calls[0].service = \"*\") || ($.to = \"Closed\") }}`, expected \
             `{{ ($.api_calls[0].service = \"*\") || ($.to = \"Open\") }}` \
             (LimiterLogSubscription)"
        ))
    );
}

#[tokio::test]
async fn filter_of_the_faults_is_required() {
    let group = "log group /aws/lambda/tollgate-authorizer";
    let none = Recorded::healthy().answering(METRIC_FILTERS, "{\"metricFilters\": []}");
    assert_eq!(
        verdict(none).await,
        Verdict::failed(format!(
            "{group} has no filter for the metric AuthorizerFaults (AuthorizerFaultsFilter)"
        ))
    );
    let verdict = replaced(METRIC_FILTERS, "\\\"fault\\\"", "\\\"none\\\"").await;
    assert_eq!(verdict.status, Status::Failed);
    assert!(verdict.details[0].contains("has the pattern `{ ($.reason = \"none\")"));
}

#[tokio::test]
async fn access_log_without_lines_proves_nothing() {
    let recorded = Recorded::healthy().answering(STREAMS, "{\"logStreams\": []}");
    let verdict = verdict(recorded).await;
    assert_eq!(verdict.status, Status::NotProven);
    assert_eq!(
        verdict.details,
        [
            format!("{ACCESS_LOG} has no lines yet"),
            "apart from that: 5 log groups are as in the template".to_owned(),
            "apart from that: 5 filters are as in the template".to_owned(),
        ]
    );
}

#[tokio::test]
async fn old_access_log_proves_nothing() {
    let stack = Recorded::healthy().stack().await;
    let later = "2026-11-30T12:00:00Z".parse().unwrap();
    let verdict = check(&stack.at(later)).await.unwrap();
    assert_eq!(verdict.status, Status::NotProven);
    assert_eq!(
        verdict.details[0],
        format!("{ACCESS_LOG}: the newest line is of 2026-11-28T11:58:00Z, 48 hours ago")
    );
}

#[tokio::test]
async fn missing_permissions_are_no_failure() {
    for (name, permission, groups, filters) in [
        (LIMITER, "needs logs:DescribeLogGroups", 4, 5),
        (
            SUBSCRIPTIONS,
            "needs logs:DescribeSubscriptionFilters",
            5,
            4,
        ),
        (METRIC_FILTERS, "needs logs:DescribeMetricFilters", 5, 4),
        (STREAMS, "needs logs:DescribeLogStreams", 5, 5),
    ] {
        let verdict = verdict(Recorded::healthy().denied(name)).await;
        assert_eq!(verdict.status, Status::NotChecked, "{name}");
        let known = [
            format!("apart from that: {groups} log groups are as in the template"),
            format!("apart from that: {filters} filters are as in the template"),
        ];
        assert_eq!(verdict.details[0], permission);
        assert_eq!(verdict.details[1..], known);
    }
}
