//! The roles of the functions.

use crate::aws::{Unread, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::comparison::{is_arn_of, resource_of_arn};
use super::function::functions;

const CHECK: Check = Check {
    id: "roles-least",
    group: Group::Functions,
    title: "Every function has the role of the template",
    explanation: "Each function has a role of its own with the permissions that it needs. With \
                  another role, a function may have more permissions, or fail for lack of one. \
                  This check does not read the policies of the roles.",
    fix: "Set the role of the function in Lambda to the role of the template, or deploy again with \
          a changed parameter.",
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
    let mut compared = 0;
    for function in functions(stack) {
        let Some(template) = stack.expected(function.name)? else {
            continue;
        };
        let Some(role) = resource_of_arn(stack, &template["Role"]) else {
            findings.unproven(format!("{function}: the role of the template is not known"));
            continue;
        };
        let read = function.configuration(stack).await;
        let Some(configuration) = findings.take(&function.to_string(), read) else {
            continue;
        };

        compared += 1;
        let actual = text(&configuration["Role"]);
        if !is_arn_of(actual, role) {
            findings.problem(format!("{function} has the role {actual}, expected {role}"));
        }
    }
    findings.fact_of_some(compared, "functions have the role of the template");
    Ok(findings.into_verdict())
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const LIMITER: &str = "lambda.GET@LimiterFunction-AbCdEfGh~configuration.json";

    async fn verdict(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    #[tokio::test]
    async fn roles_of_the_template_pass() {
        let verdict = verdict(Recorded::healthy()).await;
        assert_eq!(verdict.status, Status::Ok);
        assert!(verdict.details[0].starts_with("4 functions"));
    }

    #[tokio::test]
    async fn another_role_fails() {
        let recorded = Recorded::healthy().with(LIMITER, |text| {
            text.replace("role/tollgate-LimiterFunctionRole-AbCdEfGh", "role/admin")
        });
        assert_eq!(
            verdict(recorded).await,
            Verdict::failed(
                "function tollgate-LimiterFunction-AbCdEfGh has the role \
                 arn:aws:iam::111122223333:role/admin, expected \
                 tollgate-LimiterFunctionRole-AbCdEfGh"
            )
        );
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let verdict = verdict(Recorded::healthy().denied(LIMITER)).await;
        assert_eq!(verdict.status, Status::NotChecked);
        assert_eq!(verdict.details[0], "needs lambda:GetFunctionConfiguration");
    }
}
