//! The routes of the limiter, and other routes below its path.

use super::function_routes::{self, RoutedFunction};
use super::http_api::HttpApi;
use super::integration::Role;
use super::route::{OWN_PATHS, Route};
use super::subject::{Subject, unknown};
use crate::aws::Unread;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

const LIMITER: Check = Check {
    id: "limiter-routes",
    group: Group::Api,
    title: "The routes of the admin API and of the usage lead to the limiter",
    explanation: "Without these routes plans and keys cannot be administered, and customers cannot see their \
                  usage. If API Gateway may not invoke the limiter, every request on them fails with 500.",
    fix: "Deploy the stack again. If the API has a definition of its own, add the routes and the permission \
          that `tollgate mappings` prints. CloudFormation restores a missing permission only if its \
          resource changes: `aws lambda add-permission` adds it.",
    permissions: &["apigateway:GET", "lambda:GetPolicy"],
    evidence: None,
};

const FOREIGN: Check = Check {
    id: "foreign-routes",
    group: Group::Api,
    title: "All routes below /_tollgate/ are those of the template",
    explanation: "A more specific route takes requests away from the limiter. It can answer in the name of the \
                  admin API, receive the keys of customers, or make the admin API public.",
    fix: "Delete the route, or move it to another path.",
    permissions: &["apigateway:GET"],
    evidence: None,
};

pub(super) const LIMITER_ENTRY: Entry<Stack> = Entry {
    check: &LIMITER,
    run: |stack| Box::pin(check_limiter(stack)),
};

pub(super) const FOREIGN_ENTRY: Entry<Stack> = Entry {
    check: &FOREIGN,
    run: |stack| Box::pin(check_foreign(stack)),
};

const NO_LIMITER: &str = "the stack has no limiter";

async fn check_limiter(stack: &Stack) -> Result<Verdict, Unread> {
    match Subject::of(stack).await? {
        Subject::Http(api) => check_http(&api).await,
        Subject::Rest(_) => Ok(Verdict::not_applicable(NO_LIMITER)),
        Subject::Unknown => Ok(unknown()),
    }
}

async fn check_http(api: &HttpApi<'_>) -> Result<Verdict, Unread> {
    let expected = own_routes(api)?;
    let limiter = RoutedFunction {
        name: api.stack.output("LimiterFunctionName").unwrap_or_default(),
        words: "the limiter",
        role: Role::Limiter,
    };
    let mut findings = Findings::default();
    function_routes::review(api, &limiter, &expected, &mut findings).await?;

    let keys: Vec<&str> = expected.iter().map(|it| it.key.as_str()).collect();
    Ok(findings.verdict(keys.join(", ")))
}

/// Returns the routes that the template asks for below the path of Tollgate.
fn own_routes(api: &HttpApi<'_>) -> Result<Vec<Route>, Unread> {
    let routes = api.expected_routes()?;
    Ok(routes.into_iter().filter(Route::has_own_path).collect())
}

async fn check_foreign(stack: &Stack) -> Result<Verdict, Unread> {
    let (keys, expected): (Vec<String>, Vec<String>) = match Subject::of(stack).await? {
        Subject::Http(api) => {
            let expected = own_routes(&api)?;
            let routes = api.routes().await?;
            let routes = routes.into_iter().filter(Route::has_own_path);
            (
                routes.map(|it| it.key).collect(),
                expected.into_iter().map(|it| it.key).collect(),
            )
        }
        Subject::Rest(api) => {
            let methods = api.methods().await?;
            let below = format!("{OWN_PATHS}/");
            let methods = methods
                .into_iter()
                .filter(|it| format!("{}/", it.path).starts_with(&below));
            (methods.map(|it| it.key).collect(), Vec::new())
        }
        Subject::Unknown => return Ok(unknown()),
    };

    let foreign = keys.iter().filter(|key| !expected.contains(key));
    let problems = foreign.map(|key| format!("route {key} is not of the template"));
    let count = keys.len();
    Ok(Verdict::of_problems(
        problems.collect(),
        format!("{count} routes below {OWN_PATHS}/, all of the template"),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::after::api::fixtures::{INTEGRATIONS, LIMITER_POLICY, ROUTES};
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    async fn limiter(recorded: Recorded) -> Verdict {
        let verdict = check_limiter(&recorded.stack().await).await;
        verdict.unwrap_or_else(Into::into)
    }

    async fn foreign(recorded: Recorded) -> Verdict {
        let verdict = check_foreign(&recorded.stack().await).await;
        verdict.unwrap_or_else(Into::into)
    }

    fn with_routes(change: impl Fn(&mut Vec<Value>)) -> Recorded {
        Recorded::healthy().with_json(ROUTES, |routes| {
            change(routes["items"].as_array_mut().unwrap());
        })
    }

    #[tokio::test]
    async fn routes_of_the_template_pass() {
        let verdict = limiter(Recorded::healthy()).await;
        assert_eq!(verdict.status, Status::Ok, "{verdict:?}");
        let verdict = foreign(Recorded::healthy()).await;
        let detail = "3 routes below /_tollgate/, all of the template";
        assert_eq!(verdict, Verdict::ok(detail));
    }

    #[tokio::test]
    async fn missing_route_fails() {
        let recorded = with_routes(|routes| {
            routes.retain(|it| it["routeKey"] != "GET /_tollgate/usage");
        });
        let verdict = limiter(recorded).await;
        assert_eq!(
            verdict,
            Verdict::failed("route GET /_tollgate/usage is missing")
        );
    }

    #[tokio::test]
    async fn open_admin_api_and_other_integration_fail() {
        let recorded = with_routes(|routes| {
            for route in routes {
                match route["routeKey"].as_str().unwrap() {
                    "ANY /_tollgate/v1/{proxy+}" => route["authorizationType"] = json!("NONE"),
                    "GET /_tollgate/usage" => route["target"] = json!("integrations/intpub"),
                    _ => {}
                }
            }
        });
        let mut verdict = limiter(recorded).await;
        verdict.details.sort();
        assert_eq!(
            verdict.details,
            [
                "authorization of ANY /_tollgate/v1/{proxy+} is NONE, expected AWS_IAM",
                "route GET /_tollgate/usage leads to integration intpub, expected the limiter",
            ]
        );
    }

    #[tokio::test]
    async fn other_function_and_format_fail() {
        let other =
            "arn:aws:lambda:eu-west-1:999999999999:function:tollgate-LimiterFunction-AbCdEfGh";
        for function in [
            other,
            "arn:aws:lambda:us-east-1:111122223333:function:tollgate-LimiterFunction-AbCdEfGh",
        ] {
            let recorded = Recorded::healthy().with_json(INTEGRATIONS, |integrations| {
                let limiter = &mut integrations["items"][2];
                limiter["payloadFormatVersion"] = json!("1.0");
                let uri = limiter["integrationUri"].as_str().unwrap();
                let (start, _) = uri.split_once("arn:aws:lambda:").unwrap();
                limiter["integrationUri"] = json!(format!("{start}{function}/invocations"));
            });
            assert_eq!(
                limiter(recorded).await.details,
                [
                    format!(
                        "function of LimiterIntegration intlim is {function}, expected \
                         tollgate-LimiterFunction-AbCdEfGh of this account and region"
                    ),
                    "payload format of LimiterIntegration intlim is 1.0, expected 2.0".to_owned(),
                ]
            );
        }
    }

    #[tokio::test]
    async fn missing_permission_to_invoke_fails() {
        let verdict = limiter(Recorded::healthy().missing(LIMITER_POLICY)).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(verdict.details.len(), 3, "one per route");

        let narrow = Recorded::healthy().with(LIMITER_POLICY, |text| {
            text.replace("/*/*/_tollgate/*", "/*/GET/_tollgate/*")
        });
        let detail = "the policy of tollgate-LimiterFunction-AbCdEfGh does not allow API Gateway to invoke it for ANY /_tollgate/v1/{proxy+}";
        assert_eq!(limiter(narrow).await, Verdict::failed(detail));
    }

    #[tokio::test]
    async fn unreadable_policy_is_not_checked() {
        let verdict = limiter(Recorded::healthy().denied(LIMITER_POLICY)).await;
        assert_eq!(verdict.status, Status::NotChecked);
        assert_eq!(verdict.details[0], "needs lambda:GetPolicy");
    }

    #[tokio::test]
    async fn other_routes_below_the_path_fail() {
        let recorded = with_routes(|routes| {
            for key in [
                "GET /_tollgate/v1/plans",
                "ANY /_tollgate/{proxy+}",
                "GET /orders",
            ] {
                routes.push(json!({"routeKey": key, "authorizationType": "NONE"}));
            }
        });
        let verdict = foreign(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            [
                "route GET /_tollgate/v1/plans is not of the template",
                "route ANY /_tollgate/{proxy+} is not of the template",
            ]
        );
    }

    #[tokio::test]
    async fn routes_of_an_earlier_setting_fail() {
        let recorded = Recorded::healthy().with_parameter("PublicDescription", "false");
        let detail = "route GET /_tollgate/openapi.json is not of the template";
        assert_eq!(foreign(recorded).await, Verdict::failed(detail));
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let expected = Verdict::not_checked("needs apigateway:GET");
        assert_eq!(limiter(Recorded::healthy().denied(ROUTES)).await, expected);
        assert_eq!(foreign(Recorded::healthy().denied(ROUTES)).await, expected);
    }
}
