//! The alarms that the template asks for, as CloudWatch returns them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::after::functions::comparison::{is_known, plain};
use crate::aws::{Call, Service, Unread, array, text};
use crate::findings::Findings;
use crate::stack::Stack;
use crate::verdict::Verdict;

const KINDS: [&str; 2] = ["AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"];
/// The most alarms that one response has.
const MAX_ALARMS: &str = "100";

/// An alarm that the template asks for.
pub(super) struct Alarm {
    /// The name in CloudWatch.
    pub(super) name: String,
    /// The properties of the template.
    pub(super) expected: Value,
    /// The description of CloudWatch.
    pub(super) actual: Value,
}

/// Returns the alarms of the stack and of its nested stack. Adds those that do not exist, and what
/// cannot be read, to the findings. Returns `None` if the template asks for no alarm.
///
/// # Errors
/// [`Unread`] if the template or CloudWatch cannot be read.
pub(super) async fn alarms(
    stack: &Stack,
    findings: &mut Findings,
) -> Result<Option<Vec<Alarm>>, Unread> {
    let mut wanted = expected_alarms(stack)?;
    let nested = stack.nested("Monitoring").await;
    if let Some(Some(nested)) = findings.take("nested stack Monitoring", nested) {
        let asked = asked_parameters(stack)?;
        let asked: Vec<(&str, &str)> = asked
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let expected = expected_alarms(&nested.with_parameters(&asked));
        let expected = findings.take("the template of nested stack Monitoring", expected);
        wanted.extend(expected.unwrap_or_default());
    }
    if wanted.is_empty() {
        return Ok(None);
    }

    let mut described = described(stack, &wanted).await?;
    let mut alarms = Vec::new();
    for (name, expected) in wanted {
        match described.remove(&name) {
            None => findings.problem(format!("alarm {name} does not exist")),
            Some(actual) => alarms.push(Alarm {
                name,
                expected,
                actual,
            }),
        }
    }
    Ok(Some(alarms))
}

impl Alarm {
    /// Returns the reasons why the alarm does not notify, although it has actions.
    pub(super) fn silences(&self) -> Vec<String> {
        let (name, actual) = (&self.name, &self.actual);
        let mut reasons = Vec::new();
        if text(&actual["ActionsEnabled"]) == "false" {
            reasons.push(format!("the actions of alarm {name} are disabled"));
        }
        let suppressor = text(&actual["ActionsSuppressor"]);
        if !suppressor.is_empty() && text(&self.expected["ActionsSuppressor"]) != suppressor {
            reasons.push(format!(
                "the actions of alarm {name} are suppressed while alarm {suppressor} is in state \
                 ALARM, expected no suppressor"
            ));
        }
        let suppressed_by = text(&actual["ActionsSuppressedBy"]);
        if !suppressed_by.is_empty() {
            reasons.push(format!(
                "the actions of alarm {name} are suppressed now: {suppressed_by}"
            ));
        }
        reasons
    }
}

/// Returns the parameters that the template of the stack asks for in its nested stack. Those of the
/// deployed nested stack can differ, if it was updated by itself.
fn asked_parameters(stack: &Stack) -> Result<Vec<(String, String)>, Unread> {
    let properties = stack.expected("Monitoring")?.unwrap_or_default();
    let parameters = properties["Parameters"].as_object().into_iter().flatten();
    let value = |value: &Value| match queue_name(stack, value) {
        Some(name) => Some(name),
        None => is_known(value).then(|| plain(value)),
    };
    Ok(parameters
        .filter_map(|(name, asked)| Some((name.clone(), value(asked)?)))
        .collect())
}

/// Returns the name of a queue for `{"Fn::GetAtt": [QUEUE, "QueueName"]}`.
fn queue_name(stack: &Stack, value: &Value) -> Option<String> {
    let [queue, attribute] = array(&value["Fn::GetAtt"]) else {
        return None;
    };
    let resource = stack
        .resource(text(queue))
        .filter(|_| attribute == "QueueName")?;
    resource.id.rsplit('/').next().map(str::to_owned)
}

/// Returns the verdict for a stack whose template asks for no alarm.
pub(super) fn without_alarms(findings: Findings) -> Verdict {
    if findings.is_empty() {
        Verdict::not_applicable("the stack has no alarms")
    } else {
        findings.verdict("the template of the stack has no alarm")
    }
}

/// Returns the names and the properties of the alarms of one stack.
fn expected_alarms(stack: &Stack) -> Result<Vec<(String, Value)>, Unread> {
    let mut found = Vec::new();
    for kind in KINDS {
        for logical in stack.expected_of_kind(kind)? {
            let expected = stack.expected(&logical)?.unwrap_or_default();
            let name = match (text(&expected["AlarmName"]), stack.resource(&logical)) {
                ("", Some(resource)) => resource.id.clone(),
                ("", None) => logical,
                (name, _) => name.to_owned(),
            };
            found.push((name, expected));
        }
    }
    Ok(found)
}

/// Returns the descriptions by name.
async fn described(
    stack: &Stack,
    wanted: &[(String, Value)],
) -> Result<BTreeMap<String, Value>, Unread> {
    let fields = [("MaxRecords", MAX_ALARMS)];
    let call = Call::query(Service::CloudWatch, "DescribeAlarms", &fields)
        .with_list("AlarmNames", wanted.iter().map(|(name, _)| name.as_str()))
        .with_list("AlarmTypes", ["MetricAlarm", "CompositeAlarm"]);
    let response = stack.account().read(&call).await?;

    let result = &response["DescribeAlarmsResult"];
    let metric = array(&result["MetricAlarms"]);
    let all = metric.iter().chain(array(&result["CompositeAlarms"]));
    Ok(all
        .map(|alarm| (text(&alarm["AlarmName"]).to_owned(), alarm.clone()))
        .collect())
}
