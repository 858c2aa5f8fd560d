//! The state of the stack and its nested stacks.

use serde_json::Value;

use crate::aws::{Call, Service, Unread, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "stack-complete",
    group: Group::Monitoring,
    title: "The stack, its nested stacks and all their resources are complete",
    explanation: "After a failed operation, a stack can be a mixture of two versions, or run with \
                  its previous parameters. An operation in progress changes what the other checks \
                  read. Without termination protection, one command deletes the stack and its \
                  usage counters.",
    fix: "If an operation is in progress, wait, for example with `--wait 10m`. If it failed, see \
          the events of the stack for the first error, correct it and deploy again. Enable \
          termination protection with `aws cloudformation update-termination-protection`.",
    permissions: &[
        "cloudformation:DescribeStacks",
        "cloudformation:ListStackResources",
        "cloudformation:GetTemplate",
    ],
    evidence: Some("The SAM CLI deploys, updates and deletes the template."),
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

const NESTED_STACK: &str = "AWS::CloudFormation::Stack";

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let mut findings = Findings::default();
    look_at(stack, &mut findings);
    let nested: Vec<&str> = stack
        .resources()
        .filter(|(_, resource)| resource.kind == NESTED_STACK)
        .map(|(name, _)| name)
        .collect();
    for name in &nested {
        let read = stack.nested(name).await;
        if let Some(Some(child)) = findings.take(&format!("nested stack {name}"), read) {
            look_at(&child, &mut findings);
        }
    }

    let outputs = stack.expected_outputs();
    for name in findings.take("the template", outputs).unwrap_or_default() {
        if stack.output(&name).is_none() {
            findings.problem(format!("output {name} is missing"));
        }
    }
    if stack.parameter("Environment") == "production" {
        termination(stack, &description(stack).await?, &mut findings);
    }

    let (name, status) = (stack.name(), stack.status());
    let resources = stack.resources().count();
    let detail = format!("stack {name} is {status}, with {resources} resources");
    Ok(findings.verdict(match nested.len() {
        0 => detail,
        count => format!("{detail} and {count} nested stacks"),
    }))
}

/// Looks at the states of one stack and of its resources.
fn look_at(stack: &Stack, findings: &mut Findings) {
    let (name, status) = (stack.name(), stack.status());
    match status {
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" => {}
        "UPDATE_ROLLBACK_COMPLETE" | "IMPORT_ROLLBACK_COMPLETE" => findings.warning(format!(
            "stack {name} is {status}: the last operation failed, and the previous version runs"
        )),
        "ROLLBACK_COMPLETE" => findings.problem(format!(
            "stack {name} is {status}: its creation failed, delete it before the next attempt"
        )),
        "REVIEW_IN_PROGRESS" => findings.problem(format!(
            "stack {name} is {status}: its change set was never executed"
        )),
        _ => findings.problem(format!(
            "stack {name} is {status}, expected CREATE_COMPLETE or UPDATE_COMPLETE"
        )),
    }

    for (logical, resource) in stack.resources() {
        let status = &resource.status;
        if !status.ends_with("_COMPLETE") && status != "DELETE_SKIPPED" {
            findings.problem(format!("resource {logical} of stack {name} is {status}"));
        }
    }
}

fn termination(stack: &Stack, description: &Value, findings: &mut Findings) {
    if text(&description["EnableTerminationProtection"]) != "true" {
        let name = stack.name();
        findings.warning(format!(
            "stack {name} is in production without termination protection"
        ));
    }
}

/// Returns the description that the stack was read from.
async fn description(stack: &Stack) -> Result<Value, Unread> {
    let fields = [("StackName", stack.name())];
    let call = Call::query(Service::CloudFormation, "DescribeStacks", &fields);
    let response = stack.account().read(&call).await?;
    Ok(response["DescribeStacksResult"]["Stacks"][0].clone())
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const STACKS: &str = "cloudformation.DescribeStacks.xml";
    const NESTED: &str = "cloudformation.DescribeStacks@stack~tollgate-Monitoring.xml";
    const RESOURCES: &str = "cloudformation.ListStackResources.xml";

    async fn verdict(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    async fn with_status(file: &str, status: &str) -> Verdict {
        let recorded = Recorded::healthy();
        verdict(recorded.with(file, |text| text.replacen("UPDATE_COMPLETE", status, 1))).await
    }

    #[tokio::test]
    async fn complete_stack_passes() {
        let verdict = verdict(Recorded::healthy()).await;
        assert_eq!(verdict.status, Status::Ok, "{:?}", verdict.details);
        assert!(verdict.details[0].ends_with("and 1 nested stacks"));
    }

    #[tokio::test]
    async fn unfinished_and_failed_operations_fail() {
        for status in [
            "UPDATE_IN_PROGRESS",
            "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
            "UPDATE_ROLLBACK_FAILED",
            "ROLLBACK_COMPLETE",
            "REVIEW_IN_PROGRESS",
        ] {
            let verdict = with_status(STACKS, status).await;
            assert_eq!(verdict.status, Status::Failed, "{status}");
            let expected = format!("stack tollgate is {status}");
            assert!(verdict.details[0].starts_with(&expected), "{verdict:?}");
        }
    }

    #[tokio::test]
    async fn rolled_back_update_is_a_warning() {
        let verdict = with_status(STACKS, "UPDATE_ROLLBACK_COMPLETE").await;
        assert_eq!(verdict.status, Status::Warning);
    }

    #[tokio::test]
    async fn nested_stack_is_checked_too() {
        let verdict = with_status(NESTED, "UPDATE_FAILED").await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            ["stack tollgate-Monitoring-1ABCDEF is UPDATE_FAILED, \
                 expected CREATE_COMPLETE or UPDATE_COMPLETE"]
        );
    }

    #[tokio::test]
    async fn failed_resource_is_named() {
        let recorded = Recorded::healthy().with(RESOURCES, |text| {
            let start = "<ResourceStatus>CREATE_COMPLETE</ResourceStatus><LogicalResourceId>Stage<";
            text.replace(start, &start.replace("CREATE_COMPLETE", "UPDATE_FAILED"))
        });
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            ["resource Stage of stack tollgate is UPDATE_FAILED"]
        );
    }

    #[tokio::test]
    async fn missing_output_fails() {
        let recorded = Recorded::healthy().with(STACKS, |text| {
            text.replace("<OutputKey>AuthorizerId<", "<OutputKey>Other<")
        });
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(verdict.details, ["output AuthorizerId is missing"]);
    }

    #[tokio::test]
    async fn production_without_termination_protection_is_a_warning() {
        let unprotected = |text: &str| {
            let field = "EnableTerminationProtection>";
            text.replace(&format!("<{field}true</{field}"), "")
        };
        let recorded = Recorded::healthy().with(STACKS, unprotected);
        assert_eq!(verdict(recorded.clone()).await.status, Status::Warning);

        let staging = recorded.with_parameter("Environment", "staging");
        assert_eq!(verdict(staging).await.status, Status::Ok);
    }

    #[tokio::test]
    async fn missing_permission_for_the_template_is_no_failure() {
        let verdict = verdict(Recorded::healthy().denied("cloudformation.GetTemplate.xml")).await;
        assert_eq!(verdict.status, Status::NotChecked);
        assert_eq!(verdict.details[0], "needs cloudformation:GetTemplate");
    }

    #[tokio::test]
    async fn missing_permission_for_the_nested_stack_is_no_failure() {
        let verdict = verdict(Recorded::healthy().denied(NESTED)).await;
        assert_eq!(verdict.status, Status::NotChecked);
    }
}
