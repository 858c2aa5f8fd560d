//! Policies of resources, such as keys and topics.

use serde_json::Value;

use crate::policy_document::{statements, texts};

/// True if a statement of the policy allows the action to an AWS service. Conditions are not
/// evaluated. A statement for all principals counts.
pub(super) fn allows_service(policy: &Value, service: &str, action: &str) -> bool {
    statements(policy).iter().any(|statement| {
        statement["Effect"] == "Allow"
            && is_for(&statement["Principal"], service)
            && texts(&statement["Action"])
                .iter()
                .any(|pattern| matches(pattern, action))
    })
}

fn is_for(principal: &Value, service: &str) -> bool {
    let everyone = |value: &Value| texts(value).contains(&"*");
    everyone(principal)
        || everyone(&principal["AWS"])
        || texts(&principal["Service"])
            .iter()
            .any(|text| *text == service || *text == "*")
}

/// True if a pattern for actions matches. `*` stands for any characters. Case does not matter.
fn matches(pattern: &str, action: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    let action = action.to_ascii_lowercase();
    match pattern.split_once('*') {
        None => pattern == action,
        Some((prefix, "")) => action.starts_with(prefix),
        // A wildcard inside of a name is rare, and is not claimed to match.
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn statements_for_a_service_are_found() {
        let allows = |statement: Value| {
            let policy = json!({"Statement": [statement]});
            allows_service(&policy, "cloudwatch.amazonaws.com", "sns:Publish")
        };
        let service = json!({"Service": ["events.amazonaws.com", "cloudwatch.amazonaws.com"]});
        for action in [json!("SNS:Publish"), json!(["sns:Pub*"]), json!("*")] {
            let statement = json!({"Effect": "Allow", "Principal": service, "Action": action});
            assert!(allows(statement));
        }
        let all = json!({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sns:*"});
        assert!(allows(all));
    }

    #[test]
    fn other_statements_do_not_count() {
        let policy = |effect: &str, service: &str, action: &str| json!({"Statement": {"Effect": effect, "Principal": {"Service": service}, "Action": action}});
        let service = "cloudwatch.amazonaws.com";
        for policy in [
            policy("Deny", service, "*"),
            policy("Allow", "events.amazonaws.com", "*"),
            policy("Allow", service, "sns:Subscribe"),
            policy("Allow", service, "s*h"),
            json!({}),
        ] {
            assert!(!allows_service(&policy, service, "sns:Publish"), "{policy}");
        }
    }
}
