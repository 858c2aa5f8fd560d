//! The rules of a listener.

use std::fmt;

use serde_json::Value;

use crate::aws::{Account, Call, Service, Unread, array, text};

/// The header that the rules of a Tollgate stack match.
pub(crate) const DECISION_HEADER: &str = "x-tollgate-decision";

/// A rule of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListenerRule {
    /// The ARN.
    pub(crate) arn: String,
    /// The priority. The lowest number comes first. `None` for the default rule, the last one.
    pub(crate) priority: Option<u32>,
    /// The conditions as Elastic Load Balancing describes them. All must match.
    pub(crate) conditions: Vec<Value>,
    /// The actions as Elastic Load Balancing describes them.
    pub(crate) actions: Vec<Value>,
}

/// A condition on a header of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderCondition<'a> {
    /// The name in lower case.
    pub(crate) name: String,
    /// The values, of which one must match. They can contain a secret.
    pub(crate) values: Vec<&'a str>,
    /// True if a regular expression matches too.
    pub(crate) has_patterns: bool,
}

impl ListenerRule {
    /// Returns a rule from `DescribeRules`.
    pub(crate) fn of(value: &Value) -> Self {
        Self {
            arn: text(&value["RuleArn"]).to_owned(),
            priority: text(&value["Priority"]).parse().ok(),
            conditions: array(&value["Conditions"]).to_vec(),
            actions: array(&value["Actions"]).to_vec(),
        }
    }

    /// Returns the conditions on headers.
    pub(crate) fn header_conditions(&self) -> impl Iterator<Item = HeaderCondition<'_>> {
        self.conditions
            .iter()
            .filter(|condition| condition["Field"] == "http-header")
            .map(|condition| {
                let header = &condition["HttpHeaderConfig"];
                HeaderCondition {
                    name: text(&header["HttpHeaderName"]).to_ascii_lowercase(),
                    values: array(&header["Values"]).iter().map(text).collect(),
                    has_patterns: !array(&header["RegexValues"]).is_empty(),
                }
            })
    }

    /// True if a condition is on the header of the decision.
    pub(crate) fn is_on_decision(&self) -> bool {
        self.header_conditions()
            .any(|condition| condition.name == DECISION_HEADER)
    }

    /// Returns the target groups that requests are forwarded to.
    pub(crate) fn target_groups(&self) -> Vec<&str> {
        let forwards = self.actions.iter().filter(|it| it["Type"] == "forward");
        let mut groups: Vec<&str> = forwards
            .flat_map(|action| {
                let weighted = array(&action["ForwardConfig"]["TargetGroups"]).iter();
                weighted
                    .filter(|group| group["Weight"] != "0")
                    .chain(std::iter::once(action))
                    .map(|group| text(&group["TargetGroupArn"]))
            })
            .filter(|arn| !arn.is_empty())
            .collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// Returns the type of the last action, such as `forward`. The actions before it authenticate.
    pub(crate) fn kind(&self) -> &str {
        self.actions
            .last()
            .map_or("", |action| text(&action["Type"]))
    }
}

impl fmt::Display for ListenerRule {
    /// Writes the ID and the priority, as in `rule 1a2b3c (priority 5)`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.arn.rsplit('/').next().unwrap_or_default();
        match self.priority {
            Some(priority) => write!(formatter, "rule {id} (priority {priority})"),
            None => write!(formatter, "the default rule {id}"),
        }
    }
}

/// Reads the rules of a listener, with the default rule.
///
/// # Errors
/// [`Unread`] if they cannot be read.
pub(crate) async fn rules(account: &Account, listener: &str) -> Result<Vec<ListenerRule>, Unread> {
    let fields = [("ListenerArn", listener)];
    let call = Call::query(Service::LoadBalancing, "DescribeRules", &fields);
    let found = account
        .read_all(&call, "/DescribeRulesResult/Rules")
        .await?;
    Ok(found.iter().map(ListenerRule::of).collect())
}

/// Returns the rules that come before a priority, without those in `own` and without rules of other
/// Tollgate stacks, which match the same header.
pub(crate) fn rules_before<'a>(
    rules: &'a [ListenerRule],
    own: &[&str],
    priority: u32,
) -> Vec<&'a ListenerRule> {
    let mut before: Vec<&ListenerRule> = rules
        .iter()
        .filter(|rule| rule.priority.is_some_and(|number| number <= priority))
        .filter(|rule| !own.contains(&rule.arn.as_str()) && !rule.is_on_decision())
        .collect();
    before.sort_by_key(|rule| rule.priority);
    before
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(priority: &str, header: Option<&str>) -> ListenerRule {
        let conditions: Vec<Value> = header
            .into_iter()
            .map(|name| json!({"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": name, "Values": ["v"]}}))
            .collect();
        ListenerRule::of(&json!({
            "RuleArn": format!("arn:listener-rule/app/internal/1/2/{priority}"),
            "Priority": priority,
            "Conditions": conditions,
        }))
    }

    #[test]
    fn rules_before_a_priority_are_found() {
        let rules = [
            rule("default", None),
            rule("7", None),
            rule("5", None),
            rule("3", Some("X-Tollgate-Decision")),
            rule("2", Some("x-other")),
            rule("1", None),
        ];
        let before = rules_before(&rules, &["arn:listener-rule/app/internal/1/2/1"], 5);
        let names: Vec<String> = before.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["rule 2 (priority 2)", "rule 5 (priority 5)"]);
    }

    #[test]
    fn target_groups_with_weight_are_found() {
        let rule = ListenerRule::of(&json!({"Actions": [
            {"Type": "authenticate-oidc"},
            {"Type": "forward", "TargetGroupArn": "a", "ForwardConfig": {"TargetGroups": [
                {"TargetGroupArn": "a", "Weight": "1"},
                {"TargetGroupArn": "b", "Weight": "0"},
                {"TargetGroupArn": "c"},
            ]}},
        ]}));
        assert_eq!(rule.target_groups(), ["a", "c"]);
        assert_eq!(rule.kind(), "forward");
    }
}
