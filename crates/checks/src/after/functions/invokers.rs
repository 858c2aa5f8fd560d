//! The principals that may invoke the functions.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::aws::{Call, Service, Unread, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::super::invocation::{foreign_statements, function_policy};
use super::function::{Function, functions};

const CHECK: Check = Check {
    id: "function-policies",
    group: Group::Functions,
    title: "Only the services of the stack may invoke the functions",
    explanation: "The limiter trusts the identity in the event of API Gateway. A principal that \
                  may invoke it directly can therefore administrate plans and keys. The policies \
                  of identities are not read: IAM can allow `lambda:InvokeFunction` too.",
    fix: "Remove the statement from the policy of the function with \
          `aws lambda remove-permission`, and delete the function URL.",
    permissions: &["lambda:GetPolicy", "lambda:ListFunctionUrlConfigs"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let mut findings = Findings::default();
    let (mut policies, mut urls) = (0, 0);
    for function in functions(stack) {
        policies += usize::from(policy(stack, &function, &mut findings).await);
        urls += usize::from(url(stack, &function, &mut findings).await);
    }
    findings.fact_of_some(
        policies,
        "functions can be invoked by services of this account only",
    );
    findings.fact_of_some(urls, "functions have no URL");
    Ok(findings.into_verdict())
}

/// Returns the services that invoke a function of the template.
fn services(function: &Function<'_>) -> &'static [&'static str] {
    match function.name {
        "AlbSyncFunction" => &["events.amazonaws.com"],
        "MetricsPublisherFunction" => &["events.amazonaws.com", "logs.amazonaws.com"],
        _ => &["apigateway.amazonaws.com"],
    }
}

/// Compares the policies of a function and of its alias. Returns true if they were read.
async fn policy(stack: &Stack, function: &Function<'_>, findings: &mut Findings) -> bool {
    let mut is_read = true;
    for alias in BTreeSet::from([None, function.alias]) {
        let read = function_policy(stack.account(), function.id, alias).await;
        let Some(policy) = findings.take(&function.to_string(), read) else {
            is_read = false;
            continue;
        };
        for statement in foreign_statements(&policy, services(function), stack.account_id()) {
            findings.problem(format!(
                "{function} {statement}, expected only {} for a source of this account",
                services(function).join(" and ")
            ));
        }
    }
    is_read
}

/// Reports the URLs of a function. Returns true if they were read.
async fn url(stack: &Stack, function: &Function<'_>, findings: &mut Findings) -> bool {
    let path = function.path("2021-10-31", &["urls"]);
    let call = Call::get(Service::Lambda, "ListFunctionUrlConfigs", &path);
    let read = stack.account().read_all(&call, "/FunctionUrlConfigs").await;
    let Some(urls) = findings.take(&function.to_string(), read) else {
        return false;
    };
    for url in &urls {
        findings.problem(format!("{function} has {}, expected none", described(url)));
    }
    true
}

fn described(url: &Value) -> String {
    format!(
        "the function URL {} with the authorization {}",
        text(&url["FunctionUrl"]),
        text(&url["AuthType"])
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const LIMITER: &str = "lambda.GET@tollgate-LimiterFunction-AbCdEfGh~policy.json";
    const URLS: &str = "lambda.GET@~urls.json";
    const NAME: &str = "function tollgate-LimiterFunction-AbCdEfGh";

    async fn verdict(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    /// Returns a stack whose limiter has one more statement.
    fn with_statement(principal: Value, condition: Value) -> Recorded {
        Recorded::healthy().with(LIMITER, |text| {
            let mut response: Value = serde_json::from_str(text).unwrap();
            let policy = response["Policy"].as_str().unwrap();
            let mut policy: Value = serde_json::from_str(policy).unwrap();
            policy["Statement"].as_array_mut().unwrap().push(json!({
                "Sid": "other",
                "Effect": "Allow",
                "Principal": principal,
                "Action": "lambda:InvokeFunction",
                "Condition": condition,
            }));
            response["Policy"] = policy.to_string().into();
            response.to_string()
        })
    }

    #[tokio::test]
    async fn policies_of_the_template_pass() {
        let verdict = verdict(Recorded::healthy()).await;
        assert_eq!(verdict.status, Status::Ok);
        assert_eq!(
            verdict.details,
            [
                "4 functions can be invoked by services of this account only",
                "4 functions have no URL"
            ]
        );
    }

    #[tokio::test]
    async fn every_other_principal_fails() {
        let source = |arn: &str| json!({"ArnLike": {"AWS:SourceArn": arn}});
        let service = json!({"Service": "apigateway.amazonaws.com"});
        for (principal, condition, expected) in [
            (json!("*"), json!(null), "*"),
            (json!({"AWS": "*"}), json!(null), "*"),
            (
                json!({"AWS": "arn:aws:iam::999999999999:root"}),
                json!(null),
                "arn:aws:iam::999999999999:root",
            ),
            (
                json!({"Service": "s3.amazonaws.com"}),
                source("arn:aws:execute-api:eu-west-1:111122223333:a1b2c3d4e5/*"),
                "s3.amazonaws.com",
            ),
            (
                service.clone(),
                json!(null),
                "apigateway.amazonaws.com for every source",
            ),
            (
                service.clone(),
                source("arn:aws:execute-api:eu-west-1:999999999999:a1b2c3d4e5/*"),
                "apigateway.amazonaws.com for \
                 arn:aws:execute-api:eu-west-1:999999999999:a1b2c3d4e5/*",
            ),
            (service, source("*"), "apigateway.amazonaws.com for *"),
        ] {
            let verdict = verdict(with_statement(principal, condition)).await;
            assert_eq!(
                verdict,
                Verdict::failed(format!(
                    "{NAME} has the statement other, which allows lambda:InvokeFunction to \
                     {expected}, expected only apigateway.amazonaws.com for a source of this \
                     account"
                ))
            );
        }
    }

    #[tokio::test]
    async fn another_api_of_the_account_passes() {
        let condition = json!({"ArnLike": {
            "AWS:SourceArn": "arn:aws:execute-api:eu-west-1:111122223333:otherapi/*",
        }});
        let recorded = with_statement(json!({"Service": "apigateway.amazonaws.com"}), condition);
        assert_eq!(verdict(recorded).await.status, Status::Ok);
    }

    #[tokio::test]
    async fn function_url_fails() {
        let url =
            json!({"FunctionUrl": "https://abc.lambda-url.eu-west-1.on.aws/", "AuthType": "NONE"});
        let recorded = Recorded::healthy().answering(
            "lambda.GET@LimiterFunction-AbCdEfGh~urls.json",
            json!({"FunctionUrlConfigs": [url]}).to_string(),
        );
        assert_eq!(
            verdict(recorded).await,
            Verdict::failed(format!(
                "{NAME} has the function URL https://abc.lambda-url.eu-west-1.on.aws/ with the \
                 authorization NONE, expected none"
            ))
        );
    }

    #[tokio::test]
    async fn missing_permissions_are_no_failure() {
        let result = verdict(Recorded::healthy().denied(LIMITER)).await;
        assert_eq!(result.status, Status::NotChecked);
        assert_eq!(
            result.details,
            [
                "needs lambda:GetPolicy",
                "apart from that: 3 functions can be invoked by services of this account only",
                "apart from that: 4 functions have no URL"
            ]
        );
        let result = verdict(Recorded::healthy().denied(URLS)).await;
        assert_eq!(result.status, Status::NotChecked);
        assert_eq!(result.details[0], "needs lambda:ListFunctionUrlConfigs");
    }
}
