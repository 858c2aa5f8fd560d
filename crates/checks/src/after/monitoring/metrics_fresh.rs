//! The age of the published metrics.

use jiff::{SignedDuration, Timestamp};

use crate::aws::Unread;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::metric::{Metric, Statistic, in_seconds, namespace, search, sum};

const CHECK: Check = Check {
    id: "metrics-fresh",
    group: Group::Monitoring,
    title: "The metrics publisher publishes the requests and the probes of the last hour",
    explanation: "The access log reaches CloudWatch through a subscription and the metrics \
                  publisher. If one of them stops, dashboards and alarms show zero. API Gateway \
                  counts requests itself, so both counts are compared. Reading the series costs \
                  $0.01 per 1,000.",
    fix: "See the sections MetricsStoppedAlarm and MetricsRejectedAlarm in \
          docs/operations/runbook.md. Without requests, send one and check again after ten \
          minutes.",
    permissions: &["cloudwatch:GetMetricStatistics", "cloudwatch:GetMetricData"],
    evidence: Some("Access-log lines become metrics with the right counts."),
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

/// The time in which requests are compared.
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// The time until a request is in the metrics of the publisher.
const DELAY: SignedDuration = SignedDuration::from_mins(10);
/// The time in which a probe of every 15 minutes has to be visible.
const PROBE_WINDOW: SignedDuration = SignedDuration::from_mins(30);
/// The time per value, in seconds, when series are searched.
const SEARCH_PERIOD: u32 = 300;

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    if !stack.publishes_metrics() {
        return Ok(Verdict::not_applicable("the stack publishes no metrics"));
    }

    let (api, rule) = (stack.resource("Api"), stack.resource("ProbeRule"));
    if api.is_none() && rule.is_none() {
        return Ok(Verdict::not_proven(
            "the stack has neither an API nor probes, so no metric is expected",
        ));
    }

    let mut findings = Findings::default();
    if let Some(api) = api {
        look_at_requests(stack, &api.id, &mut findings).await;
    }
    if let Some(rule) = rule {
        look_at_probes(stack, rule.updated, &mut findings).await;
    }
    Ok(findings.into_verdict())
}

/// Compares the requests that API Gateway counted with those of the publisher.
async fn look_at_requests(stack: &Stack, api: &str, findings: &mut Findings) {
    let end = in_seconds(stack.now() - DELAY);
    let counted = Metric {
        namespace: "AWS/ApiGateway",
        dimensions: &[("ApiId", api)],
        name: "Count",
    };
    let counted = counted
        .points_between(stack, Statistic::Sum, (end - HOUR, end))
        .await;
    let Some(counted) = findings.take("the requests of the API", counted) else {
        return;
    };
    let counted = sum(&counted);
    if counted <= 0.0 {
        return findings.unproven(format!(
            "the API had no requests in the hour before {end}, so their metrics are not shown"
        ));
    }

    let expression = expression(stack, "Route,StatusClass", "Requests", "Sum");
    let times = (end - HOUR, in_seconds(stack.now()));
    let published = search(stack, &expression, times).await;
    let Some(published) = findings.take("the published requests", published) else {
        return;
    };
    let published: f64 = published.iter().map(|series| sum(&series.points)).sum();
    let namespace = namespace(stack);
    if published <= 0.0 {
        findings.problem(format!(
            "the API had {counted} requests in the hour before {end}, and none is in {namespace}"
        ));
    } else if published * 2.0 < counted {
        findings.warning(format!(
            "the API had {counted} requests in the hour before {end}, and {namespace} shows only \
             {published} since then"
        ));
    } else {
        findings.fact(format!("{namespace} has the requests of the last hour"));
    }
}

/// Looks for probes, and for services that no probe reached.
async fn look_at_probes(stack: &Stack, deployed: Option<Timestamp>, findings: &mut Findings) {
    let expression = expression(stack, "Service", "EndpointReachable", "Minimum");
    let now = in_seconds(stack.now());
    let probes = search(stack, &expression, (now - PROBE_WINDOW, now)).await;
    let Some(probes) = findings.take("the probes", probes) else {
        return;
    };

    let probes: Vec<_> = probes.iter().filter(|it| !it.points.is_empty()).collect();
    if probes.is_empty() {
        match deployed.map(|deployed| deployed + PROBE_WINDOW) {
            Some(first) if first > now => findings.unproven(format!(
                "the probes were deployed less than {PROBE_WINDOW:#} ago, check again at {}",
                in_seconds(first)
            )),
            _ => findings.problem(format!(
                "no probe has a metric in the last {PROBE_WINDOW:#}"
            )),
        }
        return;
    }
    for probe in &probes {
        let label = &probe.label;
        if probe.points.last().is_some_and(|last| last.value < 1.0) {
            findings.warning(format!("the last probe of {label} could not connect"));
        }
    }
    findings.fact(format!("{} services are probed", probes.len()));
}

/// Returns the search for all series of a metric in the namespace of the stack.
fn expression(stack: &Stack, dimensions: &str, metric: &str, statistic: &str) -> String {
    let namespace = namespace(stack);
    format!(
        "SEARCH('{{\"{namespace}\",{dimensions}}} MetricName=\"{metric}\"', '{statistic}', \
         {SEARCH_PERIOD})"
    )
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const COUNT: &str = "monitoring.GetMetricStatistics@a1b2c3d4e5&MetricName=Count.xml";
    const REQUESTS: &str = "monitoring.GetMetricData@Requests.xml";
    const PROBES: &str = "monitoring.GetMetricData@EndpointReachable.xml";
    const EMPTY: &str = "<GetMetricDataResponse><GetMetricDataResult><MetricDataResults/></GetMetricDataResult></GetMetricDataResponse>";

    async fn verdict(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    #[tokio::test]
    async fn fresh_metrics_pass() {
        let verdict = verdict(Recorded::healthy()).await;
        assert_eq!(verdict.status, Status::Ok);
        assert_eq!(
            verdict.details,
            [
                "Tollgate/tollgate has the requests of the last hour",
                "1 services are probed"
            ]
        );
    }

    #[tokio::test]
    async fn missing_requests_fail() {
        let verdict = verdict(Recorded::healthy().answering(REQUESTS, EMPTY)).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details[0],
            "the API had 120 requests in the hour before 2026-11-28T11:50:00Z, \
             and none is in Tollgate/tollgate"
        );
    }

    #[tokio::test]
    async fn lost_requests_are_a_warning() {
        let recorded = Recorded::healthy().with(COUNT, |text| text.replace("60.0", "200.0"));
        assert_eq!(verdict(recorded).await.status, Status::Warning);
    }

    #[tokio::test]
    async fn api_without_requests_is_not_proven() {
        let empty = "<GetMetricStatisticsResponse><GetMetricStatisticsResult><Datapoints/></GetMetricStatisticsResult></GetMetricStatisticsResponse>";
        let verdict = verdict(Recorded::healthy().answering(COUNT, empty)).await;
        assert_eq!(verdict.status, Status::NotProven);
        assert!(verdict.details[0].starts_with("the API had no requests in the hour before"));
    }

    #[tokio::test]
    async fn missing_probes_fail_or_are_not_proven_yet() {
        let recorded = Recorded::healthy().answering(PROBES, EMPTY);
        let old = verdict(recorded.clone()).await;
        assert_eq!(old.status, Status::Failed);
        assert!(
            old.details[0].starts_with("no probe has a metric in the last 30m"),
            "{old:?}"
        );

        let recorded = recorded.with("cloudformation.ListStackResources.xml", |text| {
            text.replace("2026-11-20T10:00:00Z", "2026-11-28T11:45:00Z")
        });
        let young = verdict(recorded).await;
        assert_eq!(young.status, Status::NotProven);
        assert!(young.details[0].ends_with("check again at 2026-11-28T12:15:00Z"));
    }

    #[tokio::test]
    async fn unreachable_service_is_a_warning() {
        let recorded = Recorded::healthy().with(PROBES, |text| text.replace("1.0<", "0.0<"));
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::Warning);
        assert_eq!(
            verdict.details[0],
            "the last probe of dynamodb could not connect"
        );
    }

    #[tokio::test]
    async fn missing_permissions_are_no_failures() {
        for file in [COUNT, REQUESTS, PROBES] {
            let verdict = verdict(Recorded::healthy().denied(file)).await;
            assert_eq!(verdict.status, Status::NotChecked, "{file}");
        }
    }

    #[tokio::test]
    async fn stack_that_counts_deliveries_once_is_checked() {
        let recorded = Recorded::healthy().with_parameter("PublishMetrics", "once");
        assert_eq!(verdict(recorded).await.status, Status::Ok);
    }

    #[tokio::test]
    async fn stack_without_metrics_is_not_applicable() {
        let recorded = Recorded::healthy().with_parameter("PublishMetrics", "false");
        assert_eq!(verdict(recorded).await.status, Status::NotApplicable);
    }
}
