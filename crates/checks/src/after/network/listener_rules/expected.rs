//! A listener rule as the template asks for it.

use serde_json::Value;

use crate::aws::{Unread, array, text};
use crate::load_balancer::ListenerRule;
use crate::stack::Stack;

/// A rule that the template asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ExpectedRule {
    /// The name in the template.
    pub(super) name: &'static str,
    /// The ARN, or `None` if the stack does not have the rule.
    pub(super) arn: Option<String>,
    priority: String,
    header: String,
    pub(super) values: Vec<String>,
    response: Response,
}

/// A response of the load balancer itself.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Response {
    status: String,
    content_type: String,
    body: String,
}

impl ExpectedRule {
    /// Returns the rule of a name in the template.
    ///
    /// # Errors
    /// [`Unread`] if the template cannot be read or evaluated.
    pub(super) fn of(stack: &Stack, name: &'static str) -> Result<Self, Unread> {
        let properties = stack.expected(name)?.unwrap_or_default();
        let header = &properties["Conditions"][0]["HttpHeaderConfig"];
        let values = array(&header["Values"]).iter().map(scalar).collect();
        Ok(Self {
            name,
            arn: stack.resource(name).map(|resource| resource.id.clone()),
            priority: scalar(&properties["Priority"]),
            header: text(&header["HttpHeaderName"]).to_owned(),
            values,
            response: Response::of(&properties["Actions"][0]),
        })
    }

    /// Returns how a rule of the listener differs. A priority is not compared.
    pub(super) fn differences(&self, rule: &ListenerRule) -> Vec<String> {
        let name = self.name;
        let mut differences = self.condition_differences(rule);
        match rule.actions.as_slice() {
            [action] if action["Type"] == "fixed-response" => {
                differences.extend(self.response.differences(&Response::of(action)));
            }
            _ => {
                let types: Vec<&str> = rule.actions.iter().map(|it| text(&it["Type"])).collect();
                let types = types.join(", ");
                differences.push(format!("has the actions {types}, expected fixed-response"));
            }
        }

        differences
            .iter()
            .map(|difference| format!("{name}, {rule}: {difference}"))
            .collect()
    }

    /// Returns the difference of the priority, if there is one.
    pub(super) fn priority_difference(&self, rule: &ListenerRule) -> Option<String> {
        let is_same =
            rule.priority.map(|number| number.to_string()).as_ref() == Some(&self.priority);
        let (name, priority) = (self.name, &self.priority);
        (!is_same).then(|| format!("{name}, {rule}: expected the priority {priority}"))
    }

    /// True if a rule gives the same response.
    pub(super) fn has_response_of(&self, rule: &ListenerRule) -> bool {
        let last = rule.actions.last();
        last.is_some_and(|action| Response::of(action) == self.response)
    }

    /// True if a rule matches a value of this rule. `*` and `?` are wildcards, taken as a match.
    pub(super) fn overlaps(&self, rule: &ListenerRule) -> bool {
        rule.header_conditions()
            .filter(|condition| condition.name == self.header)
            .any(|condition| {
                condition.has_patterns
                    || condition.values.iter().any(|value| {
                        value.contains(['*', '?'])
                            || self
                                .values
                                .iter()
                                .any(|own| own.eq_ignore_ascii_case(value))
                    })
            })
    }

    fn condition_differences(&self, rule: &ListenerRule) -> Vec<String> {
        let (header, values) = (&self.header, self.values.join(", "));
        let mut differences = Vec::new();
        for condition in &rule.conditions {
            let field = text(&condition["Field"]);
            if field != "http-header" {
                differences.push(format!(
                    "has a condition on {field}, expected only one on the header {header}"
                ));
            }
        }

        let conditions: Vec<_> = rule.header_conditions().collect();
        let has_own = conditions.iter().any(|condition| {
            condition.name == *header && condition.values == self.values && !condition.has_patterns
        });
        if !has_own {
            differences.push(format!(
                "has no condition on the header {header} with exactly the value {values}"
            ));
        } else if conditions.len() > 1 {
            differences.push(format!(
                "has several conditions on headers, expected only one on {header}"
            ));
        }
        differences
    }
}

impl Response {
    fn of(action: &Value) -> Self {
        let response = &action["FixedResponseConfig"];
        Self {
            status: scalar(&response["StatusCode"]),
            content_type: scalar(&response["ContentType"]),
            body: scalar(&response["MessageBody"]).trim().to_owned(),
        }
    }

    fn differences(&self, actual: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        if actual.status != self.status {
            let (is, expected) = (&actual.status, &self.status);
            differences.push(format!("responds with {is}, expected {expected}"));
        }
        if actual.content_type != self.content_type {
            let (is, expected) = (&actual.content_type, &self.content_type);
            differences.push(format!("has the content type {is}, expected {expected}"));
        }
        if actual.body != self.body {
            differences.push("has another body than the template".to_owned());
        }
        differences
    }
}

/// Returns a string, number or boolean as text.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
