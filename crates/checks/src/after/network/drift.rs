//! Changes of the stack's resources that CloudFormation did not make.

use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;

use crate::aws::{Call, Service, Unread, array, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

/// The number of resources that are compared at the same time.
const CONCURRENCY: usize = 6;

/// The resources that decide which requests reach a service. The group of the functions is not one
/// of them: its rule for endpoints is a resource of its own, which counts as a difference.
const RESOURCES: [&str; 10] = [
    "ThrottledRule",
    "UnavailableRule",
    "AlbFromVpcLink",
    "VpcLinkSecurityGroup",
    "ProtectedIntegration",
    "PublicIntegration",
    "LimiterIntegration",
    "Authorizer",
    "EndpointsFromFunctions",
    "DynamoDbEndpoint",
];

const CHECK: Check = Check {
    id: "drift",
    group: Group::Network,
    title: "Rules, integrations and the authorizer are as CloudFormation made them",
    explanation: "A change by hand stays until the next deployment changes the same property. Until \
                  then, the template does not describe what is in force. CloudFormation compares \
                  only properties that the template names, and not all types of resources.",
    fix: "Change the property back to the value in the template. `aws cloudformation \
          describe-stack-resource-drifts --stack-name NAME` prints both values, which can include \
          the secret of OriginSecretArn.",
    permissions: &[
        "cloudformation:DetectStackResourceDrift",
        "apigateway:GET",
        "ec2:DescribeSecurityGroupRules",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeVpcEndpoints",
        "elasticloadbalancing:DescribeRules",
        "elasticloadbalancing:DescribeTags",
    ],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let existing = (0..RESOURCES.len()).filter(|index| stack.resource(RESOURCES[*index]).is_some());
    // A closure that takes a reference would make the future less general than an entry needs.
    let reads = existing.map(|index| async move {
        let name = RESOURCES[index];
        (name, drift(stack, name).await)
    });
    let read: Vec<_> = stream::iter(reads).buffered(CONCURRENCY).collect().await;
    if read.is_empty() {
        let detail = "the stack has no resource that is compared";
        return Ok(Verdict::not_applicable(detail));
    }

    let compared = read.len();
    let mut findings = Findings::default();
    let mut unchanged = Vec::new();
    let mut unsupported = Vec::new();
    for (name, outcome) in read {
        match outcome {
            Ok(drift) => match text(&drift["StackResourceDriftStatus"]) {
                "IN_SYNC" => unchanged.push(name),
                "MODIFIED" if is_only_secret(&drift) => unchanged.push(name),
                "UNSUPPORTED" | "NOT_CHECKED" => unsupported.push(name),
                _ => add_differences(name, &drift, &mut findings),
            },
            Err(Unread::Failed(problem)) if problem.contains("not supported") => {
                unsupported.push(name);
            }
            Err(reason) => findings.unread(name, &reason),
        }
    }

    if unsupported.len() == compared {
        let names = unsupported.join(", ");
        return Ok(Verdict::not_proven(format!(
            "CloudFormation cannot compare {names}"
        )));
    }
    Ok(findings.verdict(known(&unchanged, &unsupported)))
}

async fn drift(stack: &Stack, name: &str) -> Result<Value, Unread> {
    let fields = [("StackName", stack.name()), ("LogicalResourceId", name)];
    let call = Call::query(Service::CloudFormation, "DetectStackResourceDrift", &fields);
    let response = stack.account().read(&call).await?;
    Ok(response["DetectStackResourceDriftResult"]["StackResourceDrift"].clone())
}

/// Adds the paths of the properties that differ, without their values: these can be secrets.
fn add_differences(name: &str, drift: &Value, findings: &mut Findings) {
    match text(&drift["StackResourceDriftStatus"]) {
        "DELETED" => findings.problem(format!("{name} was deleted")),
        "MODIFIED" => add_changes(name, array(&drift["PropertyDifferences"]), findings),
        status => {
            let reason = text(&drift["DriftStatusReason"]);
            findings.unproven(format!("{name}: the status is {status} {reason}"));
        }
    }
}

fn add_changes(name: &str, differences: &[Value], findings: &mut Findings) {
    if differences.is_empty() {
        findings.problem(format!(
            "{name} was changed, and CloudFormation does not name the properties"
        ));
    }
    for difference in differences {
        if is_secret(difference) {
            continue;
        }
        let path = text(&difference["PropertyPath"]);
        let change = match text(&difference["DifferenceType"]) {
            "ADD" => "was added",
            "REMOVE" => "was removed",
            _ => "was changed",
        };
        findings.problem(format!("{name}: {path} {change}"));
    }
}

/// True for the mapping with the secret of OriginSecretArn. The template has a reference in its
/// place, so the values differ. The check `origin-proof` compares it.
fn is_secret(difference: &Value) -> bool {
    let path = text(&difference["PropertyPath"]);
    path.ends_with("overwrite:header.x-tollgate-origin")
        && text(&difference["DifferenceType"]) == "NOT_EQUAL"
}

/// True if the only difference is the secret in place of its reference.
fn is_only_secret(drift: &Value) -> bool {
    let differences = array(&drift["PropertyDifferences"]);
    !differences.is_empty() && differences.iter().all(is_secret)
}

fn known(unchanged: &[&str], unsupported: &[&str]) -> String {
    let mut known = match unchanged {
        [] => "no resource is known to be unchanged".to_owned(),
        names => format!("unchanged: {}", names.join(", ")),
    };
    if !unsupported.is_empty() {
        let names = unsupported.join(", ");
        known.push_str(&format!("; CloudFormation cannot compare {names}"));
    }
    known
}

#[cfg(test)]
mod tests;
