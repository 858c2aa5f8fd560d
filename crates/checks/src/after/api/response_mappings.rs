//! The mappings of response headers, and the gateway responses of REST APIs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::http_api::HttpApi;
use super::integration::{Integration, Role};
use super::mapping_source::{compared, shown};
use super::rest_api::RestApi;
use super::subject::{Subject, unknown};
use crate::aws::{Unread, array, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "response-mappings",
    group: Group::Api,
    title: "Responses are mapped as the template asks for",
    explanation: "These mappings add `Retry-After`, the rate-limit headers and the security headers, and hide \
                  the software of the backend. API Gateway keeps mappings of an earlier setting when an \
                  integration is updated, so a changed `RateLimitHeaders` can leave headers behind.",
    fix: "Deploy the stack again. Delete mappings of an earlier setting with `aws apigatewayv2 \
          update-integration`. For an integration of your own, copy the response mappings that `tollgate \
          mappings` prints.",
    permissions: &["apigateway:GET"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

/// The statuses of the listener rules, whose responses need `Retry-After`.
const LISTENER_STATUSES: [&str; 2] = ["429", "503"];
const RETRY_AFTER: &str = "overwrite:header.retry-after";

/// The mappings of responses: sources by actions, by status.
type Responses = BTreeMap<String, BTreeMap<String, String>>;

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    match Subject::of(stack).await? {
        Subject::Http(api) => check_http(&api).await,
        Subject::Rest(api) => check_rest(&api).await,
        Subject::Unknown => Ok(unknown()),
    }
}

async fn check_http(api: &HttpApi<'_>) -> Result<Verdict, Unread> {
    let protected = expected(&api.expected_integration("ProtectedIntegration")?);
    let public = expected(&api.expected_integration("PublicIntegration")?);
    let authorizer = api.authorizer_id().await?.unwrap_or_default();

    let mut findings = Findings::default();
    let mut statuses = BTreeSet::new();
    let mut is_concerned = false;
    for integration in api.used_integrations().await? {
        let actual = actual(&integration.settings["responseParameters"]);
        match integration.role {
            Role::Protected => compare(&integration.name(), &actual, &protected, &mut findings),
            Role::Public => compare(&integration.name(), &actual, &public, &mut findings),
            Role::OtherHttp if integration.is_protected(&authorizer) => {
                review_other(&integration, &actual, api, &mut findings);
            }
            Role::OtherHttp | Role::Limiter | Role::Composer | Role::Other => continue,
        }
        is_concerned = true;
        statuses.extend(actual.into_keys());
    }

    if !is_concerned {
        let detail = "the API has no HTTP integration behind the authorizer";
        return Ok(Verdict::not_applicable(detail));
    }
    let count = statuses.len();
    Ok(findings.verdict(format!("mappings of {count} statuses are as expected")))
}

/// Reviews an integration of the API's owner. Without `Retry-After`, clients are still limited.
fn review_other(
    integration: &Integration,
    actual: &Responses,
    api: &HttpApi<'_>,
    findings: &mut Findings,
) {
    if api.stack.parameter("OnThrottle") != "mark" {
        return;
    }
    for status in LISTENER_STATUSES {
        let has_mapping = actual
            .get(status)
            .is_some_and(|it| it.contains_key(RETRY_AFTER));
        if !has_mapping {
            let name = integration.name();
            findings.warning(format!(
                "{name} does not map Retry-After of status {status}"
            ));
        }
    }
}

/// Compares all mappings. Statuses with the same difference share a detail.
fn compare(name: &str, actual: &Responses, expected: &Responses, findings: &mut Findings) {
    if actual.values().all(BTreeMap::is_empty) && !expected.is_empty() {
        findings.problem(format!("{name} has no response mappings"));
        return;
    }

    let none = BTreeMap::new();
    let mut statuses_by_difference: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let all: BTreeSet<&String> = actual.keys().chain(expected.keys()).collect();
    for status in &all {
        let actual = actual.get(*status).unwrap_or(&none);
        let expected = expected.get(*status).unwrap_or(&none);
        for difference in differences(actual, expected) {
            let statuses = statuses_by_difference.entry(difference).or_default();
            statuses.push(status);
        }
    }

    let mut differences_by_statuses: BTreeMap<Vec<&str>, Vec<String>> = BTreeMap::new();
    for (difference, statuses) in statuses_by_difference {
        let differences = differences_by_statuses.entry(statuses).or_default();
        differences.push(difference);
    }
    for (statuses, differences) in differences_by_statuses {
        let statuses = match statuses.len() == all.len() {
            true => "every mapped status".to_owned(),
            false => format!("status {}", statuses.join(", ")),
        };
        findings.problem(format!("{name}, {statuses}: {}", differences.join("; ")));
    }
}

fn differences(
    actual: &BTreeMap<String, String>,
    expected: &BTreeMap<String, String>,
) -> Vec<String> {
    let mut found = Vec::new();
    for (key, source) in expected {
        match actual.get(key) {
            None => found.push(format!("no mapping {key}")),
            Some(it) if it == source || key.starts_with("remove:") => {}
            Some(it) => found.push(format!("{key} is {}", compared(it, source))),
        }
    }
    for (key, source) in actual {
        if !expected.contains_key(key) {
            found.push(format!("{key} is {}, expected no mapping", shown(source)));
        }
    }
    found
}

fn expected(properties: &Value) -> Responses {
    let by_status = properties["ResponseParameters"].as_object();
    let by_status = by_status.into_iter().flatten().map(|(status, mappings)| {
        let mappings = array(&mappings["ResponseParameters"]).iter().map(|it| {
            let key = text(&it["Destination"]).to_ascii_lowercase();
            (key, text(&it["Source"]).to_owned())
        });
        (status.clone(), mappings.collect())
    });
    by_status.collect()
}

fn actual(parameters: &Value) -> Responses {
    let by_status = parameters.as_object().into_iter().flatten();
    let by_status = by_status.map(|(status, mappings)| {
        let mappings = mappings.as_object().into_iter().flatten();
        let mappings = mappings.filter_map(|(key, source)| {
            Some((key.to_ascii_lowercase(), source.as_str()?.to_owned()))
        });
        (status.clone(), mappings.collect())
    });
    by_status.collect()
}

async fn check_rest(api: &RestApi<'_>) -> Result<Verdict, Unread> {
    let definition = api.definition()?;
    let expected = definition["x-amazon-apigateway-gateway-responses"].as_object();
    let Some(expected) = expected else {
        return Ok(Verdict::not_applicable(
            "the template of the stack does not define the responses of this API",
        ));
    };
    let responses = api.gateway_responses().await?;

    let mut findings = Findings::default();
    for (kind, expected) in expected {
        let actual = responses.iter().find(|it| it["responseType"] == **kind);
        let actual = actual.unwrap_or(&Value::Null);
        if actual["defaultResponse"] == true || actual.is_null() {
            findings.problem(format!("gateway response {kind} is not defined"));
            continue;
        }
        review_gateway_response(kind, actual, expected, &mut findings);
    }
    let count = expected.len();
    Ok(findings.verdict(format!("{count} gateway responses are as expected")))
}

fn review_gateway_response(kind: &str, actual: &Value, expected: &Value, findings: &mut Findings) {
    let status = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let name = format!("gateway response {kind}");
    findings.equal(
        &format!("status of {name}"),
        &status(&actual["statusCode"]),
        &status(&expected["statusCode"]),
    );

    for part in ["responseParameters", "responseTemplates"] {
        let strings = |value: &Value| -> BTreeMap<String, String> {
            let entries = value[part].as_object().into_iter().flatten();
            let entries = entries.map(|(key, it)| (key.to_ascii_lowercase(), text(it).to_owned()));
            entries.collect()
        };
        for difference in differences(&strings(actual), &strings(expected)) {
            findings.problem(format!("{name}: {difference}"));
        }
    }
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

    /// Changes the mappings of a status in an integration. Index 0 is the protected integration.
    fn with_status(index: usize, status: &str, change: impl Fn(&mut Value)) -> Recorded {
        Recorded::healthy().with_json(INTEGRATIONS, |integrations| {
            change(&mut integrations["items"][index]["responseParameters"][status]);
        })
    }

    #[tokio::test]
    async fn mappings_of_the_template_pass() {
        let verdict = verdict_of(Recorded::healthy()).await;
        assert_eq!(verdict.status, Status::Ok, "{verdict:?}");
    }

    #[tokio::test]
    async fn missing_retry_after_fails() {
        let recorded = with_status(0, "429", |mappings| {
            mappings
                .as_object_mut()
                .unwrap()
                .remove(RETRY_AFTER)
                .unwrap();
        });
        let detail =
            "ProtectedIntegration intprot, status 429: no mapping overwrite:header.retry-after";
        assert_eq!(verdict_of(recorded).await, Verdict::failed(detail));
    }

    #[tokio::test]
    async fn missing_status_and_changed_source_fail() {
        let recorded = with_status(1, "200", |mappings| {
            mappings["overwrite:header.x-frame-options"] = json!("5ec2e7");
            mappings["overwrite:header.x-backend"] = json!("5ec2e7");
        });
        let detail = "PublicIntegration intpub, status 200: overwrite:header.x-backend is a constant, expected no mapping; \
                      overwrite:header.x-frame-options is a constant, expected another one";
        assert_eq!(verdict_of(recorded).await, Verdict::failed(detail));

        let recorded = with_status(1, "503", |mappings| *mappings = Value::Null);
        let detail = "PublicIntegration intpub, status 503: no mapping overwrite:header.strict-transport-security; \
                      no mapping overwrite:header.x-content-type-options; no mapping overwrite:header.x-frame-options; \
                      no mapping overwrite:header.x-request-id; no mapping remove:header.server; no mapping remove:header.x-powered-by";
        assert_eq!(verdict_of(recorded).await, Verdict::failed(detail));
    }

    #[tokio::test]
    async fn mappings_of_an_earlier_setting_fail() {
        let recorded = Recorded::healthy().with_parameter("RateLimitHeaders", "none");
        let detail = "ProtectedIntegration intprot, every mapped status: \
                      overwrite:header.ratelimit is $context.authorizer.ratelimit, expected no mapping; \
                      overwrite:header.ratelimit-policy is $context.authorizer.ratelimit_policy, expected no mapping";
        assert_eq!(verdict_of(recorded).await, Verdict::failed(detail));
    }

    #[tokio::test]
    async fn integration_without_mappings_fails_with_one_detail() {
        for mappings in [json!(null), json!({"200": {"ResponseParameters": []}})] {
            let recorded = Recorded::healthy().with_json(INTEGRATIONS, |integrations| {
                integrations["items"][0]["responseParameters"] = mappings.clone();
            });
            let detail = "ProtectedIntegration intprot has no response mappings";
            assert_eq!(verdict_of(recorded).await, Verdict::failed(detail));
        }
    }

    #[tokio::test]
    async fn rules_without_marks_need_no_retry_after_of_other_integrations() {
        let own = |on_throttle: &str| {
            Recorded::healthy()
                .with_parameter("OnThrottle", on_throttle)
                .with_json(INTEGRATIONS, |integrations| {
                    let own = json!({"integrationId": "own", "integrationType": "HTTP_PROXY"});
                    integrations["items"].as_array_mut().unwrap().push(own);
                })
                .with_json(crate::after::api::fixtures::ROUTES, |routes| {
                    let route = json!({"routeKey": "GET /own", "authorizationType": "CUSTOM", "authorizerId": "auth01", "target": "integrations/own"});
                    routes["items"].as_array_mut().unwrap().push(route);
                })
        };
        let verdict = verdict_of(own("mark")).await;
        assert_eq!(verdict.status, Status::Warning);
        assert_eq!(
            verdict.details[0],
            "integration own of GET /own does not map Retry-After of status 429"
        );
        assert_eq!(verdict_of(own("forbid")).await.status, Status::Ok);
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let verdict = verdict_of(Recorded::healthy().denied(INTEGRATIONS)).await;
        assert_eq!(verdict, Verdict::not_checked("needs apigateway:GET"));
    }
}
