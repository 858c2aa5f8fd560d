//! The runs of the schedules.

use jiff::{SignedDuration, Timestamp};

use crate::after::functions::comparison::resource_of_arn;
use crate::aws::Unread;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::metric::{Metric, Point, Statistic, in_seconds, namespace, sum};
use super::rule::{Rule, rules};
use super::schedule::{period, window};
use super::sync_succeeded::logged_runs;

const CHECK: Check = Check {
    id: "schedules-fired",
    group: Group::Monitoring,
    title: "Every schedule ran within its period",
    explanation: "An enabled rule can still fail, for example for lack of a permission. Its \
                  metrics show whether EventBridge invoked the target. They are about five \
                  minutes late, and a daily rule is late after an hour. Without metrics, the log \
                  of alb-sync and the metric of the probes count instead.",
    fix: "See the section ScheduleDeadLettersAlarm in docs/operations/runbook.md. A failed event \
          is in the dead-letter queue, with the error in its attributes.",
    permissions: &["cloudwatch:GetMetricStatistics", "logs:FilterLogEvents"],
    evidence: Some("The schedule starts `alb-sync`."),
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let rules = rules(stack)?;
    if rules.is_empty() {
        return Ok(Verdict::not_applicable("the stack has no schedules"));
    }

    let mut findings = Findings::default();
    let mut runs = Vec::new();
    for rule in &rules {
        if let Some(name) = &rule.name {
            runs.extend(look_at(stack, rule, name, &mut findings).await);
        } else {
            findings.problem(format!("rule {} does not exist", rule.logical));
        }
    }
    Ok(findings.verdict(match runs.as_slice() {
        [] => "no run is shown".to_owned(),
        runs => runs.join(", "),
    }))
}

/// Looks at the metrics of one rule. Returns a sentence about its last run.
async fn look_at(
    stack: &Stack,
    rule: &Rule,
    name: &str,
    findings: &mut Findings,
) -> Option<String> {
    let schedule = rule.schedule();
    let Some(window) = period(schedule).map(window) else {
        findings.unproven(format!(
            "the period of rule {name} is not known: {schedule}"
        ));
        return None;
    };

    let failed = runs(stack, name, "FailedInvocations", window).await;
    let failed = findings.take(name, failed).unwrap_or_default();
    if sum(&failed) > 0.0 {
        findings.problem(format!(
            "{} invocations of rule {name} failed in the last {window:#}",
            sum(&failed)
        ));
    }

    let invoked = runs(stack, name, "Invocations", window).await;
    let invoked = findings.take(name, invoked)?;
    if let Some(last) = invoked.iter().rfind(|point| point.value > 0.0) {
        return Some(format!("rule {name} ran at {}", last.at));
    }
    let triggered = runs(stack, name, "TriggeredRules", window).await;
    if let Some(last) = findings.take(name, triggered)?.last() {
        findings.problem(format!(
            "rule {name} was triggered at {}, but invoked no target",
            last.at
        ));
        return None;
    }

    let evidence = evidence(stack, rule, window).await;
    if let Some(Some(last)) = findings.take(name, evidence) {
        return Some(format!(
            "rule {name} has no metrics, but its function ran at {}",
            in_seconds(last)
        ));
    }
    match rule.updated.map(|updated| updated + window) {
        Some(first) if first > stack.now() => findings.unproven(format!(
            "rule {name} was deployed less than {window:#} ago and has not run yet, check again \
             at {}",
            in_seconds(first)
        )),
        _ => findings.problem(format!(
            "rule {name} did not run in the last {window:#}, expected {schedule}"
        )),
    }
    None
}

/// Returns the last run in the window that the function of a rule recorded itself: alb-sync in its
/// log, and probes in their metric.
async fn evidence(
    stack: &Stack,
    rule: &Rule,
    window: SignedDuration,
) -> Result<Option<Timestamp>, Unread> {
    let target = resource_of_arn(stack, &rule.target()["Arn"]);
    let is_target = |logical: &str| {
        let function = stack.resource(logical);
        function.is_some_and(|function| Some(function.id.as_str()) == target)
    };

    let last = if is_target("AlbSyncFunction") {
        logged_runs(stack).await?.last().map(|run| run.at)
    } else if is_target("MetricsPublisherFunction") {
        let (namespace, services) = (namespace(stack), stack.parameter("ProbeServices"));
        let service = services.split(',').next().unwrap_or_default().trim();
        let probes = Metric {
            namespace: &namespace,
            dimensions: &[("Service", service)],
            name: "EndpointReachable",
        };
        let probes = probes.points(stack, Statistic::Minimum, window).await?;
        probes.last().map(|probe| probe.at)
    } else {
        None
    };
    Ok(last.filter(|last| *last >= stack.now() - window))
}

async fn runs(
    stack: &Stack,
    rule: &str,
    metric: &str,
    window: SignedDuration,
) -> Result<Vec<Point>, Unread> {
    let metric = Metric {
        namespace: "AWS/Events",
        dimensions: &[("RuleName", rule)],
        name: metric,
    };
    metric.points(stack, Statistic::Sum, window).await
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const PROBES: &str =
        "monitoring.GetMetricStatistics@ProbeRule-AbCdEfGh&MetricName=Invocations.xml";
    const PROBE_FAILURES: &str =
        "monitoring.GetMetricStatistics@ProbeRule-AbCdEfGh&MetricName=FailedInvocations.xml";

    const REACHABLE: &str =
        "monitoring.GetMetricStatistics@dynamodb&MetricName=EndpointReachable.xml";
    const SYNC: &str =
        "monitoring.GetMetricStatistics@EveryMinute-AbCdEfGh&MetricName=Invocations.xml";
    const SYNC_LOG: &str = "logs.FilterLogEvents@SyncSucceeded.json";
    const EMPTY: &str = "<GetMetricStatisticsResponse><GetMetricStatisticsResult><Datapoints/></GetMetricStatisticsResult></GetMetricStatisticsResponse>";

    async fn verdict(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    fn without_runs() -> Recorded {
        let recorded = Recorded::healthy().answering(REACHABLE, EMPTY);
        recorded.with(PROBES, |text| text.replace("2026-11-28T11:50:00Z", "never"))
    }

    #[tokio::test]
    async fn schedules_that_ran_pass() {
        let verdict = verdict(Recorded::healthy()).await;
        assert_eq!(verdict.status, Status::Ok, "{:?}", verdict.details);
        let detail = &verdict.details[0];
        assert!(detail.contains("rule tollgate-ProbeRule-AbCdEfGh ran at 2026-11-28T11:50:00Z"));
    }

    #[tokio::test]
    async fn schedule_that_did_not_run_fails() {
        let verdict = verdict(without_runs()).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            [
                "rule tollgate-ProbeRule-AbCdEfGh did not run in the last 20m, \
              expected rate(15 minutes)"
            ]
        );
    }

    #[tokio::test]
    async fn runs_that_only_the_functions_recorded_pass() {
        let recorded = Recorded::healthy()
            .answering(SYNC, EMPTY)
            .answering(PROBES, EMPTY);
        let verdict = verdict(recorded.clone()).await;
        assert_eq!(verdict.status, Status::Ok, "{:?}", verdict.details);
        for expected in [
            "rule tollgate-AlbSyncFunctionEveryMinute-AbCdEfGh has no metrics, but its function \
             ran at 2026-11-28T11:59:02Z",
            "rule tollgate-ProbeRule-AbCdEfGh has no metrics, but its function ran at \
             2026-11-28T11:50:00Z",
        ] {
            assert!(verdict.details[0].contains(expected), "{verdict:?}");
        }

        let old = recorded.with(SYNC_LOG, |text| {
            text.replace("\"timestamp\": 1795", "\"timestamp\": 1794")
        });
        let old = super::tests::verdict(old).await;
        assert_eq!(old.status, Status::Failed);
        assert!(
            old.details[0].contains("did not run in the last 6m"),
            "{old:?}"
        );
    }

    #[tokio::test]
    async fn rule_that_was_triggered_without_an_invocation_fails() {
        let triggered =
            "monitoring.GetMetricStatistics@ProbeRule-AbCdEfGh&MetricName=TriggeredRules.xml";
        let body = "<GetMetricStatisticsResponse><GetMetricStatisticsResult><Datapoints><member>\
                    <Timestamp>2026-11-28T11:50:00Z</Timestamp><Sum>1.0</Sum>\
                    </member></Datapoints></GetMetricStatisticsResult></GetMetricStatisticsResponse>";
        let verdict = verdict(without_runs().answering(triggered, body)).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            [
                "rule tollgate-ProbeRule-AbCdEfGh was triggered at 2026-11-28T11:50:00Z, but \
              invoked no target"
            ]
        );
    }

    #[tokio::test]
    async fn young_schedule_is_not_proven() {
        let recorded = without_runs();
        let recorded = recorded.with("cloudformation.ListStackResources.xml", |text| {
            let lines = text.lines().map(|line| match line.contains(">ProbeRule<") {
                true => line.replace("2026-11-20T10:00:00Z", "2026-11-28T11:45:00Z"),
                false => line.to_owned(),
            });
            lines.collect::<Vec<_>>().join("\n")
        });
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::NotProven);
        assert!(
            verdict.details[0].ends_with("check again at 2026-11-28T12:05:00Z"),
            "{verdict:?}"
        );
    }

    #[tokio::test]
    async fn failed_invocations_fail() {
        let body = "<GetMetricStatisticsResponse><GetMetricStatisticsResult><Datapoints><member>\
                    <Timestamp>2026-11-28T11:50:00Z</Timestamp><Sum>2.0</Sum><Unit>Count</Unit>\
                    </member></Datapoints></GetMetricStatisticsResult></GetMetricStatisticsResponse>";
        let verdict = verdict(Recorded::healthy().answering(PROBE_FAILURES, body)).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            ["2 invocations of rule tollgate-ProbeRule-AbCdEfGh failed in the last 20m"]
        );
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let recorded = Recorded::healthy().denied(PROBES);
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::NotChecked);
        assert_eq!(verdict.details[0], "needs cloudwatch:GetMetricStatistics");
    }
}
