//! The daily request to `GET /health`.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::aws::{Call, Service, Unread, text};
use crate::check::{Check, Group};
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::metric::{Metric, Statistic, in_seconds, namespace, sum};

const CHECK: Check = Check {
    id: "health-request",
    group: Group::Monitoring,
    title: "The last daily request to GET /health succeeded",
    explanation: "EventBridge sends the request from outside, through the API and the VPC link to \
                  a service. It also keeps the VPC link from becoming inactive. The \
                  check cannot distinguish it from requests of other clients to the same route in \
                  the hour after it.",
    fix: "See the access log for the status and the integration error of the route `GET /health`, \
          and the section ScheduleDeadLettersAlarm in docs/operations/runbook.md.",
    permissions: &["cloudwatch:GetMetricStatistics", "logs:FilterLogEvents"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

const ROUTE: &str = "GET /health";
/// The period of the rule and its delay.
const WINDOW: SignedDuration = SignedDuration::from_hours(25);
/// The time in which EventBridge repeats the request.
const RETRIES: SignedDuration = SignedDuration::from_hours(1);
/// The time until the request is in the metrics or the log.
const DELAY: SignedDuration = SignedDuration::from_mins(10);
/// The most lines of the access log that are read.
const MAX_LINES: u32 = 100;

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let Some(rule) = stack.resource("HealthRule") else {
        return Ok(Verdict::not_applicable("the stack sends no daily request"));
    };
    let invocations = Metric {
        namespace: "AWS/Events",
        dimensions: &[("RuleName", &rule.id)],
        name: "Invocations",
    };
    let sent = invocations.points(stack, Statistic::Sum, WINDOW).await?;
    let Some(sent) = sent.iter().rfind(|point| point.value > 0.0) else {
        return Ok(Verdict::not_proven(format!(
            "no daily request was sent in the last {WINDOW:#}"
        )));
    };

    // Metrics have the begin of a period of five minutes.
    let end = (sent.at + RETRIES).min(in_seconds(stack.now()));
    let statuses = if stack.publishes_metrics() {
        published_statuses(stack, (sent.at, end)).await?
    } else {
        logged_statuses(stack, (sent.at, end)).await?
    };
    Ok(verdict(sent.at, &statuses, stack.now()))
}

/// Decides by the responses to the route since the request: classes such as `2xx`, or statuses.
fn verdict(sent: Timestamp, statuses: &[String], now: Timestamp) -> Verdict {
    if statuses.iter().any(|status| status.starts_with('2')) {
        return Verdict::ok(format!("the request of {sent} to {ROUTE} succeeded"));
    }
    if !statuses.is_empty() {
        let statuses = statuses.join(", ");
        return Verdict::failed(format!(
            "the request of {sent} to {ROUTE} got {statuses}, expected 2xx"
        ));
    }
    let ready = sent + DELAY;
    if ready > now {
        return Verdict::not_proven(format!(
            "the response to the request of {sent} is not visible yet, check again at {ready}"
        ));
    }
    Verdict::failed(format!("the request of {sent} did not reach {ROUTE}"))
}

async fn published_statuses(
    stack: &Stack,
    times: (Timestamp, Timestamp),
) -> Result<Vec<String>, Unread> {
    let namespace = namespace(stack);
    let mut found = Vec::new();
    for class in ["2xx", "4xx", "5xx"] {
        let metric = Metric {
            namespace: &namespace,
            dimensions: &[("Route", ROUTE), ("StatusClass", class)],
            name: "Requests",
        };
        let points = metric.points_between(stack, Statistic::Sum, times).await?;
        if sum(&points) > 0.0 {
            found.push(class.to_owned());
        }
    }
    Ok(found)
}

async fn logged_statuses(
    stack: &Stack,
    (start, end): (Timestamp, Timestamp),
) -> Result<Vec<String>, Unread> {
    let group = stack.output("AccessLogGroup").unwrap_or_default();
    let body = json!({
        "logGroupName": group,
        "startTime": start.as_millisecond(),
        "endTime": end.as_millisecond(),
        "filterPattern": format!("{{ $.route_key = \"{ROUTE}\" }}"),
        "limit": MAX_LINES,
    });
    let call = Call::json(Service::Logs, "FilterLogEvents", &body);
    let events = stack.account().read_all(&call, "/events").await?;

    let status = |event: &Value| -> Option<String> {
        let line: Value = serde_json::from_str(text(&event["message"])).ok()?;
        Some(text(&line["status"]).to_owned())
    };
    let mut statuses: Vec<String> = events.iter().filter_map(status).collect();
    statuses.sort();
    statuses.dedup();
    Ok(statuses)
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const SENT: &str =
        "monitoring.GetMetricStatistics@HealthRule-AbCdEfGh&MetricName=Invocations.xml";
    const SUCCEEDED: &str = "monitoring.GetMetricStatistics@=2xx&MetricName=Requests.xml";
    const FAILED: &str = "monitoring.GetMetricStatistics@=5xx&MetricName=Requests.xml";
    const LOG: &str = "logs.FilterLogEvents@~health.json";
    const EMPTY: &str = "<GetMetricStatisticsResponse><GetMetricStatisticsResult><Datapoints/></GetMetricStatisticsResult></GetMetricStatisticsResponse>";

    async fn outcome(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await)
            .await
            .unwrap_or_else(Into::into)
    }

    fn without_metrics() -> Recorded {
        Recorded::healthy().with_parameter("PublishMetrics", "false")
    }

    #[tokio::test]
    async fn successful_request_passes() {
        for recorded in [Recorded::healthy(), without_metrics()] {
            let verdict = outcome(recorded).await;
            let detail = "the request of 2026-11-28T09:10:00Z to GET /health succeeded";
            assert_eq!(verdict, Verdict::ok(detail));
        }
    }

    #[tokio::test]
    async fn failed_request_fails_with_its_status() {
        let body = "<GetMetricStatisticsResponse><GetMetricStatisticsResult><Datapoints><member>\
                    <Timestamp>2026-11-28T09:10:00Z</Timestamp><Sum>1.0</Sum>\
                    </member></Datapoints></GetMetricStatisticsResult></GetMetricStatisticsResponse>";
        let recorded = Recorded::healthy()
            .answering(SUCCEEDED, EMPTY)
            .answering(FAILED, body);
        let verdict = outcome(recorded).await;
        let expected = "the request of 2026-11-28T09:10:00Z to GET /health got 5xx, expected 2xx";
        assert_eq!(verdict, Verdict::failed(expected));

        let logged = without_metrics().with(LOG, |text| text.replace("\\\"200\\\"", "\\\"503\\\""));
        let verdict = outcome(logged).await;
        assert!(
            verdict.details[0].ends_with("got 503, expected 2xx"),
            "{verdict:?}"
        );
    }

    #[tokio::test]
    async fn request_that_did_not_arrive_fails() {
        let verdict = outcome(Recorded::healthy().answering(SUCCEEDED, EMPTY)).await;
        assert_eq!(verdict.status, Status::Failed);
        assert!(verdict.details[0].ends_with("did not reach GET /health"));
    }

    #[tokio::test]
    async fn recent_or_missing_request_is_not_proven() {
        let recent = Recorded::healthy()
            .answering(SUCCEEDED, EMPTY)
            .with(SENT, |text| text.replace("T09:10:", "T11:55:"));
        let recent = outcome(recent).await;
        assert_eq!(recent.status, Status::NotProven);
        assert!(recent.details[0].ends_with("check again at 2026-11-28T12:05:00Z"));

        let missing = outcome(Recorded::healthy().answering(SENT, EMPTY)).await;
        assert_eq!(
            missing,
            Verdict::not_proven("no daily request was sent in the last 25h")
        );
    }

    #[tokio::test]
    async fn missing_permissions_are_no_failures() {
        for recorded in [
            Recorded::healthy().denied(SENT),
            without_metrics().denied(LOG),
        ] {
            assert_eq!(outcome(recorded).await.status, Status::NotChecked);
        }
    }
}
