//! The metrics that the alarms watch.

use serde_json::Value;

use crate::after::functions::comparison::{is_known, plain};
use crate::aws::{Call, Service, Unread, array, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::alarm::{Alarm, alarms, without_alarms};
use super::metric::namespace;

const CHECK: Check = Check {
    id: "alarms-watch-this-stack",
    group: Group::Monitoring,
    title: "Every alarm watches the metrics of this stack, and no other stack publishes into them",
    explanation: "An alarm with another dimension or threshold than in the template stays quiet. \
                  If two stacks publish into one namespace, the runs of one hide that the other \
                  has stopped.",
    fix: "Give each stack its own `MetricsNamespace`. The default `Tollgate/STACK` is unique. Deploy \
          again if an alarm was changed outside the stack.",
    permissions: &["cloudwatch:DescribeAlarms", "cloudformation:DescribeStacks"],
    evidence: Some("The dashboard and the alarms are created."),
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

/// The properties that are compared.
const PROPERTIES: [&str; 14] = [
    "Namespace",
    "MetricName",
    "Dimensions",
    "Metrics",
    "Statistic",
    "ExtendedStatistic",
    "Period",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
    "EvaluateLowSampleCountPercentile",
    "AlarmRule",
];

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let mut findings = Findings::default();
    let Some(alarms) = alarms(stack, &mut findings).await? else {
        return Ok(without_alarms(findings));
    };

    for alarm in &alarms {
        look_at(alarm, &mut findings);
    }
    look_at_other_stacks(stack, &mut findings).await;
    let namespace = namespace(stack);
    Ok(findings.verdict(format!(
        "the alarms watch the metrics of the template, and namespace {namespace} is not shared"
    )))
}

fn look_at(alarm: &Alarm, findings: &mut Findings) {
    for property in PROPERTIES {
        let expected = joined(&alarm.expected[property]);
        let actual = &alarm.actual[property];
        if expected.is_null() || !is_known(&expected) || covers(&expected, actual) {
            continue;
        }
        if property == "Metrics" {
            look_at_metrics(&alarm.name, array(&expected), array(actual), findings);
            continue;
        }
        let (name, expected, actual) = (&alarm.name, plain(&expected), plain(actual));
        findings.problem(format!(
            "{property} of alarm {name} is {actual}, expected {expected}"
        ));
    }
}

/// Names the metrics of an alarm over several metrics that differ from the template.
fn look_at_metrics(name: &str, expected: &[Value], actual: &[Value], findings: &mut Findings) {
    for wanted in expected {
        let id = text(&wanted["Id"]);
        let found = actual.iter().find(|metric| text(&metric["Id"]) == id);
        let found = found.unwrap_or(&Value::Null);
        if !covers(wanted, found) {
            let (wanted, found) = (plain(wanted), plain(found));
            findings.problem(format!(
                "metric {id} of alarm {name} is {found}, expected {wanted}"
            ));
        }
    }
    for metric in actual {
        let id = text(&metric["Id"]);
        if !expected.iter().any(|wanted| text(&wanted["Id"]) == id) {
            findings.problem(format!("alarm {name} has the metric {id}, expected none"));
        }
    }
}

/// Returns the text of a `Fn::Join` of known texts. Other values stay as they are.
fn joined(value: &Value) -> Value {
    let parts = array(&value["Fn::Join"]);
    let [Value::String(separator), items] = parts else {
        return value.clone();
    };
    let items: Option<Vec<&str>> = array(items).iter().map(Value::as_str).collect();
    items.map_or_else(|| value.clone(), |items| items.join(separator).into())
}

/// True if a value has everything that the template asks for. CloudWatch adds defaults.
fn covers(expected: &Value, actual: &Value) -> bool {
    match (expected, actual) {
        (Value::Object(fields), _) => fields
            .iter()
            .all(|(name, value)| covers(value, &actual[name])),
        (Value::Array(items), Value::Array(found)) => {
            items.len() == found.len()
                && items
                    .iter()
                    .all(|item| found.iter().any(|other| covers(item, other)))
        }
        _ => {
            let (expected, actual) = (plain(expected), plain(actual));
            match (expected.parse::<f64>(), actual.parse::<f64>()) {
                (Ok(expected), Ok(actual)) => expected == actual,
                _ => expected == actual,
            }
        }
    }
}

/// Looks for other stacks that publish into the namespaces of this one.
async fn look_at_other_stacks(stack: &Stack, findings: &mut Findings) {
    let call = Call::query(Service::CloudFormation, "DescribeStacks", &[]);
    let list = "/DescribeStacksResult/Stacks";
    let read = stack.account().read_all(&call, list).await;
    let own = [namespace(stack), format!("Tollgate/{}", stack.name())];
    for other in findings
        .take("the stacks of the account", read)
        .unwrap_or_default()
    {
        let name = text(&other["StackName"]);
        let namespace = published_namespace(&other);
        if name != stack.name() && namespace.is_some_and(|it| own.contains(&it)) {
            let namespace = published_namespace(&other).unwrap_or_default();
            findings.problem(format!("stack {name} publishes into {namespace} too"));
        }
    }
}

/// Returns the namespace of a stack with this template, or `None` for other stacks. The nested
/// stack with the alarms has the parameter too, but publishes nothing.
fn published_namespace(stack: &Value) -> Option<String> {
    let parameters = array(&stack["Parameters"]);
    let value = |name: &str| {
        let found = parameters
            .iter()
            .find(|parameter| parameter["ParameterKey"] == name);
        found.map(|parameter| text(&parameter["ParameterValue"]))
    };
    if value("ParentStackName").is_some() {
        return None;
    }
    match value("MetricsNamespace")? {
        "" => Some(format!("Tollgate/{}", text(&stack["StackName"]))),
        namespace => Some(namespace.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const ALARMS: &str = "monitoring.DescribeAlarms.xml";
    const STACKS: &str = "cloudformation.DescribeStacks.xml";

    async fn verdict(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    fn with_stack(name: &str, parameters: &[(&str, &str)]) -> Recorded {
        let parameters: String = parameters
            .iter()
            .map(|(key, value)| {
                format!(
                    "<member><ParameterKey>{key}</ParameterKey>\
                     <ParameterValue>{value}</ParameterValue></member>"
                )
            })
            .collect();
        let other = format!(
            "<member><StackName>{name}</StackName><Parameters>{parameters}</Parameters></member>"
        );
        Recorded::healthy().with(STACKS, |text| {
            text.replace("</Stacks>", &format!("{other}</Stacks>"))
        })
    }

    #[tokio::test]
    async fn alarms_of_the_template_pass() {
        let verdict = verdict(Recorded::healthy()).await;
        assert_eq!(verdict.status, Status::Ok, "{:?}", verdict.details);
    }

    #[tokio::test]
    async fn every_changed_property_fails() {
        for (from, to, detail) in [
            (
                "<Namespace>Tollgate/tollgate</Namespace>\n<Statistic>Minimum<",
                "<Namespace>Tollgate/other</Namespace>\n<Statistic>Minimum<",
                "Namespace of alarm tollgate-AlbSyncAlarm is Tollgate/other, expected Tollgate/tollgate",
            ),
            (
                "<Threshold>3000.0<",
                "<Threshold>9000.0<",
                "Threshold of alarm tollgate-LatencyAlarm is 9000.0, expected 3000",
            ),
            (
                " OR ALARM(\"tollgate-AlbSyncAlarm\")",
                "",
                "AlarmRule of alarm tollgate-PageAlarm is ALARM(\"tollgate-AuthorizerFaultsAlarm\")",
            ),
        ] {
            let recorded = Recorded::healthy().with(ALARMS, |text| text.replace(from, to));
            let verdict = verdict(recorded).await;
            assert_eq!(verdict.status, Status::Failed, "{from}");
            assert_eq!(verdict.details.len(), 1);
            assert!(verdict.details[0].starts_with(detail), "{verdict:?}");
        }
    }

    #[tokio::test]
    async fn alarms_on_another_api_fail() {
        let recorded = Recorded::healthy().with(ALARMS, |text| text.replace("a1b2c3d4e5", "other"));
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        let details = verdict.details.join(" ");
        for expected in [
            "metric errors of alarm tollgate-ServerErrorsAlarm is ",
            "metric requests of alarm tollgate-ServerErrorsAlarm is ",
            "Dimensions of alarm tollgate-LatencyAlarm is ",
            "metric requests of alarm tollgate-UnauthorizedAlarm is ",
            "metric requests of alarm tollgate-ForbiddenAlarm is ",
            "metric requests of alarm tollgate-ThrottledAlarm is ",
            "metric requests of alarm tollgate-StoreDegradedAlarm is ",
            "metric requests of alarm tollgate-MetricsStoppedAlarm is ",
        ] {
            assert!(details.contains(expected), "{expected}: {verdict:?}");
        }
        assert_eq!(verdict.details.len(), 8);
    }

    #[tokio::test]
    async fn shared_namespace_fails() {
        let shared = [("MetricsNamespace", "Tollgate/tollgate")];
        let verdict = verdict(with_stack("staging", &shared)).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            ["stack staging publishes into Tollgate/tollgate too"]
        );
    }

    #[tokio::test]
    async fn other_namespaces_and_the_nested_stack_pass() {
        for parameters in [
            [("MetricsNamespace", ""), ("Environment", "staging")],
            [("MetricsNamespace", "Other"), ("Environment", "staging")],
            [
                ("MetricsNamespace", "Tollgate/tollgate"),
                ("ParentStackName", "tollgate"),
            ],
            [("Other", "Tollgate/tollgate"), ("Environment", "staging")],
        ] {
            let verdict = verdict(with_stack("staging", &parameters)).await;
            assert_eq!(verdict.status, Status::Ok, "{parameters:?}");
        }
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let recorded = Recorded::healthy().denied(ALARMS);
        let verdict: Verdict = check(&recorded.stack().await).await.unwrap_err().into();
        assert_eq!(verdict.status, Status::NotChecked);
    }
}
