//! The last successful run of alb-sync.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::aws::{Call, Service, Unread, array, text};
use crate::check::{Check, Group};
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::{Status, Verdict};

use super::metric::{Metric, Point, Statistic, in_seconds, namespace};

const CHECK: Check = Check {
    id: "sync-succeeded",
    group: Group::Monitoring,
    title: "The last run of alb-sync succeeded for every target group",
    explanation: "alb-sync runs every minute. Without a successful run, a target group keeps \
                  addresses that its DNS name no longer has, and misses new ones. A run has to be \
                  at most three minutes old, plus two minutes until its metric has data.",
    fix: "See the section AlbSyncAlarm in docs/operations/runbook.md. The log of alb-sync names \
          the target group and the reason.",
    permissions: &["cloudwatch:GetMetricStatistics", "logs:FilterLogEvents"],
    evidence: Some("The schedule starts `alb-sync`."),
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

/// The age at which the last success is too old.
const MAX_AGE: SignedDuration = SignedDuration::from_mins(3);
/// The time until a metric from a log has data.
const METRIC_DELAY: SignedDuration = SignedDuration::from_mins(2);
/// The number of failed runs in a row that is a failure, as for AlbSyncAlarm.
const MAX_FAILURES: usize = 3;
/// The time in which the last success is looked for.
const WINDOW: SignedDuration = SignedDuration::from_mins(30);
/// The most lines of the log that are read.
const MAX_LINES: u32 = 1000;

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let Some(function) = stack.resource("AlbSyncFunction") else {
        return Ok(Verdict::not_applicable("the stack does not run alb-sync"));
    };

    let namespace = namespace(stack);
    let metric = Metric {
        namespace: &namespace,
        dimensions: &[],
        name: "SyncSucceeded",
    };
    let points = metric.points(stack, Statistic::Minimum, WINDOW).await?;
    if points.is_empty() {
        let runs = logged_runs(stack).await?;
        return Ok(of_log(&by_minute(&runs), stack.now(), function.updated));
    }
    Ok(of_points(&points, stack.now(), MAX_AGE + METRIC_DELAY))
}

/// Decides by the worst result of all target groups in each minute, oldest first. One failed run
/// is a warning, because the next one can succeed.
fn of_points(points: &[Point], now: Timestamp, max_age: SignedDuration) -> Verdict {
    let failures = points.iter().rev().take_while(|it| it.value < 1.0).count();
    let success = points.iter().rfind(|point| point.value >= 1.0);
    let Some(success) = success.map(|point| in_seconds(point.at)) else {
        return Verdict::failed(format!(
            "alb-sync failed for a target group in each of the last {failures} minutes with a run"
        ));
    };

    let since = match failures {
        0 => "and did not run since".to_owned(),
        1 => "and the last run failed".to_owned(),
        count => format!("and the last {count} runs failed"),
    };
    let detail = format!("alb-sync last succeeded for all target groups at {success}, {since}");
    if now.duration_since(success) > max_age || failures >= MAX_FAILURES {
        Verdict::failed(detail)
    } else if failures > 0 {
        Verdict::warning(detail)
    } else {
        Verdict::ok(format!(
            "alb-sync succeeded for all target groups at {success}"
        ))
    }
}

/// A result in the log of alb-sync, for one target group.
pub(super) struct LoggedRun {
    pub(super) at: Timestamp,
    succeeded: bool,
}

/// Returns the worst result of each minute, as the metric has it. The time is that of the last
/// result.
fn by_minute(runs: &[LoggedRun]) -> Vec<Point> {
    let minute = |at: Timestamp| at.as_second().div_euclid(60);
    let mut points: Vec<Point> = Vec::new();
    for run in runs {
        let value = if run.succeeded { 1.0 } else { 0.0 };
        match points.last_mut() {
            Some(last) if minute(last.at) == minute(run.at) => {
                last.value = last.value.min(value);
                last.at = run.at;
            }
            _ => points.push(Point { at: run.at, value }),
        }
    }
    points
}

/// Decides by the log, if the metric has no data.
fn of_log(points: &[Point], now: Timestamp, deployed: Option<Timestamp>) -> Verdict {
    if points.is_empty() {
        let ready = deployed.map(|deployed| deployed + MAX_AGE + METRIC_DELAY);
        return match ready.filter(|ready| *ready > now) {
            Some(ready) => Verdict::not_proven(format!(
                "alb-sync was deployed less than five minutes ago, check again at {}",
                in_seconds(ready)
            )),
            None => Verdict::failed("neither the metric SyncSucceeded nor the log shows a run"),
        };
    }

    let verdict = of_points(points, now, MAX_AGE);
    if verdict.status != Status::Ok {
        return verdict;
    }
    let known = verdict.details.join(", ");
    Verdict::warning(format!(
        "{known} by its log, but the metric SyncSucceeded has no data, so AlbSyncAlarm fires"
    ))
    .with_fix("Wait two minutes, and check again. CloudWatch makes the metric from the log.")
}

/// Returns the results in the log of the last half hour, oldest first.
pub(super) async fn logged_runs(stack: &Stack) -> Result<Vec<LoggedRun>, Unread> {
    let group = stack.output("AlbSyncLogGroupName").unwrap_or_default();
    let start = (stack.now() - WINDOW).as_millisecond();
    let body = json!({
        "logGroupName": group,
        "startTime": start,
        "filterPattern": "{ $.SyncSucceeded = * }",
        "limit": MAX_LINES,
    });
    let call = Call::json(Service::Logs, "FilterLogEvents", &body);
    let response = stack.account().read(&call).await?;

    let mut runs: Vec<LoggedRun> = array(&response["events"])
        .iter()
        .filter_map(logged_run)
        .collect();
    runs.sort_by_key(|run| run.at);
    Ok(runs)
}

fn logged_run(event: &Value) -> Option<LoggedRun> {
    let line: Value = serde_json::from_str(text(&event["message"])).ok()?;
    Some(LoggedRun {
        at: Timestamp::from_millisecond(event["timestamp"].as_i64()?).ok()?,
        succeeded: line["SyncSucceeded"].as_f64()? >= 1.0,
    })
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;

    use super::*;

    const METRIC: &str = "monitoring.GetMetricStatistics@MetricName=SyncSucceeded.xml";
    const LOG: &str = "logs.FilterLogEvents@SyncSucceeded.json";
    const RESOURCES: &str = "cloudformation.ListStackResources.xml";

    async fn verdict(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    fn without_metric() -> Recorded {
        let empty = "<GetMetricStatisticsResponse><GetMetricStatisticsResult><Datapoints/></GetMetricStatisticsResult></GetMetricStatisticsResponse>";
        Recorded::healthy().answering(METRIC, empty)
    }

    #[tokio::test]
    async fn recent_success_passes() {
        let verdict = verdict(Recorded::healthy()).await;
        let detail = "alb-sync succeeded for all target groups at 2026-11-28T11:58:00Z";
        assert_eq!(verdict, Verdict::ok(detail));
    }

    #[tokio::test]
    async fn failed_runs_fail() {
        let recorded = Recorded::healthy().with(METRIC, |text| text.replace(">1.0<", ">0.0<"));
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            ["alb-sync failed for a target group in each of the last 3 minutes with a run"]
        );
    }

    #[tokio::test]
    async fn old_success_fails() {
        let recorded = Recorded::healthy().with(METRIC, |text| {
            text.replace("T11:56:", "T11:46:")
                .replace("T11:57:", "T11:47:")
                .replace("T11:58:", "T11:48:")
        });
        let stopped = verdict(recorded.clone()).await;
        assert_eq!(stopped.status, Status::Failed);
        assert!(stopped.details[0].ends_with("T11:48:00Z, and did not run since"));

        let last_minute = "</Datapoints>";
        let failing = recorded.with(METRIC, |text| {
            let failure = "<member><Timestamp>2026-11-28T11:58:00Z</Timestamp><Minimum>0.0</Minimum></member>";
            text.replace(last_minute, &format!("{failure}{last_minute}"))
        });
        let failing = verdict(failing).await;
        assert_eq!(failing.status, Status::Failed);
        assert!(failing.details[0].ends_with("and the last run failed"));
    }

    fn points(values: &[f64]) -> Vec<Point> {
        let first: Timestamp = "2026-11-28T11:55:00Z".parse().unwrap();
        let at = |index: usize| first + SignedDuration::from_mins(i64::try_from(index).unwrap());
        let points = values.iter().enumerate();
        points
            .map(|(index, value)| Point {
                at: at(index),
                value: *value,
            })
            .collect()
    }

    #[test]
    fn failures_after_a_recent_success_count() {
        let now = "2026-11-28T11:59:30Z".parse().unwrap();
        for (values, expected) in [
            (&[0.0, 0.0, 1.0][..], Status::Ok),
            (&[1.0, 1.0, 0.0], Status::Warning),
            (&[1.0, 0.0, 0.0], Status::Warning),
            (&[1.0, 0.0, 0.0, 0.0], Status::Failed),
        ] {
            let verdict = of_points(&points(values), now, MAX_AGE + METRIC_DELAY);
            assert_eq!(verdict.status, expected, "{values:?}");
        }
        let verdict = of_points(&points(&[1.0, 0.0]), now, MAX_AGE + METRIC_DELAY);
        assert!(verdict.details[0].ends_with("T11:55:00Z, and the last run failed"));
    }

    #[test]
    fn failure_of_one_target_group_is_a_failed_run() {
        let run = |at: &str, succeeded| LoggedRun {
            at: at.parse().unwrap(),
            succeeded,
        };
        let runs = [
            run("2026-11-28T11:58:01Z", false),
            run("2026-11-28T11:58:02Z", true),
            run("2026-11-28T11:59:01Z", true),
            run("2026-11-28T11:59:02Z", false),
        ];
        let values: Vec<f64> = by_minute(&runs).iter().map(|point| point.value).collect();
        assert_eq!(values, [0.0, 0.0]);
    }

    #[tokio::test]
    async fn success_in_the_log_without_a_metric_is_a_warning() {
        let verdict = verdict(without_metric()).await;
        assert_eq!(verdict.status, Status::Warning);
        assert!(verdict.details[0].starts_with(
            "alb-sync succeeded for all target groups at 2026-11-28T11:59:02Z by its log"
        ));
    }

    #[tokio::test]
    async fn failure_in_the_log_fails() {
        let recorded = without_metric().with(LOG, |text| {
            text.replace("\\\"SyncSucceeded\\\":1", "\\\"SyncSucceeded\\\":0")
        });
        assert_eq!(verdict(recorded).await.status, Status::Failed);
    }

    #[tokio::test]
    async fn young_function_without_runs_is_not_proven() {
        let empty = r#"{"events": [], "searchedLogStreams": []}"#;
        let recorded = without_metric().answering(LOG, empty);
        assert_eq!(verdict(recorded.clone()).await.status, Status::Failed);

        let young = recorded.with(RESOURCES, |text| {
            text.replace("2026-11-20T10:00:00Z", "2026-11-28T11:58:30Z")
        });
        let verdict = verdict(young).await;
        assert_eq!(verdict.status, Status::NotProven);
        assert!(verdict.details[0].ends_with("check again at 2026-11-28T12:03:30Z"));
    }

    #[tokio::test]
    async fn missing_permissions_are_no_failures() {
        for recorded in [
            Recorded::healthy().denied(METRIC),
            without_metric().denied(LOG),
        ] {
            let verdict: Verdict = check(&recorded.stack().await).await.unwrap_err().into();
            assert_eq!(verdict.status, Status::NotChecked);
        }
    }
}
