//! The routes of the template that invoke a function of the stack.

use serde_json::Value;

use super::http_api::{HttpApi, Ownership, function_arn, invokes};
use super::integration::Role;
use super::route::Route;
use crate::after::invocation::{Invocation, function_policy, invocation};
use crate::aws::{Unread, text};
use crate::findings::{Findings, quoted};

/// A function of the stack with routes of its own.
pub(super) struct RoutedFunction<'a> {
    /// The name in Lambda.
    pub(super) name: &'a str,
    /// The function in sentences, such as `the limiter`.
    pub(super) words: &'a str,
    /// The part of its integrations.
    pub(super) role: Role,
}

/// Compares the routes of an API with those that the template asks for. Reviews their integrations,
/// and the permission of API Gateway to invoke the function.
///
/// # Errors
/// [`Unread`] if the routes cannot be read.
pub(super) async fn review(
    api: &HttpApi<'_>,
    function: &RoutedFunction<'_>,
    expected: &[Route],
    findings: &mut Findings,
) -> Result<(), Unread> {
    let routes = api.routes().await?;
    let authorizer = api.authorizer_id().await?.unwrap_or_default();
    let integrations = api.used_integrations().await?;
    let own: Vec<_> = integrations
        .iter()
        .filter(|it| it.role == function.role)
        .collect();

    for expected in expected {
        let Some(route) = routes.iter().find(|it| it.key == expected.key) else {
            review_missing(expected, api.ownership, findings);
            continue;
        };
        let key = &route.key;
        if !own.iter().any(|it| it.id == route.integration) {
            let (integration, words) = (&route.integration, function.words);
            findings.problem(format!(
                "route {key} leads to integration {integration}, expected {words}"
            ));
        }
        findings.equal(
            &format!("authorization of {key}"),
            &route.authorization,
            &expected.authorization,
        );
        if expected.authorization == "CUSTOM" {
            findings.equal(
                &format!("authorizer of {key}"),
                &route.authorizer,
                &authorizer,
            );
        }
    }
    for integration in own {
        let name = integration.name();
        review_integration(&name, &integration.settings, api, function.name, findings);
    }
    review_permission(api, function.name, expected, findings).await;
    Ok(())
}

/// Reviews a missing route. A definition of the API's owner can do without public routes.
fn review_missing(expected: &Route, ownership: Ownership, findings: &mut Findings) {
    let detail = format!("route {} is missing", expected.key);
    match ownership {
        Ownership::Defined if expected.authorization == "NONE" => {}
        Ownership::Defined => findings.warning(detail),
        Ownership::Created | Ownership::Attached => findings.problem(detail),
    }
}

fn review_integration(
    name: &str,
    settings: &Value,
    api: &HttpApi<'_>,
    function: &str,
    findings: &mut Findings,
) {
    let uri = text(&settings["integrationUri"]);
    if !invokes(uri, function, &api.stack) {
        let invoked = quoted(function_arn(uri).unwrap_or(uri));
        findings.problem(format!(
            "function of {name} is {invoked}, expected {function} of this account and region"
        ));
    }
    let kind = text(&settings["integrationType"]);
    findings.equal(&format!("type of {name}"), kind, "AWS_PROXY");
    let format = text(&settings["payloadFormatVersion"]);
    findings.equal(&format!("payload format of {name}"), format, "2.0");
}

/// Reviews the permission of API Gateway to invoke a function for each route.
async fn review_permission(
    api: &HttpApi<'_>,
    function: &str,
    expected: &[Route],
    findings: &mut Findings,
) {
    let policy = match function_policy(api.stack.account(), function, None).await {
        Ok(policy) => policy,
        Err(reason) => {
            findings.unread(&format!("permission to invoke {function}"), &reason);
            return;
        }
    };

    for route in expected {
        let key = &route.key;
        match invocation(&policy, "apigateway.amazonaws.com", &source_arn(api, route)) {
            Invocation::Allowed => {}
            Invocation::NotAllowed => findings.problem(format!(
                "the policy of {function} does not allow API Gateway to invoke it for {key}"
            )),
            Invocation::AllowedForAllSources => {
                findings.warning(format!(
                    "the policy of {function} allows API Gateway to invoke it for every API"
                ));
                return;
            }
            Invocation::Unclear => {
                findings.unproven(format!(
                    "the policy of {function} has a condition that is not evaluated"
                ));
                return;
            }
        }
    }
}

/// Returns the ARN of a request on a route.
fn source_arn(api: &HttpApi<'_>, route: &Route) -> String {
    let stack = &api.stack;
    // API Gateway checks the permission for the route, not for the path of the request.
    let method = match route.key.split_once(' ') {
        Some((method, _)) if method != "ANY" => method,
        _ => "*",
    };
    format!(
        "arn:{}:execute-api:{}:{}:{}/{}/{method}{}",
        stack.partition(),
        stack.account().region(),
        stack.account_id(),
        api.id,
        api.stage(),
        route.path(),
    )
}
