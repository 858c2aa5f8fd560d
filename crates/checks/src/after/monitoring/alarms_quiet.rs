//! The states of the alarms.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::aws::{Unread, array, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::alarm::{Alarm, alarms, without_alarms};
use super::metric::in_seconds;

const CHECK: Check = Check {
    id: "alarms-quiet",
    group: Group::Monitoring,
    title: "Every alarm exists, can notify and is in state OK",
    explanation: "An alarm in state ALARM has a cause that needs attention. An alarm that was \
                  deleted or whose actions are disabled hides the next cause. A new alarm has too \
                  little data until its first periods are over.",
    fix: "docs/operations/runbook.md has a section for each alarm. Enable actions with `aws \
          cloudwatch enable-alarm-actions`. Deploy again if an alarm is missing.",
    permissions: &["cloudwatch:DescribeAlarms"],
    evidence: Some("The dashboard and the alarms are created."),
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let mut findings = Findings::default();
    let Some(alarms) = alarms(stack, &mut findings).await? else {
        return Ok(without_alarms(findings));
    };

    for alarm in &alarms {
        look_at(alarm, &mut findings);
    }
    let unclear = names(&alarms, |alarm| {
        let enabled = &alarm.actual["ActionsEnabled"];
        (!matches!(text(enabled), "true" | "false")).then(|| alarm.name.clone())
    });
    if let Some(names) = unclear {
        findings.unproven(format!(
            "CloudWatch does not return whether the actions are enabled of {names}"
        ));
    }
    if let Some(names) = names(&alarms, |alarm| waiting(alarm, stack.now())) {
        findings.warning(format!("these alarms have not enough data: {names}"));
    }

    findings.fact_of_some(alarms.len(), "alarms were read");
    Ok(findings.into_verdict())
}

/// Returns the names of some alarms as one text, or `None` without alarms.
fn names(alarms: &[Alarm], name: impl Fn(&Alarm) -> Option<String>) -> Option<String> {
    let names: Vec<String> = alarms.iter().filter_map(name).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// Adds what is wrong with one alarm.
fn look_at(alarm: &Alarm, findings: &mut Findings) {
    let (name, actual) = (&alarm.name, &alarm.actual);
    for reason in alarm.silences() {
        findings.problem(reason);
    }
    match text(&actual["StateValue"]) {
        "OK" | "INSUFFICIENT_DATA" => {}
        "ALARM" => {
            let (since, reason) = (since(actual), text(&actual["StateReason"]));
            findings.problem(format!("alarm {name} is in state ALARM{since}: {reason}"));
        }
        other => findings.problem(format!("alarm {name} is in state {other}, expected OK")),
    }
}

/// Returns the name of an alarm with too little data, and when that can change.
fn waiting(alarm: &Alarm, now: Timestamp) -> Option<String> {
    let (name, actual) = (&alarm.name, &alarm.actual);
    if text(&actual["StateValue"]) != "INSUFFICIENT_DATA" {
        return None;
    }
    let first = first_evaluation(actual).filter(|first| *first > now);
    Some(match (first, since(actual)) {
        (Some(first), _) => {
            let first = in_seconds(first);
            format!("{name} (its first periods end at {first})")
        }
        (None, since) if since.is_empty() => name.clone(),
        (None, since) => format!("{name} ({})", since.trim_start()),
    })
}

/// Returns the time of the state as an addition to a sentence. It can be missing.
fn since(alarm: &Value) -> String {
    match text(&alarm["StateUpdatedTimestamp"]) {
        "" => String::new(),
        instant => format!(" since {instant}"),
    }
}

/// Returns the end of the first periods that the alarm evaluates.
fn first_evaluation(alarm: &Value) -> Option<Timestamp> {
    let configured: Timestamp = text(&alarm["AlarmConfigurationUpdatedTimestamp"])
        .parse()
        .ok()?;
    let number = |value: &Value| text(value).parse::<i64>().ok();
    let of_metrics = array(&alarm["Metrics"])
        .iter()
        .filter_map(|metric| number(&metric["MetricStat"]["Period"]))
        .max();
    let period = number(&alarm["Period"]).or(of_metrics)?;
    let seconds = period.checked_mul(number(&alarm["EvaluationPeriods"])?)?;
    configured
        .checked_add(SignedDuration::from_secs(seconds))
        .ok()
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const ALARMS: &str = "monitoring.DescribeAlarms.xml";

    async fn verdict(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    /// Changes a field of one alarm.
    fn changed(alarm: &str, from: &str, to: &str) -> Recorded {
        Recorded::healthy().with(ALARMS, |text| {
            let start = text
                .find(&format!("<AlarmName>{alarm}</AlarmName>"))
                .unwrap();
            let (before, rest) = text.split_at(start);
            format!("{before}{}", rest.replacen(from, to, 1))
        })
    }

    #[tokio::test]
    async fn quiet_alarms_pass() {
        let verdict = verdict(Recorded::healthy()).await;
        assert_eq!(verdict, Verdict::ok("18 alarms were read"));
    }

    #[tokio::test]
    async fn alarm_that_fires_fails_with_its_reason() {
        let recorded = changed("tollgate-BreakerAlarm", ">OK<", ">ALARM<");
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert!(verdict.details[0].starts_with(
            "alarm tollgate-BreakerAlarm is in state ALARM since 2026-11-02T09:15:00.000Z: \
             Threshold Crossed"
        ));
    }

    #[tokio::test]
    async fn disabled_actions_fail() {
        let recorded = changed(
            "tollgate-PageAlarm",
            "<ActionsEnabled>true",
            "<ActionsEnabled>false",
        );
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            ["the actions of alarm tollgate-PageAlarm are disabled"]
        );
    }

    #[tokio::test]
    async fn missing_fields_are_not_proven_and_named_once() {
        let recorded = Recorded::healthy().with(ALARMS, |text| {
            let time = "<StateUpdatedTimestamp>2026-11-02T09:15:00.000Z</StateUpdatedTimestamp>";
            text.replace("<ActionsEnabled>true</ActionsEnabled>", "")
                .replace(time, "")
                .replace("<StateValue>OK<", "<StateValue>INSUFFICIENT_DATA<")
        });
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::NotProven);
        let [actions, data, _] = verdict.details.as_slice() else {
            panic!("{verdict:?}");
        };
        let expected = "CloudWatch does not return whether the actions are enabled of \
                        tollgate-AuthorizerFaultsAlarm, tollgate-ServerErrorsAlarm, ";
        assert!(actions.starts_with(expected), "{actions}");
        let expected = "these alarms have not enough data: \
                        tollgate-AuthorizerFaultsAlarm, tollgate-ServerErrorsAlarm, ";
        assert!(data.starts_with(expected), "{data}");
    }

    #[tokio::test]
    async fn missing_alarm_fails() {
        let recorded = changed("tollgate-AlbSyncAlarm", "tollgate-AlbSyncAlarm", "other");
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            ["alarm tollgate-AlbSyncAlarm does not exist"]
        );
    }

    #[tokio::test]
    async fn new_alarm_is_a_warning_with_the_end_of_its_periods() {
        let alarm = "tollgate-MetricsSilentAlarm";
        let recorded = changed(alarm, ">OK<", ">INSUFFICIENT_DATA<");
        let old = verdict(recorded.clone()).await;
        assert_eq!(old.status, Status::Warning);
        assert_eq!(
            old.details,
            [format!(
                "these alarms have not enough data: {alarm} (since 2026-11-02T09:15:00.000Z)"
            )]
        );

        let recorded = recorded.with(ALARMS, |text| {
            text.replace("2026-11-02T09:10:00.000Z", "2026-11-28T10:00:00.000Z")
        });
        let young = verdict(recorded).await;
        assert_eq!(young.status, Status::Warning);
        assert_eq!(
            young.details,
            [format!(
                "these alarms have not enough data: {alarm} (its first periods end at \
                 2026-11-30T10:00:00Z)"
            )]
        );
    }

    #[tokio::test]
    async fn missing_permissions_are_no_failures() {
        let recorded = Recorded::healthy().denied(ALARMS);
        let verdict: Verdict = check(&recorded.stack().await).await.unwrap_err().into();
        assert_eq!(
            verdict,
            Verdict::not_checked("needs cloudwatch:DescribeAlarms")
        );

        let nested = "cloudformation.DescribeStacks@stack~tollgate-Monitoring.xml";
        let verdict = super::tests::verdict(Recorded::healthy().denied(nested)).await;
        assert_eq!(verdict.status, Status::NotChecked);
    }

    #[tokio::test]
    async fn stack_without_alarms_is_not_applicable() {
        let nested = "cloudformation.DescribeStacks@stack~tollgate-Monitoring.xml";
        let key = "<ParameterKey>CreateAlarms</ParameterKey><ParameterValue>";
        let recorded = Recorded::healthy()
            .with_parameter("CreateAlarms", "false")
            .with(nested, |text| {
                text.replace(&format!("{key}true"), &format!("{key}false"))
            });
        assert_eq!(verdict(recorded).await.status, Status::NotApplicable);
    }
}
