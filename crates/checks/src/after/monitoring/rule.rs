//! The scheduled rules of the stack.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::aws::{Call, Service, Unread, text};
use crate::stack::Stack;

/// A scheduled rule that the template asks for.
pub(super) struct Rule {
    /// The name in the processed template.
    pub(super) logical: String,
    /// The name of the rule, or `None` if it does not exist.
    pub(super) name: Option<String>,
    /// The properties in the form of `AWS::Events::Rule`.
    pub(super) properties: Value,
    /// The instant of the last change by CloudFormation.
    pub(super) updated: Option<Timestamp>,
}

impl Rule {
    /// Returns the description of EventBridge.
    pub(super) async fn description(stack: &Stack, name: &str) -> Result<Arc<Value>, Unread> {
        let body = json!({"Name": name});
        let call = Call::json(Service::EventBridge, "DescribeRule", &body);
        stack.account().read(&call).await
    }

    /// Returns the target that the template asks for. Each rule of the template has one.
    pub(super) fn target(&self) -> &Value {
        &self.properties["Targets"][0]
    }

    /// Returns the schedule that the template asks for.
    pub(super) fn schedule(&self) -> &str {
        text(&self.properties["ScheduleExpression"])
    }
}

/// Returns the rules that the template asks for.
pub(super) fn rules(stack: &Stack) -> Result<Vec<Rule>, Unread> {
    let mut wanted: Vec<(String, Value)> = Vec::new();
    for logical in stack.expected_of_kind("AWS::Events::Rule")? {
        let properties = stack.expected(&logical)?.unwrap_or_default();
        wanted.push((logical, properties));
    }
    for function in stack.expected_of_kind("AWS::Serverless::Function")? {
        let properties = stack.expected(&function)?.unwrap_or_default();
        wanted.extend(schedules_of(&function, &properties));
    }

    let rule = |(logical, properties): (String, Value)| {
        let resource = stack.resource(&logical);
        Rule {
            name: resource.map(|it| rule_name(&it.id).to_owned()),
            updated: resource.and_then(|it| it.updated),
            logical,
            properties,
        }
    };
    Ok(wanted.into_iter().map(rule).collect())
}

/// Returns the rules that SAM makes of the schedules of a function.
fn schedules_of(function: &str, properties: &Value) -> Vec<(String, Value)> {
    let events = properties["Events"].as_object().into_iter().flatten();
    let schedules = events.filter(|(_, event)| event["Type"] == "Schedule");
    schedules
        .map(|(name, event)| {
            let event = &event["Properties"];
            let target = json!({
                "Arn": {"Fn::GetAtt": [function, "Arn"]},
                "RetryPolicy": event["RetryPolicy"],
                "DeadLetterConfig": event["DeadLetterConfig"],
            });
            let properties = json!({
                "ScheduleExpression": event["Schedule"],
                "Targets": [target],
            });
            (format!("{function}{name}"), properties)
        })
        .collect()
}

/// Returns the name in a physical ID, which contains the bus for other buses than the default.
fn rule_name(id: &str) -> &str {
    id.rsplit(['|', '/']).next().unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;

    use super::*;

    #[tokio::test]
    async fn rules_of_resources_and_of_functions_are_found() {
        let stack = Recorded::healthy().stack().await;
        let rules = rules(&stack).unwrap();
        let found: Vec<_> = rules
            .iter()
            .map(|rule| (rule.logical.as_str(), rule.name.as_deref(), rule.schedule()))
            .collect();
        assert_eq!(
            found,
            [
                (
                    "ProbeRule",
                    Some("tollgate-ProbeRule-AbCdEfGh"),
                    "rate(15 minutes)"
                ),
                (
                    "HealthRule",
                    Some("tollgate-HealthRule-AbCdEfGh"),
                    "rate(1 day)"
                ),
                (
                    "AlbSyncFunctionEveryMinute",
                    Some("tollgate-AlbSyncFunctionEveryMinute-AbCdEfGh"),
                    "rate(1 minute)"
                ),
            ]
        );
    }
}
