//! The path that backends receive.

use serde_json::Value;

use super::http_api::HttpApi;
use super::integration::Role;
use super::mapping_source::{compared, shown};
use super::rest_api::RestApi;
use super::subject::{Subject, unknown};
use crate::aws::{Unread, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "path-forwarded",
    group: Group::Api,
    title: "Backends receive the path that the policy was applied to",
    explanation: "The authorizer selects a rule of the policy by the path without the stage and the API \
                  mapping. A backend that receives another path can serve a resource that the rule does \
                  not allow, or responds with 404.",
    fix: "Deploy the stack again. For an integration of your own, map `overwrite:path` from \
          `$request.path`, as `tollgate mappings` prints it.",
    permissions: &["apigateway:GET"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

const MAPPING: &str = "overwrite:path";

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    match Subject::of(stack).await? {
        Subject::Http(api) => check_http(&api).await,
        Subject::Rest(api) => check_rest(&api).await,
        Subject::Unknown => Ok(unknown()),
    }
}

async fn check_http(api: &HttpApi<'_>) -> Result<Verdict, Unread> {
    let expected = api.expected_integration("ProtectedIntegration")?;
    let expected = text(&expected["RequestParameters"][MAPPING]).to_owned();
    let authorizer = api.authorizer_id().await?.unwrap_or_default();

    let mut findings = Findings::default();
    let mut names = Vec::new();
    for integration in api.used_integrations().await? {
        let is_stacks = matches!(integration.role, Role::Protected | Role::Public);
        let is_other = integration.role == Role::OtherHttp && integration.is_protected(&authorizer);
        if !is_stacks && !is_other {
            continue;
        }
        let name = integration.name();
        let found = text(&integration.settings["requestParameters"][MAPPING]);
        if found != expected {
            let sources = compared(found, &expected);
            let detail = format!("{name} maps the path from {sources}");
            if is_stacks {
                findings.problem(detail);
            } else {
                findings.warning(detail);
            }
        }
        names.push(name);
    }

    if names.is_empty() {
        let detail = "the API has no HTTP integration behind the authorizer";
        return Ok(Verdict::not_applicable(detail));
    }
    let expected = shown(&expected);
    Ok(findings.verdict(format!("{expected} is the path of {}", names.join(", "))))
}

async fn check_rest(api: &RestApi<'_>) -> Result<Verdict, Unread> {
    let mut findings = Findings::default();
    let mut count = 0;
    for method in api.methods().await? {
        let integration = &method.integration;
        if text(&integration["type"]) != "HTTP_PROXY" {
            continue;
        }
        count += 1;
        if let Some(problem) = problem_of_rest(&method.path, integration) {
            findings.problem(format!("method {}: {problem}", method.key));
        }
    }
    if count == 0 {
        return Ok(Verdict::not_applicable("the API has no HTTP integration"));
    }

    // AWS documents that private integrations add the stage to the path, and its samples do not.
    findings.unproven(
        "only a request shows whether the path that the backend receives begins with the stage",
    );
    let fix = "Send `GET /health` through the API. If the load balancer responds with 404, override \
               `$context.requestOverride.path` in `requestTemplates`.";
    let verdict = findings.verdict("all path variables are forwarded");
    Ok(match verdict.status {
        crate::verdict::Status::NotProven => verdict.with_fix(fix),
        _ => verdict,
    })
}

/// Returns the problem with the path variable of a greedy resource such as `/orders/{proxy+}`.
fn problem_of_rest(path: &str, integration: &Value) -> Option<String> {
    let (_, variable) = path.rsplit_once('{')?;
    let variable = variable.strip_suffix("+}")?;
    let key = format!("integration.request.path.{variable}");
    let expected = format!("method.request.path.{variable}");
    let found = text(&integration["requestParameters"][&key]);
    if found != expected {
        return Some(format!("{key} is {}", compared(found, &expected)));
    }

    let uri = text(&integration["uri"]);
    let end = path.replace("+}", "}");
    (!uri.ends_with(&end)).then(|| format!("uri is {uri}, expected to end with {end}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::after::api::fixtures::INTEGRATIONS;
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    async fn verdict_of(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await)
            .await
            .unwrap_or_else(Into::into)
    }

    #[tokio::test]
    async fn path_of_the_template_passes() {
        let verdict = verdict_of(Recorded::healthy()).await;
        let detail =
            "$request.path is the path of ProtectedIntegration intprot, PublicIntegration intpub";
        assert_eq!(verdict, Verdict::ok(detail));
    }

    #[tokio::test]
    async fn lost_and_changed_mapping_fail() {
        let recorded = Recorded::healthy().with_json(INTEGRATIONS, |integrations| {
            let mappings = |index: usize| format!("/items/{index}/requestParameters");
            let first = integrations.pointer_mut(&mappings(0)).unwrap();
            first.as_object_mut().unwrap().remove(MAPPING).unwrap();
            let second = integrations.pointer_mut(&mappings(1)).unwrap();
            second[MAPPING] = json!("/fixed");
        });
        let verdict = verdict_of(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            [
                "ProtectedIntegration intprot maps the path from nothing, expected $request.path",
                "PublicIntegration intpub maps the path from a constant, expected $request.path",
            ]
        );
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let verdict = verdict_of(Recorded::healthy().denied(INTEGRATIONS)).await;
        assert_eq!(verdict, Verdict::not_checked("needs apigateway:GET"));
    }

    #[test]
    fn path_variables_of_rest_apis_are_compared() {
        let integration = |source: &str, uri: &str| json!({"uri": uri, "requestParameters": {"integration.request.path.proxy": source}});
        let problem = |source, uri| problem_of_rest("/{proxy+}", &integration(source, uri));

        let source = "method.request.path.proxy";
        assert_eq!(problem(source, "http://backend.internal:80/{proxy}"), None);
        assert!(problem("'x'", "http://backend.internal:80/{proxy}").is_some());
        assert!(problem(source, "http://backend.internal:80/").is_some());
        assert_eq!(problem_of_rest("/", &Value::Null), None);
    }
}
