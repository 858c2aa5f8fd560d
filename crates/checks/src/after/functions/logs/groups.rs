//! The log groups of a stack.

use serde_json::{Value, json};

use crate::aws::{Call, Service, Unread, text};
use crate::findings::Findings;
use crate::stack::Stack;

use super::super::comparison::{is_known, is_same, plain};

/// Compares the log groups with the template, and returns how many were compared.
pub(super) async fn check(stack: &Stack, findings: &mut Findings) -> Result<usize, Unread> {
    let names = stack.expected_of_kind("AWS::Logs::LogGroup")?;
    let mut compared = 0;
    for name in &names {
        let Some(resource) = stack.resource(name) else {
            findings.problem(format!("the stack has no resource {name}"));
            continue;
        };
        let Some(expected) = stack.expected(name)? else {
            continue;
        };

        let body = json!({"logGroupNamePrefix": resource.id});
        let call = Call::json(Service::Logs, "DescribeLogGroups", &body);
        let read = stack.account().read_all(&call, "/logGroups").await;
        let subject = format!("log group {}", resource.id);
        let Some(groups) = findings.take(&subject, read) else {
            continue;
        };
        compared += 1;
        match groups
            .iter()
            .find(|group| group["logGroupName"] == *resource.id)
        {
            None => findings.problem(format!("{subject} does not exist")),
            Some(group) => compare(&subject, &expected, group, findings),
        }
    }
    Ok(compared)
}

fn compare(subject: &str, expected: &Value, group: &Value, findings: &mut Findings) {
    let days = &expected["RetentionInDays"];
    let actual = &group["retentionInDays"];
    if is_known(days) && !is_same(days, actual) {
        let actual = match actual {
            Value::Null => "for ever".to_owned(),
            actual => format!("for {actual} days"),
        };
        findings.problem(format!(
            "{subject} keeps lines {actual}, expected {} days",
            plain(days)
        ));
    }

    let key = text(&expected["KmsKeyId"]);
    let actual = text(&group["kmsKeyId"]);
    if is_known(&expected["KmsKeyId"]) && key != actual {
        findings.problem(format!(
            "{subject} is encrypted with {}, expected {}",
            key_name(actual),
            key_name(key)
        ));
    }
}

fn key_name(arn: &str) -> &str {
    if arn.is_empty() {
        "a key that AWS owns"
    } else {
        arn
    }
}
