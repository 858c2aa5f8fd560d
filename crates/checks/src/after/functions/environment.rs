//! The environment variables of the functions.

use serde_json::{Map, Value};

use crate::aws::{Unread, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::comparison::{is_known, is_same};
use super::function::{Function, functions};

const CHECK: Check = Check {
    id: "environment-matches",
    group: Group::Functions,
    title: "The variables of the functions are those of the template and its parameters",
    explanation: "Functions read their settings from environment variables, and the authorizer \
                  from those of the version that the alias names. A variable that differs means \
                  that another policy, table or limit applies than the parameters say.",
    fix: "Deploy again with a changed parameter, which publishes a new version with the variables \
          of the template. Remove variables that were added by hand.",
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
        let Some(expected) = stack.expected(function.name)? else {
            continue;
        };
        let read = function.configuration(stack).await;
        if let Some(configuration) = findings.take(&function.to_string(), read) {
            let expected = &expected["Environment"]["Variables"];
            compared += variables(&function, expected, &configuration, &mut findings);
        }
    }
    findings.fact_of_some(compared, "variables are those of the template");
    Ok(findings.into_verdict())
}

/// Compares the variables, and returns how many were compared. Values are not shown, because some
/// of them contain secrets.
fn variables(
    function: &Function<'_>,
    expected: &Value,
    configuration: &Value,
    findings: &mut Findings,
) -> usize {
    let environment = &configuration["Environment"];
    if let Some(code) = environment["Error"]["ErrorCode"].as_str() {
        unreadable(
            function,
            code,
            text(&environment["Error"]["Message"]),
            findings,
        );
        return 0;
    }

    let none = Map::new();
    let expected = expected.as_object().unwrap_or(&none);
    let actual = environment["Variables"].as_object().unwrap_or(&none);
    let mut compared = 0;
    for (name, value) in expected.iter().filter(|(_, value)| is_known(value)) {
        compared += 1;
        match actual.get(name) {
            None => findings.problem(format!("{function} has no variable {name}")),
            Some(other) if !is_same(value, other) => findings.problem(format!(
                "{function}: the variable {name} differs from the template and its parameters"
            )),
            Some(_) => {}
        }
    }
    for name in actual.keys().filter(|name| !expected.contains_key(*name)) {
        findings.problem(format!(
            "{function} has the variable {name}, which the template does not set"
        ));
    }
    compared
}

/// Reports variables that Lambda cannot decrypt for this identity.
fn unreadable(function: &Function<'_>, code: &str, message: &str, findings: &mut Findings) {
    if code.starts_with("AccessDenied") {
        findings.unchecked("needs kms:Decrypt on the KMS key of the functions");
    } else {
        findings.problem(format!(
            "{function}: Lambda cannot read the variables: {code}: {message}"
        ));
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::composing::COMPOSER;
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const AUTHORIZER: &str = "lambda.GET@AuthorizerFunction-AbCdEfGh~configuration.json";
    const LIMITER: &str = "lambda.GET@LimiterFunction-AbCdEfGh~configuration.json";

    async fn verdict(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    #[tokio::test]
    async fn variables_of_the_composer_are_compared() {
        let stack = Recorded::composing().stack().await;
        let verdict = check(&stack).await.unwrap();
        assert_eq!(verdict.status, Status::Ok, "{verdict:?}");

        let other = |text: &str| text.replace("services.example.com", "other.example.com");
        let recorded = Recorded::composing().with(COMPOSER, other);
        let verdict = check(&recorded.stack().await).await.unwrap();
        assert_eq!(verdict.status, Status::Failed, "{verdict:?}");
        assert!(verdict.details[0].contains("COMPOSITIONS"), "{verdict:?}");
    }

    #[tokio::test]
    async fn variables_of_the_template_pass() {
        let expected = Verdict::ok("32 variables are those of the template");
        assert_eq!(verdict(Recorded::healthy()).await, expected);
    }

    #[tokio::test]
    async fn every_difference_is_named_without_its_value() {
        let recorded = Recorded::healthy()
            .with(AUTHORIZER, |text| {
                text.replace("default_plan", "other_plan")
                    .replace("\"LOCAL_INSTANCES\": \"10\"", "\"DEBUG\": \"secret\"")
            })
            .with(LIMITER, |text| text.replace("draft10", "none"));
        let verdict = verdict(recorded).await;
        let authorizer = "function tollgate-AuthorizerFunction-AbCdEfGh:live";
        let limiter = "function tollgate-LimiterFunction-AbCdEfGh";
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            [
                format!(
                    "{authorizer}: the variable AUTH_POLICY differs from the template and its \
                     parameters"
                ),
                format!("{authorizer} has no variable LOCAL_INSTANCES"),
                format!("{authorizer} has the variable DEBUG, which the template does not set"),
                format!(
                    "{limiter}: the variable RATE_LIMIT_HEADERS differs from the template and its \
                     parameters"
                ),
            ]
        );
    }

    #[tokio::test]
    async fn changed_parameter_without_a_new_version_fails() {
        let recorded = Recorded::healthy().with_parameter("OnBadCredentials", "forbid");
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert!(verdict.details[0].contains("the variable ON_BAD_CREDENTIALS differs"));
    }

    #[tokio::test]
    async fn variables_that_cannot_be_decrypted_are_not_checked() {
        let recorded = Recorded::healthy().with(LIMITER, |text| {
            text.replace(
                "\"Variables\": {",
                "\"Error\": {\"ErrorCode\": \"AccessDeniedException\", \"Message\": \"denied\"}, \
                 \"Other\": {",
            )
        });
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::NotChecked);
        assert_eq!(
            verdict.details[0],
            "needs kms:Decrypt on the KMS key of the functions"
        );
    }

    #[tokio::test]
    async fn disabled_key_fails() {
        let recorded = Recorded::healthy().with(LIMITER, |text| {
            text.replace(
                "\"Variables\": {",
                "\"Error\": {\"ErrorCode\": \"KMSDisabledException\", \"Message\": \"disabled\"}, \
                 \"Other\": {",
            )
        });
        assert_eq!(verdict(recorded).await.status, Status::Failed);
    }

    #[tokio::test]
    async fn missing_permissions_are_no_failure() {
        let verdict = verdict(Recorded::healthy().denied(LIMITER)).await;
        assert_eq!(verdict.status, Status::NotChecked);
        assert_eq!(verdict.details[0], "needs lambda:GetFunctionConfiguration");

        let stack = Recorded::healthy().denied("cloudformation.GetTemplate.xml");
        let verdict: Verdict = check(&stack.stack().await).await.unwrap_err().into();
        assert_eq!(
            verdict,
            Verdict::not_checked("needs cloudformation:GetTemplate")
        );
    }
}
