//! The log groups, their subscriptions and metric filters.

mod access_log;
mod filters;
mod groups;
#[cfg(test)]
mod tests;

use crate::aws::Unread;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "log-groups",
    group: Group::Functions,
    title: "Logs are kept as the parameters say, and reach the metrics publisher",
    explanation: "The access log is the audit trail of the admin API. Metrics are counted from \
                  logs: without its subscription or metric filter, a log has no effect on \
                  dashboards and alarms, and they stay silent.",
    fix: "Deploy again, or correct the log group in CloudWatch Logs. If the access log has no \
          lines, send a request, and check again. A log group that was deleted by hand must be \
          created again with its name.",
    permissions: &[
        "logs:DescribeLogGroups",
        "logs:DescribeSubscriptionFilters",
        "logs:DescribeMetricFilters",
        "logs:DescribeLogStreams",
        "cloudformation:GetTemplate",
    ],
    evidence: Some("Access-log lines become metrics with the right counts."),
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let mut findings = Findings::default();
    let groups = groups::check(stack, &mut findings).await?;
    let filters = filters::check(stack, &mut findings).await?;
    access_log::check(stack, &mut findings).await;
    findings.fact_of_some(groups, "log groups are as in the template");
    findings.fact_of_some(filters, "filters are as in the template");
    Ok(findings.into_verdict())
}
