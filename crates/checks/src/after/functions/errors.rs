//! Errors and throttles of the functions in the last hour.

use jiff::SignedDuration;
use serde_json::Value;

use crate::aws::{Unread, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::function::{AUTHORIZER, Function, functions};
use super::metrics::{Metric, total, values};

const CHECK: Check = Check {
    id: "function-errors",
    group: Group::Functions,
    title: "In the last hour, no invocation was throttled or failed",
    explanation: "A throttled invocation of the authorizer is a 500 for the client, and so is a \
                  fault. Lambda's metric `Errors` counts every 401 of the authorizer. Its faults \
                  are therefore those that the metric filter AuthorizerFaultsFilter counts.",
    fix: "If invocations were throttled, request a higher quota for concurrent executions, or \
          increase the reservation of the function. If they failed, read the log of the function. \
          docs/operations/runbook.md explains the lines.",
    permissions: &["cloudwatch:GetMetricData", "cloudformation:GetTemplate"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

/// The time that is looked at.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// The share of the timeout above which a duration needs attention.
const LONG_SHARE: f64 = 0.8;

/// The metrics of one function in the last hour.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Hour {
    invocations: f64,
    throttles: f64,
    errors: f64,
    longest_ms: f64,
}

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let functions = functions(stack);
    let mut findings = Findings::default();
    let filter = stack.expected("AuthorizerFaultsFilter");
    let filter = findings.take("the template", filter).flatten();
    let faults = filter.as_ref().and_then(faults_metric);
    let mut metrics: Vec<Metric<'_>> = functions.iter().flat_map(metrics_of).collect();
    metrics.extend(faults);
    let values = values(stack, &metrics, stack.now() - WINDOW).await?;

    let mut invocations = 0.0;
    for (function, values) in functions.iter().zip(values.chunks(4)) {
        let hour = hour(values);
        invocations += hour.invocations;
        let template = stack.expected(function.name).ok().flatten();
        let timeout_s = template.and_then(|template| template["Timeout"].as_f64());
        judge(function, &hour, timeout_s, &mut findings);
    }

    if invocations > 0.0 {
        findings.fact(format!(
            "{invocations:.0} invocations in the last hour, none of them throttled"
        ));
    } else {
        findings.unproven("no function was invoked in the last hour");
    }
    let faults = values.get(functions.len() * 4);
    faults_of_the_authorizer(faults.map(|values| total(values)), &mut findings);
    Ok(findings.into_verdict())
}

fn faults_of_the_authorizer(faults: Option<f64>, findings: &mut Findings) {
    match faults {
        None => findings.unproven("the metric of the authorizer's faults is not known"),
        Some(faults) if faults > 0.0 => {
            findings.problem(format!("the authorizer had {faults:.0} faults, expected 0"));
        }
        Some(_) => findings.fact("no faults of the authorizer were counted"),
    }
}

fn metrics_of<'f>(function: &Function<'f>) -> [Metric<'f>; 4] {
    let metric = |name, statistic| Metric {
        namespace: "AWS/Lambda",
        name,
        dimensions: vec![("FunctionName", function.id)],
        statistic,
    };
    [
        metric("Invocations", "Sum"),
        metric("Throttles", "Sum"),
        metric("Errors", "Sum"),
        metric("Duration", "Maximum"),
    ]
}

/// Returns the metric of the filter that counts what clients see as 500.
fn faults_metric(filter: &Value) -> Option<Metric<'_>> {
    let metric = &filter["MetricTransformations"][0];
    Some(Metric {
        namespace: metric["MetricNamespace"].as_str()?,
        name: text(&metric["MetricName"]),
        dimensions: Vec::new(),
        statistic: "Sum",
    })
}

/// Returns the totals of [`metrics_of`].
fn hour(values: &[Vec<f64>]) -> Hour {
    let sum = |index: usize| values.get(index).map_or(0.0, |values| total(values));
    let longest = values.get(3).into_iter().flatten().copied();
    Hour {
        invocations: sum(0),
        throttles: sum(1),
        errors: sum(2),
        longest_ms: longest.fold(0.0, f64::max),
    }
}

fn judge(function: &Function<'_>, hour: &Hour, timeout_s: Option<f64>, findings: &mut Findings) {
    let Hour {
        invocations,
        throttles,
        errors,
        longest_ms,
    } = hour;
    if *throttles > 0.0 {
        findings.problem(format!(
            "{function}: {throttles:.0} invocations were throttled, expected 0: too little \
             concurrency"
        ));
    }
    if *errors > 0.0 && function.name != AUTHORIZER {
        findings.problem(format!(
            "{function}: {errors:.0} of {invocations:.0} invocations failed, expected 0"
        ));
    }
    if let Some(timeout_s) = timeout_s.filter(|timeout| *longest_ms > timeout * 1000.0 * LONG_SHARE)
    {
        findings.warning(format!(
            "{function}: an invocation took {longest_ms:.0} ms, and the timeout is {timeout_s} s"
        ));
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const METRICS: &str = "monitoring.GetMetricData@Throttles.xml";
    const AUTHORIZER_NAME: &str = "function tollgate-AuthorizerFunction-AbCdEfGh:live";
    const ALB_SYNC_NAME: &str = "function tollgate-AlbSyncFunction-AbCdEfGh";

    async fn verdict(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    /// Returns a stack in which a metric has these values. The metrics of the functions come in
    /// the order of their names: alb-sync, authorizer, limiter, metrics publisher.
    fn with_values(index: usize, values: &[&str]) -> Recorded {
        Recorded::healthy().with(METRICS, |text| {
            let start = format!("<Id>m{index}</Id>");
            let (before, after) = text.split_once(&start).unwrap();
            let (label, after) = after.split_once("<Values").unwrap();
            let (_, after) = after.split_once("<StatusCode>").unwrap();
            let values: String = values
                .iter()
                .map(|value| format!("<member>{value}</member>"))
                .collect();
            format!("{before}{start}{label}<Values>{values}</Values><StatusCode>{after}")
        })
    }

    #[tokio::test]
    async fn hour_without_errors_passes() {
        let verdict = verdict(Recorded::healthy()).await;
        assert_eq!(verdict.status, Status::Ok);
        assert_eq!(
            verdict.details,
            [
                "390 invocations in the last hour, none of them throttled",
                "no faults of the authorizer were counted"
            ]
        );
    }

    #[tokio::test]
    async fn throttled_authorizer_fails() {
        assert_eq!(
            verdict(with_values(5, &["2.0", "1.0"])).await,
            Verdict::failed(format!(
                "{AUTHORIZER_NAME}: 3 invocations were throttled, expected 0: too little \
                 concurrency"
            ))
        );
    }

    #[tokio::test]
    async fn failed_run_of_alb_sync_fails() {
        assert_eq!(
            verdict(with_values(2, &["1.0"])).await,
            Verdict::failed(format!(
                "{ALB_SYNC_NAME}: 1 of 60 invocations failed, expected 0"
            ))
        );
    }

    #[tokio::test]
    async fn rejected_requests_are_no_errors_of_the_authorizer() {
        assert_eq!(verdict(with_values(6, &["7.0"])).await.status, Status::Ok);
    }

    #[tokio::test]
    async fn faults_of_the_authorizer_fail() {
        assert_eq!(
            verdict(with_values(16, &["1.0", "4.0"])).await,
            Verdict::failed("the authorizer had 5 faults, expected 0")
        );
    }

    #[tokio::test]
    async fn long_invocations_need_attention() {
        let verdict = verdict(with_values(7, &["12.5", "9000.4"])).await;
        assert_eq!(
            verdict,
            Verdict::warning(format!(
                "{AUTHORIZER_NAME}: an invocation took 9000 ms, and the timeout is 10 s"
            ))
        );
    }

    #[tokio::test]
    async fn hour_without_invocations_proves_nothing() {
        let recorded = Recorded::healthy().answering(
            METRICS,
            "<GetMetricDataResponse><GetMetricDataResult><MetricDataResults/>\
             </GetMetricDataResult></GetMetricDataResponse>",
        );
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::NotProven);
        assert_eq!(
            verdict.details[0],
            "no function was invoked in the last hour"
        );
    }

    #[tokio::test]
    async fn incomplete_metrics_are_an_error() {
        let recorded = Recorded::healthy().with(METRICS, |text| {
            text.replacen(">Complete<", ">InternalError<", 1)
        });
        let verdict: Verdict = check(&recorded.stack().await).await.unwrap_err().into();
        assert_eq!(verdict.status, Status::Error);
    }

    #[tokio::test]
    async fn throttles_are_found_without_the_template() {
        let template = "cloudformation.GetTemplate.xml";
        let result = verdict(Recorded::healthy().denied(template)).await;
        assert_eq!(result.status, Status::NotChecked);
        let result = verdict(with_values(5, &["1.0"]).denied(template)).await;
        assert_eq!(result.status, Status::Failed);
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let stack = Recorded::healthy().denied(METRICS).stack().await;
        let verdict: Verdict = check(&stack).await.unwrap_err().into();
        assert_eq!(
            verdict,
            Verdict::not_checked("needs cloudwatch:GetMetricData")
        );
    }
}
