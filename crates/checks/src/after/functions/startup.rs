//! Starts of the authorizer in the last hour.

mod log;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};

use crate::aws::{Unread, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::function::{Function, authorizer};
use super::metrics::{Metric, total, values};
use log::{Failures, failed_starts, has_decided};

const CHECK: Check = Check {
    id: "authorizer-starts",
    group: Group::Functions,
    title: "The current version of the authorizer starts with its policy",
    explanation: "A deployment succeeds even if the policy is invalid. The authorizer then does \
                  not start, and every request fails with 500. The check does not invoke \
                  functions. It reads the log and the metrics of the last hour.",
    fix: "If a start failed, correct what the line names: `AuthPolicy`, `JwtIssuer`, a secret, or \
          the policy in the registry. If there were no requests, send one with a key, and check \
          again.",
    permissions: &[
        "lambda:GetFunctionConfiguration",
        "logs:FilterLogEvents",
        "cloudwatch:GetMetricData",
    ],
    evidence: Some("Every `bootstrap` responds to its events."),
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

/// The time that is looked at, at most. It begins no earlier than the current version.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let function = authorizer(stack)?;
    let mut findings = Findings::default();
    let read = function.configuration(stack).await;
    let Some(configuration) = findings.take(&function.to_string(), read) else {
        return Ok(findings.into_verdict());
    };

    let version = text(&configuration["Version"]);
    let published = text(&configuration["LastModified"]).parse::<Timestamp>();
    let hour = stack.now() - WINDOW;
    let since = published.map_or(hour, |published| published.max(hour));

    let group = stack.resource("AuthorizerLogGroup");
    let group = group.map_or("", |group| group.id.as_str());
    let read = failed_starts(stack, group, version, since).await;
    if let Some(failures) = findings.take(&format!("log group {group}"), read) {
        report(&function, version, &failures, &mut findings);
    }

    let read = invocations(stack, &function, since).await;
    match findings.take(&function.to_string(), read) {
        None => {}
        Some(count) if count > 0.0 => findings.fact(format!(
            "{function} is version {version}, with {count:.0} invocations since {since:.0}"
        )),
        // Metrics are some minutes late.
        Some(_) => {
            let read = has_decided(stack, group, version, since).await;
            decisions(&function, version, since, read, &mut findings);
        }
    }
    Ok(findings.into_verdict())
}

fn decisions(
    function: &Function<'_>,
    version: &str,
    since: Timestamp,
    read: Result<bool, Unread>,
    findings: &mut Findings,
) {
    match findings.take(&format!("the log of {function}"), read) {
        None => {}
        Some(true) => findings.fact(format!(
            "{function} is version {version}, which has decided on requests since {since:.0}"
        )),
        Some(false) => findings.unproven(format!(
            "{function} has not been invoked since {since:.0}, so nothing shows that version \
             {version} starts"
        )),
    }
}

fn report(function: &Function<'_>, version: &str, failures: &Failures, findings: &mut Findings) {
    let count = failures.count;
    match &failures.cause {
        Some(cause) => findings.problem(format!(
            "{function}: {count} starts of version {version} failed, the last one with: {cause}"
        )),
        None if failures.is_complete => {
            findings.fact(format!("no failed start of version {version} in the log"));
        }
        None => findings.unproven("the log is so large that only its beginning was read"),
    }
}

/// Returns the number of invocations of the alias.
async fn invocations(
    stack: &Stack,
    function: &Function<'_>,
    since: Timestamp,
) -> Result<f64, Unread> {
    let resource = match function.alias {
        Some(alias) => format!("{}:{alias}", function.id),
        None => function.id.to_owned(),
    };
    let metric = Metric {
        namespace: "AWS/Lambda",
        name: "Invocations",
        dimensions: vec![("FunctionName", function.id), ("Resource", &resource)],
        statistic: "Sum",
    };
    let values = values(stack, &[metric], since).await?;
    Ok(values.first().map_or(0.0, |values| total(values)))
}
