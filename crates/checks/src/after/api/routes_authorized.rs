//! The authorization of all routes.

use super::http_api::{HttpApi, Ownership};
use super::rest_api::RestApi;
use super::route::{Route, is_id};
use super::subject::{Subject, unknown};
use crate::aws::Unread;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "routes-authorized",
    group: Group::Api,
    title: "Every route has the authorizer, except the public routes of the template",
    explanation: "API Gateway forwards requests on a route without an authorizer to the backend, without \
                  a key, a limit or an identity. On a route with another authorizer, the backend receives \
                  identity headers that Tollgate did not set.",
    fix: "Delete the route, or give it `AuthorizationType: CUSTOM` and the output `AuthorizerId` of the \
          stack. Deploy the stack again if one of its own routes is missing or was changed. To make a \
          path public, add a rule with `\"auth\": \"none\"` to the policy instead.",
    permissions: &["apigateway:GET"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    match Subject::of(stack).await? {
        Subject::Http(api) => check_http(&api).await,
        Subject::Rest(api) => check_rest(&api).await,
        Subject::Unknown => Ok(unknown()),
    }
}

/// The path of the admin API.
const ADMIN_API: &str = "/_tollgate/v1/";
/// The public routes of the template, in addition to those for CORS preflight requests.
const PUBLIC: [&str; 5] = [
    "GET /health",
    "GET /_tollgate/openapi.json",
    "GET /_tollgate/account",
    "GET /_tollgate/account.css",
    "GET /_tollgate/account.js",
];

/// The values that routes are compared with.
struct Expectation {
    ownership: Ownership,
    routes: Vec<Route>,
    authorizer: String,
    /// The integration that removes the identity headers of clients.
    public_integration: String,
    protected_integration: String,
}

async fn check_http(api: &HttpApi<'_>) -> Result<Verdict, Unread> {
    let Some(authorizer) = api.authorizer_id().await? else {
        let function = api.stack.output("AuthorizerFunctionName").unwrap_or("-");
        let id = &api.id;
        return Ok(Verdict::failed(format!(
            "API {id} has no authorizer that invokes {function}"
        )));
    };

    let expectation = Expectation {
        ownership: api.ownership,
        routes: api.expected_routes()?,
        authorizer,
        public_integration: api.integration_id("PublicIntegration").to_owned(),
        protected_integration: api.integration_id("ProtectedIntegration").to_owned(),
    };
    Ok(verdict(&api.routes().await?, &expectation))
}

fn verdict(routes: &[Route], expectation: &Expectation) -> Verdict {
    let mut findings = Findings::default();
    for route in routes {
        let mut expected = expectation.routes.iter().filter(|it| is_possible(it));
        match expected.find(|it| it.key == route.key) {
            Some(expected) => review_own(route, expected, expectation, &mut findings),
            None => review_other(route, expectation, &mut findings),
        }
    }

    // A definition of the API's owner contains the routes of the limiter that it needs.
    let is_definition = expectation.ownership == Ownership::Defined;
    for expected in expectation.routes.iter().filter(|_| !is_definition) {
        if !routes.iter().any(|it| it.key == expected.key) {
            findings.problem(format!("route {} is missing", expected.key));
        }
    }
    findings.verdict(summary(routes, expectation))
}

/// True if a route of a template can do without the authorizer, or has it. A changed template does not
/// make other routes public.
fn is_possible(route: &Route) -> bool {
    match route.authorization.as_str() {
        "CUSTOM" => true,
        "AWS_IAM" => route.path().starts_with(ADMIN_API),
        _ => PUBLIC.contains(&route.key.as_str()) || route.key.starts_with("OPTIONS /"),
    }
}

/// Compares a route of the template with the template.
fn review_own(route: &Route, expected: &Route, expectation: &Expectation, findings: &mut Findings) {
    let authorizer = match expected.authorization.as_str() {
        "CUSTOM" => expectation.authorizer.as_str(),
        _ => "",
    };
    let differs = route.authorization != expected.authorization || route.authorizer != authorizer;
    if differs {
        findings.problem(format!(
            "route {} has {}, expected {}",
            route.key,
            authorization(&route.authorization, &route.authorizer),
            authorization(&expected.authorization, authorizer),
        ));
    }

    let relies_on_authorizer = is_id(&expectation.protected_integration, &route.integration);
    if relies_on_authorizer && expected.authorization != "CUSTOM" {
        findings.problem(format!(
            "route {} without the authorizer has the ProtectedIntegration, which relies on it",
            route.key
        ));
        return;
    }
    let integration = &expected.integration;
    if !integration.is_empty() && !is_id(integration, &route.integration) {
        findings.problem(format!(
            "route {} has the integration {}, expected {integration}",
            route.key, route.integration
        ));
    }
}

/// Judges a route that is not of the template.
fn review_other(route: &Route, expectation: &Expectation, findings: &mut Findings) {
    let has_authorizer =
        route.authorization == "CUSTOM" && route.authorizer == expectation.authorizer;
    if has_authorizer {
        return;
    }

    let found = authorization(&route.authorization, &route.authorizer);
    let expected = &expectation.authorizer;
    let detail = format!(
        "route {} has {found}, expected authorizer {expected}",
        route.key
    );
    let is_public = route.authorization == "NONE";
    let removes_identity = is_id(&expectation.public_integration, &route.integration);

    let relies_on_authorizer = is_id(&expectation.protected_integration, &route.integration);
    match expectation.ownership {
        Ownership::Created => findings.problem(detail),
        _ if route.has_own_path() || relies_on_authorizer => findings.problem(detail),
        _ if is_public && removes_identity && is_narrow(route) => {}
        _ if is_public || route.authorization == "AWS_IAM" => findings.warning(detail),
        _ => findings.problem(detail),
    }
}

/// True if a public route only reads one resource, or serves the preflight requests of browsers. The
/// owner of an API can publish such a route. A wider one makes much more public than its name says.
fn is_narrow(route: &Route) -> bool {
    match route.key.split_once(' ') {
        Some(("OPTIONS", _)) => true,
        Some(("GET" | "HEAD", path)) => !path.ends_with("+}"),
        _ => false,
    }
}

fn authorization(kind: &str, authorizer: &str) -> String {
    match kind {
        "NONE" => "no authorization".to_owned(),
        "AWS_IAM" => "IAM authorization".to_owned(),
        "CUSTOM" => format!("authorizer {authorizer}"),
        other => format!("{other} authorizer {authorizer}"),
    }
}

fn summary(routes: &[Route], expectation: &Expectation) -> String {
    let with = |kind: &str| -> Vec<&str> {
        let routes = routes.iter().filter(|it| it.authorization == kind);
        routes.map(|it| it.key.as_str()).collect()
    };
    let authorizer = &expectation.authorizer;
    let protected = with("CUSTOM").len();
    let public = match with("NONE") {
        keys if keys.is_empty() => "none is public".to_owned(),
        keys => format!("public are {}", keys.join(", ")),
    };
    let all = routes.len();
    format!("{protected} of {all} routes have authorizer {authorizer}, {public}")
}

async fn check_rest(api: &RestApi<'_>) -> Result<Verdict, Unread> {
    let Some(authorizer) = api.authorizer().await? else {
        let (id, function) = (&api.id, api.function_name());
        return Ok(Verdict::failed(format!(
            "API {id} has no authorizer that invokes {function}"
        )));
    };
    let authorizer = crate::aws::text(&authorizer["id"]);

    let methods = api.methods().await?;
    let mut findings = Findings::default();
    for method in &methods {
        let has_authorizer = method.authorization == "CUSTOM" && method.authorizer == authorizer;
        if !has_authorizer {
            let found = authorization(&method.authorization, &method.authorizer);
            let key = &method.key;
            findings.problem(format!(
                "method {key} has {found}, expected authorizer {authorizer}"
            ));
        }
    }
    for path in expected_paths(api)? {
        if !methods.iter().any(|method| method.path == path) {
            findings.problem(format!("path {path} is missing"));
        }
    }

    let all = methods.len();
    Ok(findings.verdict(format!("all {all} methods have authorizer {authorizer}")))
}

fn expected_paths(api: &RestApi<'_>) -> Result<Vec<String>, Unread> {
    let definition = api.definition()?;
    let paths = definition["paths"].as_object();
    Ok(paths
        .into_iter()
        .flatten()
        .map(|(path, _)| path.clone())
        .collect())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::after::api::fixtures::{AUTHORIZERS, ROUTES};
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    async fn verdict_of(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await)
            .await
            .unwrap_or_else(Into::into)
    }

    async fn with_route(route: Value) -> Verdict {
        let recorded = Recorded::healthy().with_json(ROUTES, |routes| {
            routes["items"].as_array_mut().unwrap().push(route.clone());
        });
        verdict_of(recorded).await
    }

    #[tokio::test]
    async fn routes_of_the_template_pass() {
        let verdict = verdict_of(Recorded::healthy()).await;
        let detail = "3 of 8 routes have authorizer auth01, public are OPTIONS /{proxy+}, OPTIONS /, \
                      GET /health, GET /_tollgate/openapi.json";
        assert_eq!(verdict, Verdict::ok(detail));
    }

    #[tokio::test]
    async fn other_routes_with_the_authorizer_pass() {
        let route = json!({"routeKey": "GET /orders", "authorizationType": "CUSTOM", "authorizerId": "auth01", "target": "integrations/own"});
        assert_eq!(with_route(route).await.status, Status::Ok);
    }

    #[tokio::test]
    async fn every_other_authorization_fails() {
        for (route, expected) in [
            (
                json!({"routeKey": "$default", "authorizationType": "NONE", "target": "integrations/intprot"}),
                "route $default has no authorization, expected authorizer auth01",
            ),
            (
                json!({"routeKey": "GET /orders", "authorizationType": "JWT", "authorizerId": "jwt01"}),
                "route GET /orders has JWT authorizer jwt01, expected authorizer auth01",
            ),
            (
                json!({"routeKey": "GET /orders", "authorizationType": "CUSTOM", "authorizerId": "other"}),
                "route GET /orders has authorizer other, expected authorizer auth01",
            ),
            (
                json!({"routeKey": "GET /orders", "authorizationType": "AWS_IAM"}),
                "route GET /orders has IAM authorization, expected authorizer auth01",
            ),
        ] {
            let verdict = with_route(route).await;
            assert_eq!(verdict.status, Status::Failed);
            assert_eq!(verdict.details, [expected]);
        }
    }

    #[tokio::test]
    async fn changed_routes_of_the_template_fail() {
        let recorded = Recorded::healthy().with_json(ROUTES, |routes| {
            for route in routes["items"].as_array_mut().unwrap() {
                match route["routeKey"].as_str().unwrap() {
                    "ANY /" => route["target"] = json!("integrations/intpub"),
                    "ANY /{proxy+}" => {
                        route["authorizationType"] = json!("NONE");
                        route.as_object_mut().unwrap().remove("authorizerId");
                    }
                    "ANY /_tollgate/v1/{proxy+}" => route["authorizationType"] = json!("NONE"),
                    _ => {}
                }
            }
        });
        let mut verdict = verdict_of(recorded).await;
        verdict.details.sort();
        assert_eq!(
            verdict.details,
            [
                "route ANY / has the integration intpub, expected intprot",
                "route ANY /_tollgate/v1/{proxy+} has no authorization, expected IAM authorization",
                "route ANY /{proxy+} has no authorization, expected authorizer auth01",
            ]
        );
        assert_eq!(verdict.status, Status::Failed);
    }

    #[tokio::test]
    async fn missing_routes_fail() {
        let recorded = Recorded::healthy().with_json(ROUTES, |routes| {
            let routes = routes["items"].as_array_mut().unwrap();
            routes.retain(|route| route["routeKey"] != "OPTIONS /");
        });
        let verdict = verdict_of(recorded).await;
        assert_eq!(verdict, Verdict::failed("route OPTIONS / is missing"));
    }

    #[tokio::test]
    async fn health_route_fails_after_its_parameter_is_false() {
        let recorded = Recorded::healthy().with_parameter("PublicHealth", "false");
        let verdict = verdict_of(recorded).await;
        let detail = "route GET /health has no authorization, expected authorizer auth01";
        assert_eq!(verdict, Verdict::failed(detail));
    }

    #[tokio::test]
    async fn unknown_api_is_not_proven() {
        let recorded = Recorded::healthy().with("cloudformation.DescribeStacks.xml", |text| {
            text.replace("<OutputKey>ApiId<", "<OutputKey>Other<")
        });
        let verdict = verdict_of(recorded).await;
        assert_eq!(verdict.status, Status::NotProven);
        assert!(verdict.fix.unwrap().contains("--api-id"));
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let verdict = verdict_of(Recorded::healthy().denied(ROUTES)).await;
        assert_eq!(verdict, Verdict::not_checked("needs apigateway:GET"));
    }

    #[tokio::test]
    async fn api_without_the_authorizer_fails() {
        let recorded = Recorded::healthy()
            .with_parameter("HttpApiId", "none")
            .with_json(AUTHORIZERS, |authorizers| {
                authorizers["items"][0]["authorizerUri"] = json!("arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111122223333:function:other/invocations");
            });
        let stack = recorded.stack().await;
        let api = HttpApi::defined_elsewhere("a1b2c3d4e5", &stack);
        let verdict = check_http(&api).await.unwrap();
        let detail =
            "API a1b2c3d4e5 has no authorizer that invokes tollgate-AuthorizerFunction-AbCdEfGh";
        assert_eq!(verdict, Verdict::failed(detail));
    }

    /// Returns the responses of a stack whose template was changed before the deployment.
    fn with_template(change: impl Fn(&str) -> String) -> Recorded {
        Recorded::healthy().with("cloudformation.GetTemplate.xml", change)
    }

    #[tokio::test]
    async fn changed_template_makes_no_route_public() {
        let recorded = with_template(|text| {
            text.replace(
                r#"RouteKey: "ANY /", AuthorizationType: CUSTOM, AuthorizerId: !Ref Authorizer"#,
                r#"RouteKey: "ANY /", AuthorizationType: NONE"#,
            )
        })
        .with_json(ROUTES, |routes| {
            let routes = routes["items"].as_array_mut().unwrap();
            let root = routes
                .iter_mut()
                .find(|it| it["routeKey"] == "ANY /")
                .unwrap();
            root["authorizationType"] = json!("NONE");
            root.as_object_mut().unwrap().remove("authorizerId");
        });
        let detail = "route ANY / has no authorization, expected authorizer auth01";
        assert_eq!(verdict_of(recorded).await, Verdict::failed(detail));
    }

    #[tokio::test]
    async fn changed_template_sends_no_public_route_to_the_protected_integration() {
        let recorded = with_template(|text| {
            text.replace(
                "RouteKey: \"OPTIONS /\", AuthorizationType: NONE, Target: !Sub \"integrations/${PublicIntegration}\"",
                "RouteKey: \"OPTIONS /\", AuthorizationType: NONE, Target: !Sub \"integrations/${ProtectedIntegration}\"",
            )
        })
        .with_json(ROUTES, |routes| {
            let routes = routes["items"].as_array_mut().unwrap();
            let root = routes.iter_mut().find(|it| it["routeKey"] == "OPTIONS /").unwrap();
            root["target"] = json!("integrations/intprot");
        });
        let detail = "route OPTIONS / without the authorizer has the ProtectedIntegration, which relies on it";
        assert_eq!(verdict_of(recorded).await, Verdict::failed(detail));
    }
}
