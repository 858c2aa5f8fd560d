//! The backend that integrations send requests to.

use serde_json::Value;

use super::http_api::{HttpApi, function_arn};
use super::integration::{Integration, Role};
use super::rest_api::RestApi;
use super::route::is_id;
use super::subject::{Subject, unknown};
use crate::aws::{Unread, text};
use crate::check::{Check, Group};
use crate::findings::{Findings, quoted};
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "integration-target",
    group: Group::Api,
    title: "Integrations send requests to the backend of the parameters",
    explanation: "Another target bypasses the listener rules, so that throttled requests reach a service. \
                  Without the TLS server name, the VPC link does not verify the certificate of the load \
                  balancer.",
    fix: "Deploy the stack again. With `OnThrottle=mark`, let your own integrations use the VPC link and the \
          listener `AlbListenerArn`. A Lambda function has to respond with 429 itself; `--path` with the \
          path of its route shows that it does.",
    permissions: &["apigateway:GET"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

/// The settings of an integration: names in templates, and in API Gateway.
const SETTINGS: [(&str, &str); 7] = [
    ("IntegrationType", "integrationType"),
    ("IntegrationMethod", "integrationMethod"),
    ("ConnectionType", "connectionType"),
    ("ConnectionId", "connectionId"),
    ("IntegrationUri", "integrationUri"),
    ("PayloadFormatVersion", "payloadFormatVersion"),
    ("TimeoutInMillis", "timeoutInMillis"),
];
/// The settings of an integration of a REST API. They have the same names in a definition.
const REST_SETTINGS: [&str; 6] = [
    "type",
    "connectionType",
    "connectionId",
    "integrationTarget",
    "uri",
    "timeoutInMillis",
];

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    match Subject::of(stack).await? {
        Subject::Http(api) => check_http(&api).await,
        Subject::Rest(api) => check_rest(&api).await,
        Subject::Unknown => Ok(unknown()),
    }
}

async fn check_http(api: &HttpApi<'_>) -> Result<Verdict, Unread> {
    let protected = api.stack.expected("ProtectedIntegration")?;
    let public = api.stack.expected("PublicIntegration")?;
    let authorizer = api.authorizer_id().await?.unwrap_or_default();

    let mut findings = Findings::default();
    let mut targets = Vec::new();
    let mut others = 0;
    for integration in api.used_integrations().await? {
        let expected = match integration.role {
            Role::Protected => &protected,
            Role::Public => &public,
            // These functions respond to marked requests themselves.
            Role::Limiter | Role::Composer => continue,
            Role::OtherHttp | Role::Other => {
                if integration.is_protected(&authorizer) {
                    others += 1;
                    review_other(&integration, &api.stack, &mut findings);
                }
                continue;
            }
        };
        targets.push(integration.name());
        if let Some(expected) = expected {
            compare(&integration, expected, &mut findings);
        }
    }

    let detail = match (targets.is_empty(), others) {
        (true, 0) => return Ok(Verdict::not_applicable("no route leads to a backend")),
        (true, _) => format!("{others} integrations of the API's owner are behind the authorizer"),
        (false, _) => {
            let expected = protected.unwrap_or_default();
            let uri = quoted(text(&expected["IntegrationUri"])).to_owned();
            format!("{} send requests to {uri}", targets.join(", "))
        }
    };
    Ok(findings.verdict(detail))
}

fn compare(integration: &Integration, expected: &Value, findings: &mut Findings) {
    let name = integration.name();
    for (property, setting) in SETTINGS {
        let (expected, actual) = (&expected[property], &integration.settings[setting]);
        // CloudFormation alone knows the value of a reference.
        if expected.is_object() {
            continue;
        }
        let (expected, actual) = (scalar(expected), scalar(actual));
        let is_same_id = property == "ConnectionId" && is_id(&expected, &actual);
        if !is_same_id {
            findings.equal(&format!("{setting} of {name}"), &actual, &expected);
        }
    }

    let server_name = text(&integration.settings["tlsConfig"]["serverNameToVerify"]);
    let expected = text(&expected["TlsConfig"]["ServerNameToVerify"]);
    findings.equal(
        &format!("serverNameToVerify of {name}"),
        server_name,
        expected,
    );
}

/// Reviews an integration of the API's owner behind the authorizer, which receives throttled requests
/// unless the authorizer refuses them.
fn review_other(integration: &Integration, stack: &Stack, findings: &mut Findings) {
    let on_throttle = stack.parameter("OnThrottle");
    if on_throttle == "forbid" {
        return;
    }

    let name = integration.name();
    let target = text(&integration.settings["integrationUri"]);
    if integration.role == Role::Other {
        let target = function_arn(target).unwrap_or(target);
        findings.unproven(format!(
            "{name} receives throttled requests: {} has to respond with 429",
            quoted(target)
        ));
        return;
    }
    let listener = stack.parameter("AlbListenerArn");
    let has_rules = on_throttle == "mark" && !listener.is_empty() && target == listener;
    if !has_rules {
        findings.warning(format!(
            "{name} sends throttled requests to {}, which is not a listener with the rules of the stack",
            quoted(target)
        ));
    }
}

/// Returns a string or a number as text, and everything else as nothing.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

async fn check_rest(api: &RestApi<'_>) -> Result<Verdict, Unread> {
    let definition = api.definition()?;
    if definition.is_null() {
        return Ok(Verdict::not_applicable(
            "the template of the stack does not define the integrations of this API",
        ));
    }

    let mut findings = Findings::default();
    let methods = api.methods().await?;
    for method in &methods {
        let any_method = &definition["paths"][&method.path]["x-amazon-apigateway-any-method"];
        let expected = &any_method["x-amazon-apigateway-integration"];
        let key = &method.key;
        if expected.is_null() {
            findings.warning(format!("method {key} is not in the template"));
            continue;
        }
        for setting in REST_SETTINGS {
            let (expected, actual) = (&expected[setting], &method.integration[setting]);
            let (expected, actual) = (scalar(expected), scalar(actual));
            let is_same = match setting {
                "type" => expected.eq_ignore_ascii_case(&actual),
                "connectionId" => is_id(&expected, &actual),
                _ => expected == actual,
            };
            if !is_same {
                findings.equal(&format!("{setting} of method {key}"), &actual, &expected);
            }
        }
        if method.integration["tlsConfig"]["insecureSkipVerification"] == true {
            findings.problem(format!(
                "method {key} does not verify the certificate of the backend"
            ));
        }
    }
    let target = methods
        .first()
        .map(|it| scalar(&it.integration["integrationTarget"]));
    Ok(findings.verdict(format!(
        "{} methods send requests to {}",
        methods.len(),
        target.unwrap_or_default()
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::after::api::fixtures::{INTEGRATIONS, ROUTES};
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    async fn verdict_of(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await)
            .await
            .unwrap_or_else(Into::into)
    }

    fn with_setting(name: &str, value: Value) -> Recorded {
        Recorded::healthy().with_json(INTEGRATIONS, |integrations| {
            integrations["items"][0][name] = value.clone();
        })
    }

    /// Adds an integration, and a route with the authorizer that uses it.
    fn with_own(on_throttle: &str, integration: &Value) -> Recorded {
        Recorded::healthy()
            .with_parameter("OnThrottle", on_throttle)
            .with_json(INTEGRATIONS, |integrations| {
                let integrations = integrations["items"].as_array_mut().unwrap();
                integrations.push(integration.clone());
            })
            .with_json(ROUTES, |routes| {
                let route = json!({"routeKey": "GET /own", "authorizationType": "CUSTOM", "authorizerId": "auth01", "target": "integrations/own"});
                routes["items"].as_array_mut().unwrap().push(route);
            })
    }

    #[tokio::test]
    async fn targets_of_the_template_pass() {
        let verdict = verdict_of(Recorded::healthy()).await;
        assert_eq!(verdict.status, Status::Ok, "{verdict:?}");
    }

    #[tokio::test]
    async fn each_other_setting_fails() {
        let name = "of ProtectedIntegration intprot is";
        for (setting, value, expected) in [
            (
                "integrationType",
                json!("HTTP"),
                format!("integrationType {name} HTTP, expected HTTP_PROXY"),
            ),
            (
                "integrationMethod",
                json!("GET"),
                format!("integrationMethod {name} GET, expected ANY"),
            ),
            (
                "connectionType",
                json!("INTERNET"),
                format!("connectionType {name} INTERNET, expected VPC_LINK"),
            ),
            (
                "connectionId",
                json!("vl9"),
                format!("connectionId {name} vl9, expected vl1abc"),
            ),
            (
                "timeoutInMillis",
                json!(30000),
                format!("timeoutInMillis {name} 30000, expected 25000"),
            ),
            (
                "tlsConfig",
                json!(null),
                format!("serverNameToVerify {name} not set, expected services.example.com"),
            ),
        ] {
            let verdict = verdict_of(with_setting(setting, value)).await;
            assert_eq!(verdict, Verdict::failed(expected));
        }
        let verdict = verdict_of(with_setting("integrationUri", json!("arn:other"))).await;
        assert!(verdict.details[0].starts_with(
            "integrationUri of ProtectedIntegration intprot is arn:other, expected arn:aws:"
        ));
    }

    #[tokio::test]
    async fn own_http_integration_needs_the_listener_rules() {
        let own = |uri: &str| json!({"integrationId": "own", "integrationType": "HTTP_PROXY", "integrationUri": uri});
        let listener = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/app/internal/50dc6c495c0c9188/f2f7dc8efc522ab2";
        let status = async |on_throttle: &str, uri: &str| {
            verdict_of(with_own(on_throttle, &own(uri))).await.status
        };
        assert_eq!(status("mark", listener).await, Status::Ok);
        assert_eq!(
            status("mark", "https://other.example.com").await,
            Status::Warning
        );
        assert_eq!(
            status("forbid", "https://other.example.com").await,
            Status::Ok
        );
    }

    #[tokio::test]
    async fn function_that_throttles_is_not_proven() {
        let own = json!({"integrationId": "own", "integrationType": "AWS_PROXY", "integrationUri": "arn:aws:lambda:eu-west-1:111122223333:function:orders"});
        let verdict = verdict_of(with_own("mark", &own)).await;
        let detail = "integration own of GET /own receives throttled requests: arn:aws:lambda:eu-west-1:111122223333:function:orders has to respond with 429";
        assert_eq!(verdict.status, Status::NotProven);
        assert_eq!(verdict.details[0], detail);
        assert_eq!(
            verdict_of(with_own("forbid", &own)).await.status,
            Status::Ok
        );
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let verdict = verdict_of(Recorded::healthy().denied(INTEGRATIONS)).await;
        assert_eq!(verdict, Verdict::not_checked("needs apigateway:GET"));
    }
}
