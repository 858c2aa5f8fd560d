//! The settings of the authorizer, and the permission to invoke its function.

use serde_json::Value;

use super::http_api::{HttpApi, Ownership, function_arn};
use super::rest_api::RestApi;
use super::subject::{Subject, unknown};
use crate::after::invocation::{Invocation, function_policy, invocation};
use crate::aws::{Unread, array, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "authorizer-settings",
    group: Group::Api,
    title: "The authorizer decides on every request and invokes the deployed function",
    explanation: "API Gateway repeats a cached decision without a charge, so limits do not apply. With an \
                  identity source, it rejects requests on public routes with 401. Without simple responses \
                  in format 2.0, or without permission to invoke the function, every request fails with \
                  500. Only the alias `live` has the settings of the last deployment.",
    fix: "Deploy the stack again with a changed parameter, or set the values of the authorizer as in \
          `tollgate mappings`. CloudFormation restores a missing permission only if its resource changes: \
          `aws lambda add-permission` adds it for the alias `live`.",
    permissions: &["apigateway:GET", "lambda:GetPolicy"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

const API_GATEWAY: &str = "apigateway.amazonaws.com";

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    match Subject::of(stack).await? {
        Subject::Http(api) => check_http(&api).await,
        Subject::Rest(api) => check_rest(&api).await,
        Subject::Unknown => Ok(unknown()),
    }
}

async fn check_http(api: &HttpApi<'_>) -> Result<Verdict, Unread> {
    let Some(id) = api.authorizer_id().await? else {
        return Ok(missing(&api.id));
    };
    let authorizers = api.authorizers().await?;
    let Some(authorizer) = authorizers.iter().find(|it| it["authorizerId"] == *id) else {
        return Ok(missing(&api.id));
    };

    let mut findings = Findings::default();
    let alias = api.stack.output("AuthorizerAliasArn").unwrap_or_default();
    review_settings(authorizer, alias, &mut findings);

    let function = Function {
        name: api
            .stack
            .output("AuthorizerFunctionName")
            .unwrap_or_default(),
        alias: Some("live"),
        has_role: !text(&authorizer["authorizerCredentialsArn"]).is_empty(),
    };
    let source = source_arn(&api.stack, &api.id, &id);
    review_permission(&api.stack, &function, &source, &mut findings).await;
    let ownership = match api.ownership {
        Ownership::Defined => " of another stack",
        Ownership::Created | Ownership::Attached => "",
    };
    findings.fact(format!(
        "authorizer {id}{ownership} has TTL 0, no identity source, simple responses in format 2.0, and invokes {alias}"
    ));
    Ok(findings.into_verdict())
}

fn missing(api: &str) -> Verdict {
    Verdict::failed(format!(
        "API {api} does not have the authorizer of the stack"
    ))
}

fn review_settings(authorizer: &Value, alias: &str, findings: &mut Findings) {
    findings.equal("type", text(&authorizer["authorizerType"]), "REQUEST");
    review_ttl(&authorizer["authorizerResultTtlInSeconds"], findings);
    let format = text(&authorizer["authorizerPayloadFormatVersion"]);
    findings.equal("payload format", format, "2.0");
    if authorizer["enableSimpleResponses"] != true {
        findings.problem("simple responses are off, expected on");
    }

    let sources: Vec<&str> = array(&authorizer["identitySource"])
        .iter()
        .map(text)
        .collect();
    if !sources.is_empty() {
        let sources = sources.join(", ");
        findings.problem(format!("identity sources are {sources}, expected none"));
    }

    let uri = text(&authorizer["authorizerUri"]);
    let invoked = function_arn(uri).unwrap_or(uri);
    findings.equal("invoked function", invoked, alias);
}

/// Reviews the time that decisions are cached. Its default is 300 s for authorizers of REST APIs, and
/// 0 for those of HTTP APIs.
fn review_ttl(ttl: &Value, findings: &mut Findings) {
    let seconds = ttl.as_f64().unwrap_or(0.0);
    if seconds > 0.0 {
        findings.problem(format!("TTL is {seconds} s, expected 0"));
    }
}

/// The function that an authorizer invokes.
struct Function<'f> {
    name: &'f str,
    alias: Option<&'f str>,
    /// True if API Gateway assumes a role to invoke the function, whose policies are not read.
    has_role: bool,
}

/// Reviews the permission of API Gateway. What cannot be read is not shown, and the settings are
/// still judged.
async fn review_permission(
    stack: &Stack,
    function: &Function<'_>,
    source: &str,
    findings: &mut Findings,
) {
    let name = function.name;
    if function.has_role {
        findings.unproven(format!(
            "API Gateway invokes {name} with a role, whose permissions are not checked"
        ));
        return;
    }

    let policy = function_policy(stack.account(), name, function.alias).await;
    let policy = match policy {
        Ok(policy) => policy,
        Err(reason) => {
            findings.unread(&format!("permission to invoke {name}"), &reason);
            return;
        }
    };
    match invocation(&policy, API_GATEWAY, source) {
        Invocation::Allowed => {}
        Invocation::AllowedForAllSources => findings.warning(format!(
            "the policy of {name} allows API Gateway to invoke it for every API, expected {source}"
        )),
        Invocation::Unclear => findings.unproven(format!(
            "the policy of {name} has a condition that is not evaluated"
        )),
        Invocation::NotAllowed => findings.problem(format!(
            "the policy of {name} does not allow API Gateway to invoke it for {source}"
        )),
    }
}

fn source_arn(stack: &Stack, api: &str, authorizer: &str) -> String {
    format!(
        "arn:{}:execute-api:{}:{}:{api}/authorizers/{authorizer}",
        stack.partition(),
        stack.account().region(),
        stack.account_id(),
    )
}

async fn check_rest(api: &RestApi<'_>) -> Result<Verdict, Unread> {
    let Some(authorizer) = api.authorizer().await? else {
        return Ok(missing(&api.id));
    };

    let mut findings = Findings::default();
    review_rest_settings(&authorizer, &mut findings);
    let id = text(&authorizer["id"]);
    let name = api.function_name();
    let alias = rest_alias(&authorizer);
    if alias.is_none() && api.stack.output("AuthorizerAliasArn").is_some() {
        findings.problem(format!("{name} is invoked without the alias live"));
    }
    let function = Function {
        name: &name,
        alias,
        has_role: !text(&authorizer["authorizerCredentials"]).is_empty(),
    };
    let source = source_arn(api.stack, &api.id, id);
    review_permission(api.stack, &function, &source, &mut findings).await;
    findings.fact(format!(
        "authorizer {id} has TTL 0, no identity source, and invokes {name}"
    ));
    Ok(findings.into_verdict())
}

fn review_rest_settings(authorizer: &Value, findings: &mut Findings) {
    findings.equal("type", text(&authorizer["type"]), "REQUEST");
    let ttl = &authorizer["authorizerResultTtlInSeconds"];
    if ttl.is_null() {
        findings.problem("TTL is the default of 300 s, expected 0");
    }
    review_ttl(ttl, findings);
    let source = text(&authorizer["identitySource"]);
    if !source.is_empty() {
        findings.problem(format!("identity sources are {source}, expected none"));
    }
}

/// Returns the alias or version in the ARN of the invoked function.
fn rest_alias(authorizer: &Value) -> Option<&str> {
    function_arn(text(&authorizer["authorizerUri"]))?
        .split(':')
        .nth(7)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::after::api::fixtures::{AUTHORIZER_POLICY, AUTHORIZERS};
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    async fn verdict_of(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await)
            .await
            .unwrap_or_else(Into::into)
    }

    async fn with_setting(name: &str, value: Value) -> Verdict {
        let recorded = Recorded::healthy().with_json(AUTHORIZERS, |authorizers| {
            authorizers["items"][0][name] = value.clone();
        });
        verdict_of(recorded).await
    }

    #[tokio::test]
    async fn authorizer_of_the_template_passes() {
        let verdict = verdict_of(Recorded::healthy()).await;
        assert_eq!(verdict.status, Status::Ok, "{verdict:?}");
    }

    #[tokio::test]
    async fn each_wrong_setting_fails() {
        let version = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111122223333:function:tollgate-AuthorizerFunction-AbCdEfGh:3/invocations";
        for (name, value, expected) in [
            (
                "authorizerType",
                json!("JWT"),
                "type is JWT, expected REQUEST",
            ),
            (
                "authorizerResultTtlInSeconds",
                json!(300),
                "TTL is 300 s, expected 0",
            ),
            (
                "authorizerPayloadFormatVersion",
                json!("1.0"),
                "payload format is 1.0, expected 2.0",
            ),
            (
                "enableSimpleResponses",
                json!(false),
                "simple responses are off, expected on",
            ),
            (
                "identitySource",
                json!(["$request.header.authorization"]),
                "identity sources are $request.header.authorization, expected none",
            ),
            (
                "authorizerUri",
                json!(version),
                "invoked function is arn:aws:lambda:eu-west-1:111122223333:function:tollgate-AuthorizerFunction-AbCdEfGh:3, \
                 expected arn:aws:lambda:eu-west-1:111122223333:function:tollgate-AuthorizerFunction-AbCdEfGh:live",
            ),
        ] {
            assert_eq!(with_setting(name, value).await, Verdict::failed(expected));
        }
    }

    #[tokio::test]
    async fn deleted_authorizer_fails() {
        let verdict = with_setting("authorizerId", json!("other")).await;
        let detail = "API a1b2c3d4e5 does not have the authorizer of the stack";
        assert_eq!(verdict, Verdict::failed(detail));
    }

    #[tokio::test]
    async fn missing_permission_to_invoke_fails() {
        let detail = "the policy of tollgate-AuthorizerFunction-AbCdEfGh does not allow API Gateway to invoke it \
                      for arn:aws:execute-api:eu-west-1:111122223333:a1b2c3d4e5/authorizers/auth01";
        let recorded = Recorded::healthy().missing(AUTHORIZER_POLICY);
        assert_eq!(verdict_of(recorded).await, Verdict::failed(detail));

        let recorded = Recorded::healthy().with(AUTHORIZER_POLICY, |text| {
            text.replace("a1b2c3d4e5", "otherapi")
        });
        assert_eq!(verdict_of(recorded).await, Verdict::failed(detail));
    }

    #[tokio::test]
    async fn permission_for_every_api_is_a_warning() {
        let recorded = Recorded::healthy().with(AUTHORIZER_POLICY, |text| {
            text.replace("Condition", "Comment")
        });
        assert_eq!(verdict_of(recorded).await.status, Status::Warning);
    }

    #[tokio::test]
    async fn role_of_the_authorizer_is_not_proven() {
        let role = json!("arn:aws:iam::111122223333:role/invoke");
        let verdict = with_setting("authorizerCredentialsArn", role).await;
        assert_eq!(verdict.status, Status::NotProven);
    }

    #[tokio::test]
    async fn unreadable_policy_hides_no_other_problem() {
        let denied = || Recorded::healthy().denied(AUTHORIZER_POLICY);
        let verdict = verdict_of(denied()).await;
        assert_eq!(verdict.status, Status::NotChecked);
        assert_eq!(verdict.details[0], "needs lambda:GetPolicy");
        assert!(verdict.details[1].starts_with("apart from that: authorizer auth01 has TTL 0"));

        let recorded = denied().with_json(AUTHORIZERS, |authorizers| {
            authorizers["items"][0]["authorizerResultTtlInSeconds"] = json!(60);
        });
        let verdict = verdict_of(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            ["TTL is 60 s, expected 0", "needs lambda:GetPolicy"]
        );
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let verdict = verdict_of(Recorded::healthy().denied(AUTHORIZERS)).await;
        assert_eq!(verdict, Verdict::not_checked("needs apigateway:GET"));
    }
}
