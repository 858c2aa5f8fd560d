//! The routes of the composer, and other routes below its path.

use super::function_routes::{self, RoutedFunction};
use super::http_api::HttpApi;
use super::integration::Role;
use super::route::Route;
use super::subject::{Subject, unknown};
use crate::aws::Unread;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "composer-routes",
    group: Group::Api,
    title: "The routes below CompositionsPrefix lead to the composer, behind the authorizer",
    explanation: "The composer reads the caller and the decision on the limits from the context of \
                  the authorizer. Without the authorizer it refuses every request. If API Gateway may \
                  not invoke it, every composition fails with 500. A more specific route takes \
                  requests away from it.",
    fix: "Deploy the stack again. If the API has a definition of its own, add the routes and the \
          permission with the output `ComposerFunctionArn`. CloudFormation restores a missing \
          permission only if its resource changes: `aws lambda add-permission` adds it.",
    permissions: &["apigateway:GET", "lambda:GetPolicy"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

const NO_COMPOSER: &str = "the stack has no composer";

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let Some(function) = stack.output("ComposerFunctionName") else {
        return Ok(Verdict::not_applicable(NO_COMPOSER));
    };
    match Subject::of(stack).await? {
        Subject::Http(api) => check_http(&api, function).await,
        Subject::Rest(_) => Ok(Verdict::not_applicable(NO_COMPOSER)),
        Subject::Unknown => Ok(unknown()),
    }
}

async fn check_http(api: &HttpApi<'_>, function: &str) -> Result<Verdict, Unread> {
    let below = format!("{}/", api.stack.parameter("CompositionsPrefix"));
    let is_below = |route: &Route| route.path().starts_with(&below);
    let expected: Vec<Route> = api
        .expected_routes()?
        .into_iter()
        .filter(is_below)
        .collect();

    let mut findings = Findings::default();
    let composer = RoutedFunction {
        name: function,
        words: "the composer",
        role: Role::Composer,
    };
    function_routes::review(api, &composer, &expected, &mut findings).await?;
    for route in api.routes().await?.iter().filter(|route| is_below(route)) {
        if !expected.iter().any(|it| it.key == route.key) {
            findings.warning(format!(
                "route {} is not of the template, so its requests do not reach the composer",
                route.key
            ));
        }
    }

    let keys: Vec<&str> = expected.iter().map(|it| it.key.as_str()).collect();
    Ok(findings.verdict(keys.join(", ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::after::api::fixtures::{INTEGRATIONS, ROUTES};
    use crate::tests::composing::COMPOSER_POLICY;
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    async fn checked(recorded: Recorded) -> Verdict {
        let stack = recorded.stack().await;
        check(&stack).await.unwrap_or_else(Into::into)
    }

    #[tokio::test]
    async fn routes_of_the_template_pass() {
        let verdict = checked(Recorded::composing()).await;
        assert_eq!(verdict, Verdict::ok("ANY /bff/{proxy+}"));
        let without = checked(Recorded::healthy()).await;
        assert_eq!(without, Verdict::not_applicable(NO_COMPOSER));
    }

    #[tokio::test]
    async fn each_difference_is_named() {
        let route = |change: fn(&mut serde_json::Value)| {
            Recorded::composing().with_json(ROUTES, move |routes| {
                let items = routes["items"].as_array_mut().unwrap().iter_mut();
                let mut own = items.filter(|it| it["routeKey"] == "ANY /bff/{proxy+}");
                change(own.next().unwrap());
            })
        };
        for (recorded, expected) in [
            (
                route(|it| it["target"] = json!("integrations/intprot")),
                "route ANY /bff/{proxy+} leads to integration intprot, expected the composer",
            ),
            (
                route(|it| it["authorizationType"] = json!("NONE")),
                "authorization of ANY /bff/{proxy+} is NONE, expected CUSTOM",
            ),
            (
                route(|it| it["routeKey"] = json!("GET /other")),
                "route ANY /bff/{proxy+} is missing",
            ),
            (
                Recorded::composing().with(INTEGRATIONS, |text| {
                    text.replace("function:tollgate-ComposerFunction", "function:other")
                }),
                "function of ComposerIntegration intcomp is ",
            ),
            (
                Recorded::composing()
                    .with(COMPOSER_POLICY, |text| text.replace("/bff/*", "/api/*")),
                "the policy of tollgate-ComposerFunction-AbCdEfGh does not allow API Gateway to \
                 invoke it for ANY /bff/{proxy+}",
            ),
        ] {
            let verdict = checked(recorded).await;
            assert_eq!(verdict.status, Status::Failed, "{verdict:?}");
            let found = verdict.details.iter().any(|it| it.starts_with(expected));
            assert!(found, "{expected}: {verdict:?}");
        }
    }

    #[tokio::test]
    async fn more_specific_route_is_a_warning() {
        let recorded = Recorded::composing().with_json(ROUTES, |routes| {
            let route = json!({"routeKey": "GET /bff/me", "authorizationType": "CUSTOM",
                "authorizerId": "auth01", "target": "integrations/intprot"});
            routes["items"].as_array_mut().unwrap().push(route);
        });
        let verdict = checked(recorded).await;
        assert_eq!(verdict.status, Status::Warning, "{verdict:?}");
        assert!(verdict.details[0].starts_with("route GET /bff/me is not of the template"));
    }
}
