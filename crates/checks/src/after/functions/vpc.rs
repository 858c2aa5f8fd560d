//! The functions that run in the VPC.

use serde_json::Value;

use crate::aws::{Unread, array, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::comparison::{is_known, is_same, plain};
use super::function::{Function, functions};

const CHECK: Check = Check {
    id: "vpc-functions",
    group: Group::Functions,
    title: "Functions run in the subnets and security groups of the template, or outside the VPC",
    explanation: "A function in the wrong subnets may not reach DynamoDB or an issuer. A function \
                  in the wrong security group may reach more than it needs.",
    fix: "Deploy again with the parameters `AuthorizerInVpc`, `LimiterInVpc`, `SyncInVpc`, \
          `MetricsInVpc` and `PrivateSubnetIds` as intended, or correct the VPC settings of the \
          function in Lambda. The composer runs in the VPC if `VpcId` is set.",
    permissions: &[
        "lambda:GetFunctionConfiguration",
        "cloudformation:GetTemplate",
    ],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let mut findings = Findings::default();
    let mut in_vpc: Vec<&str> = Vec::new();
    let mut outside = 0;
    for function in &functions(stack) {
        let Some(template) = stack.expected(function.name)? else {
            continue;
        };
        let read = function.configuration(stack).await;
        let Some(configuration) = findings.take(&function.to_string(), read) else {
            continue;
        };

        let expected = &template["VpcConfig"];
        if expected.is_null() {
            outside += 1;
        } else {
            in_vpc.push(function.name);
        }
        compare(
            function,
            expected,
            &configuration["VpcConfig"],
            &mut findings,
        );
    }

    if !in_vpc.is_empty() {
        findings.fact(format!(
            "in the VPC, as in the template: {}",
            in_vpc.join(", ")
        ));
    }
    if outside > 0 {
        findings.fact(format!("{outside} functions run outside the VPC"));
    }
    Ok(findings.into_verdict())
}

fn compare(function: &Function<'_>, expected: &Value, actual: &Value, findings: &mut Findings) {
    if expected.is_null() {
        let vpc = text(&actual["VpcId"]);
        if !vpc.is_empty() || !array(&actual["SubnetIds"]).is_empty() {
            findings.problem(format!(
                "{function} runs in the VPC {vpc}, expected outside a VPC"
            ));
        }
        return;
    }
    for (name, words) in [
        ("SubnetIds", "subnets"),
        ("SecurityGroupIds", "security groups"),
    ] {
        let (expected, actual) = (&expected[name], &actual[name]);
        if !is_known(expected) {
            findings.unproven(format!(
                "{function}: the {words} of the template are not known"
            ));
        } else if !is_same(&listed(expected), &listed(actual)) {
            findings.problem(format!(
                "{function} has the {words} [{}], expected [{}]",
                plain(&listed(actual)),
                plain(&listed(expected))
            ));
        }
    }
}

/// Returns a list. A parameter with a list can be one string with commas.
fn listed(value: &Value) -> Value {
    match value {
        Value::String(text) => text.split(',').map(str::trim).collect(),
        Value::Null => Value::Array(Vec::new()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::composing::COMPOSER;
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const LIMITER: &str = "lambda.GET@LimiterFunction-AbCdEfGh~configuration.json";
    const RESOURCES: &str = "cloudformation.ListStackResources.xml";

    async fn verdict(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    /// Returns a stack with the limiter in the VPC.
    fn in_vpc() -> Recorded {
        let group = "<member><ResourceStatus>CREATE_COMPLETE</ResourceStatus>\
                     <LogicalResourceId>FunctionSecurityGroup</LogicalResourceId>\
                     <PhysicalResourceId>sg-0functions</PhysicalResourceId>\
                     <ResourceType>AWS::EC2::SecurityGroup</ResourceType></member>";
        Recorded::healthy()
            .with_parameter("LimiterInVpc", "true")
            .with(RESOURCES, |text| {
                let start = "<StackResourceSummaries>";
                text.replacen(start, &format!("{start}{group}"), 1)
            })
            .with(LIMITER, |text| {
                let mut configuration: Value = serde_json::from_str(text).unwrap();
                configuration["VpcConfig"] = serde_json::json!({
                    "SubnetIds": ["subnet-0b", "subnet-0a"],
                    "SecurityGroupIds": ["sg-0functions"],
                    "VpcId": "vpc-0a1",
                });
                configuration.to_string()
            })
    }

    #[tokio::test]
    async fn composer_runs_in_two_groups() {
        let stack = Recorded::composing().stack().await;
        let verdict = check(&stack).await.unwrap();
        assert_eq!(verdict.status, Status::Ok, "{verdict:?}");
        assert!(
            verdict.details[0].ends_with("ComposerFunction"),
            "{verdict:?}"
        );

        let recorded =
            Recorded::composing().with(COMPOSER, |text| text.replace("sg-0composer", "sg-0x"));
        let verdict = check(&recorded.stack().await).await.unwrap();
        let detail = "function tollgate-ComposerFunction-AbCdEfGh has the security groups \
                      [sg-0functions, sg-0x], expected [sg-0functions, sg-0composer]";
        assert_eq!(verdict, Verdict::failed(detail));
    }

    #[tokio::test]
    async fn functions_outside_the_vpc_pass() {
        let expected = Verdict::ok("4 functions run outside the VPC");
        assert_eq!(verdict(Recorded::healthy()).await, expected);
    }

    #[tokio::test]
    async fn function_in_the_vpc_passes() {
        let verdict = verdict(in_vpc()).await;
        assert_eq!(verdict.status, Status::Ok);
        assert_eq!(
            verdict.details,
            [
                "in the VPC, as in the template: LimiterFunction",
                "3 functions run outside the VPC"
            ]
        );
    }

    #[tokio::test]
    async fn other_subnets_and_groups_fail() {
        let recorded = in_vpc().with(LIMITER, |text| {
            text.replace("subnet-0b", "subnet-0c")
                .replace("sg-0functions", "sg-0default")
        });
        let verdict = verdict(recorded).await;
        let name = "function tollgate-LimiterFunction-AbCdEfGh";
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            [
                format!(
                    "{name} has the subnets [subnet-0c, subnet-0a], expected [subnet-0a, subnet-0b]"
                ),
                format!("{name} has the security groups [sg-0default], expected [sg-0functions]"),
            ]
        );
    }

    #[tokio::test]
    async fn function_that_was_moved_into_a_vpc_fails() {
        let recorded = Recorded::healthy().with(LIMITER, |text| {
            text.replace("\"VpcId\": \"\"", "\"VpcId\": \"vpc-0b2\"")
        });
        assert_eq!(
            verdict(recorded).await,
            Verdict::failed(
                "function tollgate-LimiterFunction-AbCdEfGh runs in the VPC vpc-0b2, expected \
                 outside a VPC"
            )
        );
    }

    #[tokio::test]
    async fn function_that_was_moved_out_of_the_vpc_fails() {
        let recorded = in_vpc().with(LIMITER, |text| {
            let mut configuration: Value = serde_json::from_str(text).unwrap();
            configuration["VpcConfig"] = Value::Null;
            configuration.to_string()
        });
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(verdict.details.len(), 2);
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let verdict = verdict(Recorded::healthy().denied(LIMITER)).await;
        assert_eq!(verdict.status, Status::NotChecked);
    }
}
