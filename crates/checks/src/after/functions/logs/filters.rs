//! Subscriptions and metric filters of the log groups.

use serde_json::{Value, json};

use crate::aws::{Call, Service, Unread, text};
use crate::findings::Findings;
use crate::stack::Stack;

use super::super::comparison::{is_arn_of, is_known, resource_of_arn};

/// Compares subscriptions and metric filters with the template, and returns how many were compared.
pub(super) async fn check(stack: &Stack, findings: &mut Findings) -> Result<usize, Unread> {
    let mut compared = 0;
    let subscriptions = stack.expected_of_kind("AWS::Logs::SubscriptionFilter")?;
    for name in &subscriptions {
        let operation = "DescribeSubscriptionFilters";
        let found = read(stack, name, operation, "/subscriptionFilters", findings).await?;
        if let Some((expected, found)) = found {
            compared += 1;
            subscription(stack, name, &expected, &found, findings);
        }
    }

    let metric_filters = stack.expected_of_kind("AWS::Logs::MetricFilter")?;
    for name in &metric_filters {
        let operation = "DescribeMetricFilters";
        let found = read(stack, name, operation, "/metricFilters", findings).await?;
        if let Some((expected, found)) = found {
            compared += 1;
            metric_filter(name, &expected, &found, findings);
        }
    }
    Ok(compared)
}

/// Returns what the template asks for, and all filters of its log group.
async fn read(
    stack: &Stack,
    name: &str,
    operation: &'static str,
    list: &str,
    findings: &mut Findings,
) -> Result<Option<(Value, Vec<Value>)>, Unread> {
    let Some(expected) = stack.expected(name)? else {
        return Ok(None);
    };
    let group = text(&expected["LogGroupName"]);
    let body = json!({"logGroupName": group});
    let call = Call::json(Service::Logs, operation, &body);
    let read = stack.account().read_all(&call, list).await;
    let filters = findings.take(&format!("log group {group}"), read);
    Ok(filters.map(|filters| (expected, filters)))
}

fn subscription(
    stack: &Stack,
    name: &str,
    expected: &Value,
    found: &[Value],
    findings: &mut Findings,
) {
    let group = text(&expected["LogGroupName"]);
    let destination = resource_of_arn(stack, &expected["DestinationArn"]);
    let Some(destination) = destination else {
        findings.unproven(format!("{name}: the expected destination is not known"));
        return;
    };
    let to_it = |filter: &&Value| is_arn_of(text(&filter["destinationArn"]), destination);
    let filters: Vec<&Value> = found.iter().filter(to_it).collect();
    if filters.is_empty() {
        findings.problem(format!(
            "log group {group} has no subscription to {destination} ({name})"
        ));
    } else if !filters.iter().any(|filter| has_pattern(filter, expected)) {
        findings.problem(format!(
            "log group {group}: the subscription to {destination} has the pattern `{}`, expected \
             `{}` ({name})",
            text(&filters[0]["filterPattern"]),
            text(&expected["FilterPattern"])
        ));
    }
}

fn metric_filter(name: &str, expected: &Value, found: &[Value], findings: &mut Findings) {
    let group = text(&expected["LogGroupName"]);
    let metric = &expected["MetricTransformations"][0];
    if !is_known(metric) {
        findings.unproven(format!("{name}: the expected metric is not known"));
        return;
    }
    let counts = |filter: &&Value| {
        let actual = &filter["metricTransformations"][0];
        actual["metricName"] == metric["MetricName"]
            && actual["metricNamespace"] == metric["MetricNamespace"]
    };
    match found.iter().find(counts) {
        None => findings.problem(format!(
            "log group {group} has no filter for the metric {} ({name})",
            text(&metric["MetricName"])
        )),
        Some(filter) if !has_pattern(filter, expected) => findings.problem(format!(
            "log group {group}: the filter for the metric {} has the pattern `{}`, expected `{}` \
             ({name})",
            text(&metric["MetricName"]),
            text(&filter["filterPattern"]),
            text(&expected["FilterPattern"])
        )),
        Some(_) => {}
    }
}

/// True if the pattern is that of the template. Spaces between words do not count.
fn has_pattern(filter: &Value, expected: &Value) -> bool {
    let words = |value: &Value| -> Vec<String> {
        text(value).split_whitespace().map(str::to_owned).collect()
    };
    !is_known(&expected["FilterPattern"])
        || words(&filter["filterPattern"]) == words(&expected["FilterPattern"])
}
