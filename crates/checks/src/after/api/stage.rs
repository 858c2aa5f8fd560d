//! The stage that serves requests.

use std::collections::BTreeMap;

use serde_json::Value;

use super::http_api::{HttpApi, Ownership};
use super::rest_api::RestApi;
use super::subject::{Subject, unknown};
use crate::aws::{Unread, text};
use crate::check::{Check, Group};
use crate::findings::{Findings, quoted};
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "stage-deployed",
    group: Group::Api,
    title: "The stage serves the last configuration, with its limits and its access log",
    explanation: "Every stage of an API can be called. API Gateway goes on serving the previous configuration if a deployment fails, so a new \
                  authorizer or mapping has no effect. The metrics publisher reads the access log in the \
                  format of the template.",
    fix: "Delete other stages of the API. Read the message of the deployment, correct the API and deploy the stack again. Delete settings of \
          routes that override those of the stage with `aws apigatewayv2 delete-route-settings`.",
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

async fn check_http(api: &HttpApi<'_>) -> Result<Verdict, Unread> {
    let name = api.stage();
    let stages = api.stages().await?;
    let Some(stage) = stages.iter().find(|it| it["stageName"] == *name) else {
        let names: Vec<&str> = stages.iter().map(|it| text(&it["stageName"])).collect();
        let names = names.join(", ");
        let found = quoted(&names);
        return Ok(Verdict::failed(format!(
            "API {} has the stages {found}, expected {name}",
            api.id
        )));
    };

    let mut findings = Findings::default();
    review_deployment(stage, &mut findings);
    let deployments = api.deployments().await;
    if let Some(deployments) = findings.take("deployments of the API", deployments) {
        review_deployments(stage, &deployments, &mut findings);
    }
    // The owner of another API decides about its limits and its log.
    if api.ownership == Ownership::Created {
        let expected = api.stack.expected("Stage")?.unwrap_or_default();
        review_limits(stage, &expected, &mut findings);
        let group = api.stack.output("AccessLogGroup").unwrap_or_default();
        review_access_log(stage, &expected, group, &mut findings);
    }
    review_other_stages(stage, &stages, &mut findings);
    let deployment = text(&stage["deploymentId"]);
    Ok(findings.verdict(format!(
        "stage {name} serves deployment {}",
        quoted(deployment)
    )))
}

/// Reviews the other stages of the API. Clients reach each of them by its name in the path, with the
/// routes, authorizer and mappings of its own deployment.
fn review_other_stages(stage: &Value, stages: &[Value], findings: &mut Findings) {
    let (served, current) = (text(&stage["stageName"]), text(&stage["deploymentId"]));
    for other in stages
        .iter()
        .filter(|it| it["stageName"] != stage["stageName"])
    {
        let name = text(&other["stageName"]);
        let deployment = text(&other["deploymentId"]);
        let log = &other["accessLogSettings"]["destinationArn"];
        let settings = "check its limits and its log";
        if deployment != current {
            findings.problem(format!(
                "stage {name} serves deployment {}, and stage {served} serves {}",
                quoted(deployment),
                quoted(current)
            ));
        } else if text(log).is_empty()
            && !text(&stage["accessLogSettings"]["destinationArn"]).is_empty()
        {
            findings.problem(format!(
                "stage {name} serves the same API without an access log"
            ));
        } else {
            findings.warning(format!("stage {name} serves the same API: {settings}"));
        }
    }
}

/// Reviews the last automatic deployment. Its message begins with `Successfully deployed` or with
/// `Deployment attempt failed`.
fn review_deployment(stage: &Value, findings: &mut Findings) {
    let name = text(&stage["stageName"]);
    if stage["autoDeploy"] != true {
        findings.warning(format!(
            "stage {name} does not deploy changes automatically, so a changed route has no effect until a deployment"
        ));
    }
    let message = text(&stage["lastDeploymentStatusMessage"]);
    if !message.is_empty() && !message.starts_with("Successfully deployed") {
        findings.problem(format!("stage {name}: {message}"));
    }
}

fn review_deployments(stage: &Value, deployments: &[Value], findings: &mut Findings) {
    let current = text(&stage["deploymentId"]);
    let created = |it: &&Value| text(&it["createdDate"]).to_owned();
    let Some(newest) = deployments.iter().max_by_key(created) else {
        if !current.is_empty() {
            findings.unproven("API Gateway returns no deployments");
        }
        return;
    };

    let (id, status) = (
        text(&newest["deploymentId"]),
        text(&newest["deploymentStatus"]),
    );
    match status {
        "DEPLOYED" if id == current => {}
        "DEPLOYED" if stage["autoDeploy"] == true => findings.problem(format!(
            "the stage serves deployment {}, the newest is {id}",
            quoted(current)
        )),
        "DEPLOYED" => findings.warning(format!(
            "the stage serves deployment {}, the newest is {id}",
            quoted(current)
        )),
        "PENDING" => findings.warning(format!("deployment {id} is pending")),
        _ => {
            let message = text(&newest["deploymentStatusMessage"]);
            findings.problem(format!("deployment {id} is {status}: {}", quoted(message)));
        }
    }
}

fn review_limits(stage: &Value, expected: &Value, findings: &mut Findings) {
    let (settings, expected) = (
        &stage["defaultRouteSettings"],
        &expected["DefaultRouteSettings"],
    );
    for (property, setting) in [
        ("ThrottlingRateLimit", "throttlingRateLimit"),
        ("ThrottlingBurstLimit", "throttlingBurstLimit"),
    ] {
        let (actual, expected) = (number(&settings[setting]), number(&expected[property]));
        findings.equal(setting, &actual, &expected);
    }
    if settings["detailedMetricsEnabled"] == true {
        findings.warning("detailedMetricsEnabled is true: each route costs six metrics");
    }

    let routes = stage["routeSettings"].as_object();
    for (route, settings) in routes.into_iter().flatten() {
        findings.problem(format!("route {route} has settings of its own: {settings}"));
    }
}

/// Returns a number as text: 10000 and 10000.0 are equal.
fn number(value: &Value) -> String {
    let number = value.as_f64().or_else(|| text(value).parse().ok());
    number.map_or_else(String::new, |number| number.to_string())
}

fn review_access_log(stage: &Value, expected: &Value, group: &str, findings: &mut Findings) {
    let settings = &stage["accessLogSettings"];
    let destination = text(&settings["destinationArn"]).trim_end_matches(":*");
    let found = destination
        .split_once(":log-group:")
        .map_or("", |(_, name)| name);
    findings.equal("log group of the access log", found, group);

    let expected = fields(text(&expected["AccessLogSettings"]["Format"]));
    let actual = fields(text(&settings["format"]));
    let (Some(expected), Some(actual)) = (expected, actual) else {
        findings.problem("the format of the access log is not a JSON object");
        return;
    };
    for (name, value) in &expected {
        let found = actual.get(name).map_or("", String::as_str);
        findings.equal(&format!("field {name} of the access log"), found, value);
    }
    for name in actual.keys().filter(|name| !expected.contains_key(*name)) {
        findings.problem(format!(
            "the access log has the field {name}, which the template does not ask for"
        ));
    }
}

/// Returns the fields of a log format that is a JSON object.
fn fields(format: &str) -> Option<BTreeMap<String, String>> {
    serde_json::from_str(format).ok()
}

async fn check_rest(api: &RestApi<'_>) -> Result<Verdict, Unread> {
    let stages = api.stages().await?;
    let expected = api.stack.parameter("StageName");
    let stage = stages
        .iter()
        .find(|it| api.resource.is_none() || it["stageName"] == *expected);
    let Some(stage) = stage else {
        let id = &api.id;
        return Ok(Verdict::failed(format!("API {id} has no stage {expected}")));
    };

    let mut findings = Findings::default();
    let deployments = findings.take("deployments of the API", api.deployments().await);
    review_rest_deployment(stage, &deployments.unwrap_or_default(), &mut findings);
    if api.resource.is_some() {
        review_rest_limits(stage, api.stack, &mut findings);
    }
    review_other_stages(stage, &stages, &mut findings);
    let (name, deployment) = (text(&stage["stageName"]), text(&stage["deploymentId"]));
    Ok(findings.verdict(format!("stage {name} serves deployment {deployment}")))
}

fn review_rest_deployment(stage: &Value, deployments: &[Value], findings: &mut Findings) {
    let current = text(&stage["deploymentId"]);
    // Instants are numbers in this API.
    let seconds = |value: &Value| value["createdDate"].as_f64().unwrap_or_default();
    let newest = deployments
        .iter()
        .max_by(|one, other| seconds(one).total_cmp(&seconds(other)));
    let newest = newest.map_or(current, |it| text(&it["id"]));
    findings.equal("deployment of the stage", current, newest);
}

fn review_rest_limits(stage: &Value, stack: &Stack, findings: &mut Findings) {
    let settings = stage["methodSettings"].as_object();
    for (method, settings) in settings.into_iter().flatten() {
        if method != "*/*" {
            findings.problem(format!(
                "method {method} has settings of its own: {settings}"
            ));
        }
        // A cached response is returned to other callers, without a request to the backend.
        if settings["cachingEnabled"] == true {
            findings.problem(format!("responses of {method} are cached for all callers"));
        }
    }

    let settings = &stage["methodSettings"]["*/*"];
    for (parameter, setting) in [
        ("StageRateLimit", "throttlingRateLimit"),
        ("StageBurstLimit", "throttlingBurstLimit"),
    ] {
        let expected = number(&stack.parameter(parameter).into());
        findings.equal(setting, &number(&settings[setting]), &expected);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::after::api::fixtures::{DEPLOYMENTS, STAGES};
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    async fn verdict_of(recorded: Recorded) -> Verdict {
        super::check(&recorded.stack().await)
            .await
            .unwrap_or_else(Into::into)
    }

    fn with_stage(change: impl Fn(&mut Value)) -> Recorded {
        Recorded::healthy().with_json(STAGES, |stages| change(&mut stages["items"][0]))
    }

    #[tokio::test]
    async fn stage_of_the_template_passes() {
        let verdict = verdict_of(Recorded::healthy()).await;
        assert_eq!(
            verdict,
            Verdict::ok("stage $default serves deployment dep002")
        );
    }

    #[tokio::test]
    async fn failed_deployment_fails_with_its_message() {
        let message =
            "Deployment attempt failed: Unable to deploy API because no routes exist in this API";
        let recorded = with_stage(|stage| stage["lastDeploymentStatusMessage"] = json!(message));
        let verdict = verdict_of(recorded).await;
        assert_eq!(
            verdict,
            Verdict::failed(format!("stage $default: {message}"))
        );

        let recorded = Recorded::healthy().with_json(DEPLOYMENTS, |deployments| {
            deployments["items"][0]["deploymentStatus"] = json!("FAILED");
            deployments["items"][0]["deploymentStatusMessage"] = json!("no routes");
        });
        let verdict = verdict_of(recorded).await;
        assert_eq!(
            verdict,
            Verdict::failed("deployment dep002 is FAILED: no routes")
        );
    }

    #[tokio::test]
    async fn older_deployment_fails_and_pending_one_is_a_warning() {
        let recorded = with_stage(|stage| stage["deploymentId"] = json!("dep001"));
        let detail = "the stage serves deployment dep001, the newest is dep002";
        assert_eq!(verdict_of(recorded).await, Verdict::failed(detail));

        let recorded = Recorded::healthy().with_json(DEPLOYMENTS, |deployments| {
            deployments["items"][0]["deploymentStatus"] = json!("PENDING");
        });
        assert_eq!(verdict_of(recorded).await.status, Status::Warning);
    }

    #[tokio::test]
    async fn manual_deployments_are_a_warning() {
        let recorded = with_stage(|stage| stage["autoDeploy"] = json!(false));
        assert_eq!(verdict_of(recorded).await.status, Status::Warning);
    }

    #[tokio::test]
    async fn other_limits_fail() {
        let recorded = with_stage(|stage| {
            stage["defaultRouteSettings"]["throttlingRateLimit"] = json!(1.0);
            stage["routeSettings"]["ANY /"] = json!({"throttlingBurstLimit": 1});
        });
        assert_eq!(
            verdict_of(recorded).await.details,
            [
                "throttlingRateLimit is 1, expected 10000",
                "route ANY / has settings of its own: {\"throttlingBurstLimit\":1}",
            ]
        );
        let recorded = Recorded::healthy().with_parameter("StageBurstLimit", "7");
        let detail = "throttlingBurstLimit is 5000, expected 7";
        assert_eq!(verdict_of(recorded).await, Verdict::failed(detail));
    }

    #[tokio::test]
    async fn missing_log_and_other_fields_fail() {
        let recorded = with_stage(|stage| stage["accessLogSettings"] = Value::Null);
        let verdict = verdict_of(recorded).await;
        assert_eq!(
            verdict.details,
            [
                "log group of the access log is not set, expected /aws/vendedlogs/tollgate/access-456789abcdef",
                "the format of the access log is not a JSON object",
            ]
        );

        let recorded = with_stage(|stage| {
            let format = stage["accessLogSettings"]["format"].as_str().unwrap();
            let changed = format
                .replace("\"$context.authorizer.plan\"", "\"-\"")
                .replace(
                    "\"auth\":\"$context.authorizer.auth\"",
                    "\"path\":\"$context.path\"",
                );
            stage["accessLogSettings"]["format"] = json!(changed);
        });
        assert_eq!(
            verdict_of(recorded).await.details,
            [
                "field auth of the access log is not set, expected $context.authorizer.auth",
                "field plan of the access log is -, expected $context.authorizer.plan",
                "the access log has the field path, which the template does not ask for",
            ]
        );
    }

    #[tokio::test]
    async fn every_other_stage_is_named() {
        let with_other = |change: &dyn Fn(&mut Value)| {
            Recorded::healthy().with_json(STAGES, |stages| {
                let mut other = stages["items"][0].clone();
                other["stageName"] = json!("old");
                change(&mut other);
                stages["items"].as_array_mut().unwrap().push(other);
            })
        };
        let recorded = with_other(&|stage| stage["deploymentId"] = json!("dep000"));
        let detail = "stage old serves deployment dep000, and stage $default serves dep002";
        assert_eq!(verdict_of(recorded).await, Verdict::failed(detail));

        let recorded = with_other(&|stage| stage["accessLogSettings"] = Value::Null);
        let detail = "stage old serves the same API without an access log";
        assert_eq!(verdict_of(recorded).await, Verdict::failed(detail));

        let verdict = verdict_of(with_other(&|_| {})).await;
        assert_eq!(verdict.status, Status::Warning);
    }

    #[test]
    fn other_stage_of_a_rest_api_fails() {
        let stages = [
            json!({"stageName": "v1", "deploymentId": "d2"}),
            json!({"stageName": "old", "deploymentId": "d1"}),
        ];
        let mut findings = Findings::default();
        review_other_stages(&stages[0], &stages, &mut findings);
        let detail = "stage old serves deployment d1, and stage v1 serves d2";
        assert_eq!(findings.verdict(""), Verdict::failed(detail));
    }

    #[tokio::test]
    async fn missing_stage_fails() {
        let recorded = with_stage(|stage| stage["stageName"] = json!("prod"));
        let detail = "API a1b2c3d4e5 has the stages prod, expected $default";
        assert_eq!(verdict_of(recorded).await, Verdict::failed(detail));
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let verdict = verdict_of(Recorded::healthy().denied(STAGES)).await;
        assert_eq!(verdict, Verdict::not_checked("needs apigateway:GET"));
        let verdict = verdict_of(Recorded::healthy().denied(DEPLOYMENTS)).await;
        assert_eq!(verdict.status, Status::NotChecked);
    }

    #[test]
    fn stage_of_a_rest_api_serves_the_newest_deployment() {
        let deployments = [
            json!({"id": "d1", "createdDate": 1_795_000_000}),
            json!({"id": "d2", "createdDate": 1_796_000_000}),
        ];
        let verdict = |id: &str| {
            let mut findings = Findings::default();
            let stage = json!({"deploymentId": id});
            review_rest_deployment(&stage, &deployments, &mut findings);
            findings.verdict("fine")
        };
        assert_eq!(verdict("d2"), Verdict::ok("fine"));
        assert_eq!(
            verdict("d1"),
            Verdict::failed("deployment of the stage is d1, expected d2")
        );
    }
}
