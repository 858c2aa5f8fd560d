//! The headers with the identity of the caller, which backends trust.

use super::header_mappings::HeaderMappings;
use super::http_api::HttpApi;
use super::integration::{Integration, Role};
use super::rest_api::RestApi;
use super::subject::{Subject, unknown};
use crate::aws::{Unread, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

const OVERWRITTEN: Check = Check {
    id: "identity-headers-overwritten",
    group: Group::Api,
    title: "Integrations behind the authorizer replace every identity header of the client",
    explanation: "Backends trust the headers `x-tollgate-…`. A header that no mapping replaces \
                  arrives as the client sent it. A client can then claim any identity, or its API \
                  key reaches the backend.",
    fix: "Deploy the stack again. An update of an integration keeps mappings that it does not name, so \
          delete extra mappings yourself. For an integration of your own, copy the request mappings that \
          `tollgate mappings` prints.",
    permissions: &["apigateway:GET"],
    evidence: Some(
        "A request with a valid key or token is allowed. The backend receives its identity, and no identity that the client claims.",
    ),
};

const REMOVED: Check = Check {
    id: "identity-headers-removed",
    group: Group::Api,
    title: "Integrations of public routes remove every identity header of the client",
    explanation: "On a route without the authorizer there is no identity. A header `x-tollgate-…` that no \
                  mapping removes arrives as the client sent it, and the backend trusts it.",
    fix: "Deploy the stack again. An update of an integration keeps mappings that it does not name, so \
          delete extra mappings yourself. For an integration of your own, copy the request mappings of \
          the public integration that `tollgate mappings` prints.",
    permissions: &["apigateway:GET"],
    evidence: Some(
        "A request with a valid key or token is allowed. The backend receives its identity, and no identity that the client claims.",
    ),
};

pub(super) const OVERWRITTEN_ENTRY: Entry<Stack> = Entry {
    check: &OVERWRITTEN,
    run: |stack| Box::pin(check_overwritten(stack)),
};

pub(super) const REMOVED_ENTRY: Entry<Stack> = Entry {
    check: &REMOVED,
    run: |stack| Box::pin(check_removed(stack)),
};

async fn check_overwritten(stack: &Stack) -> Result<Verdict, Unread> {
    match Subject::of(stack).await? {
        Subject::Http(api) => check_http(&api, Role::Protected).await,
        Subject::Rest(api) => check_rest(&api).await,
        Subject::Unknown => Ok(unknown()),
    }
}

async fn check_removed(stack: &Stack) -> Result<Verdict, Unread> {
    match Subject::of(stack).await? {
        Subject::Http(api) => check_http(&api, Role::Public).await,
        Subject::Rest(_) => Ok(Verdict::not_applicable(
            "a REST API has no public routes: the authorizer sets the headers on every method",
        )),
        Subject::Unknown => Ok(unknown()),
    }
}

/// Checks the integration of the stack with this role, and those of the API's owner that have to do
/// the same.
async fn check_http(api: &HttpApi<'_>, role: Role) -> Result<Verdict, Unread> {
    let resource = match role {
        Role::Public => "PublicIntegration",
        _ => "ProtectedIntegration",
    };
    let expected = api.expected_integration(resource)?;
    let key_header = api.stack.parameter("KeyHeader");
    let needed = HeaderMappings::of_http(&expected["RequestParameters"])
        .with_necessary(role == Role::Protected, &key_header);
    let authorizer = api.authorizer_id().await?.unwrap_or_default();
    let integrations = api.used_integrations().await?;

    let mut findings = Findings::default();
    let concerned: Vec<&Integration> = integrations
        .iter()
        .filter(|it| concerns(it, role, &authorizer))
        .collect();
    for integration in &concerned {
        let needed = match integration.role {
            Role::OtherHttp => &needed.of_identity(),
            _ => &needed,
        };
        let mappings = integration.header_mappings();
        mappings.review(&integration.name(), needed, &mut findings);
    }

    let is_in_stack = api.stack.resource(resource).is_some();
    if is_in_stack && !concerned.iter().any(|it| it.role == role) {
        findings.problem(format!("{resource} is missing in API {}", api.id));
    } else if concerned.is_empty() {
        return Ok(Verdict::not_applicable(
            "the API has no such HTTP integration",
        ));
    }
    let names: Vec<String> = concerned.iter().map(|it| it.name()).collect();
    let detail = format!("{} header mappings of {}", needed.len(), names.join(", "));
    Ok(findings.verdict(detail))
}

/// True if an integration has to map headers as the stack's integration with this role does.
fn concerns(integration: &Integration, role: Role, authorizer: &str) -> bool {
    let has_such_a_route = match role {
        Role::Public => integration.is_public(authorizer),
        _ => integration.is_protected(authorizer),
    };
    integration.role == role || (integration.role == Role::OtherHttp && has_such_a_route)
}

async fn check_rest(api: &RestApi<'_>) -> Result<Verdict, Unread> {
    let methods = api.methods().await?;
    let needed = Needed::of(api)?;

    let mut findings = Findings::default();
    let mut count = 0;
    for method in &methods {
        let kind = text(&method.integration["type"]);
        if !matches!(kind, "HTTP_PROXY" | "HTTP") {
            continue;
        }
        count += 1;
        let mappings = HeaderMappings::of_rest(&method.integration["requestParameters"]);
        mappings.review(
            &format!("method {}", method.key),
            &needed.of_path(&method.path),
            &mut findings,
        );
    }
    let verdict = findings.verdict(format!(
        "all identity headers are replaced in {count} methods"
    ));
    Ok(match count {
        0 => Verdict::not_applicable("the API has no HTTP integration"),
        _ => verdict,
    })
}

/// The mappings that the methods of a REST API need.
struct Needed {
    /// Those of the definition in the template, by path.
    by_path: Vec<(String, HeaderMappings)>,
    others: HeaderMappings,
}

impl Needed {
    fn of(api: &RestApi<'_>) -> Result<Self, Unread> {
        let definition = api.definition()?;
        let paths = definition["paths"].as_object();
        let by_path: Vec<(String, HeaderMappings)> = paths
            .into_iter()
            .flatten()
            .map(|(path, methods)| {
                let method = &methods["x-amazon-apigateway-any-method"];
                let integration = &method["x-amazon-apigateway-integration"];
                (
                    path.clone(),
                    HeaderMappings::of_rest(&integration["requestParameters"]),
                )
            })
            .collect();

        let necessary = HeaderMappings::default()
            .with_necessary(true, &api.stack.parameter("KeyHeader"))
            .for_rest();
        let others = match by_path.last() {
            Some((_, mappings)) => mappings.of_identity().or(&necessary),
            None => necessary.clone(),
        };
        let by_path = by_path
            .into_iter()
            .map(|(path, mappings)| (path, mappings.or(&necessary)))
            .collect();
        Ok(Self { by_path, others })
    }

    fn of_path(&self, path: &str) -> HeaderMappings {
        let mut known = self.by_path.iter();
        let found = known.find(|(it, _)| it == path);
        found.map_or_else(|| self.others.clone(), |(_, mappings)| mappings.clone())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::after::api::fixtures::{INTEGRATIONS, ROUTES};
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    async fn overwritten(recorded: Recorded) -> Verdict {
        let verdict = check_overwritten(&recorded.stack().await).await;
        verdict.unwrap_or_else(Into::into)
    }

    async fn removed(recorded: Recorded) -> Verdict {
        let verdict = check_removed(&recorded.stack().await).await;
        verdict.unwrap_or_else(Into::into)
    }

    /// Changes the request mappings of an integration. `index` 0 is the protected one, 1 the public one.
    fn with_mappings(index: usize, change: impl Fn(&mut Value)) -> Recorded {
        Recorded::healthy().with_json(INTEGRATIONS, |integrations| {
            change(&mut integrations["items"][index]["requestParameters"]);
        })
    }

    fn without(mappings: &mut Value, key: &str) {
        mappings.as_object_mut().unwrap().remove(key).unwrap();
    }

    /// Adds an HTTP integration, and a route that uses it.
    fn with_own_integration(authorization: &str) -> Recorded {
        Recorded::healthy()
            .with_json(INTEGRATIONS, |integrations| {
                let own = json!({"integrationId": "own", "integrationType": "HTTP_PROXY", "requestParameters": {
                    "overwrite:header.x-tollgate-plan": "$context.authorizer.plan"}});
                integrations["items"].as_array_mut().unwrap().push(own);
            })
            .with_json(ROUTES, |routes| {
                let route = json!({"routeKey": "GET /own", "authorizationType": authorization, "authorizerId": "auth01", "target": "integrations/own"});
                routes["items"].as_array_mut().unwrap().push(route);
            })
    }

    #[tokio::test]
    async fn mappings_of_the_template_pass() {
        let verdict = overwritten(Recorded::healthy()).await;
        let detail = "19 header mappings of ProtectedIntegration intprot";
        assert_eq!(verdict, Verdict::ok(detail));
        let verdict = removed(Recorded::healthy()).await;
        let detail = "19 header mappings of PublicIntegration intpub";
        assert_eq!(verdict, Verdict::ok(detail));
    }

    #[tokio::test]
    async fn each_lost_mapping_fails() {
        let recorded = with_mappings(0, |mappings| {
            without(mappings, "overwrite:header.x-tollgate-plan");
            without(mappings, "remove:header.x-api-key");
        });
        assert_eq!(
            overwritten(recorded).await.details,
            [
                "ProtectedIntegration intprot has no mapping overwrite:header.x-tollgate-plan",
                "ProtectedIntegration intprot has no mapping remove:header.x-api-key",
            ]
        );

        let recorded = with_mappings(1, |mappings| {
            without(mappings, "remove:header.x-tollgate-user-id");
        });
        let detail = "PublicIntegration intpub has no mapping remove:header.x-tollgate-user-id";
        assert_eq!(removed(recorded).await, Verdict::failed(detail));
    }

    #[tokio::test]
    async fn appended_identity_fails() {
        let recorded = with_mappings(1, |mappings| {
            mappings["append:header.x-tollgate-plan"] = json!("$request.header.plan");
        });
        let detail = "PublicIntegration intpub also maps append:header.x-tollgate-plan from $request.header.plan";
        assert_eq!(removed(recorded).await, Verdict::failed(detail));
    }

    #[tokio::test]
    async fn key_header_of_the_parameter_counts() {
        let recorded = Recorded::healthy().with_parameter("KeyHeader", "apikey");
        let detail = "ProtectedIntegration intprot has no mapping remove:header.apikey";
        assert_eq!(overwritten(recorded).await, Verdict::failed(detail));
    }

    #[tokio::test]
    async fn secret_left_by_an_earlier_parameter_fails_and_is_not_shown() {
        let recorded = with_mappings(0, |mappings| {
            mappings["overwrite:header.x-tollgate-origin"] = json!("0123456789abcdef");
        });
        let verdict = overwritten(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert!(!format!("{verdict:?}").contains("0123456789abcdef"));
    }

    #[tokio::test]
    async fn own_integrations_have_to_do_the_same() {
        let verdict = overwritten(with_own_integration("CUSTOM")).await;
        assert_eq!(verdict.status, Status::Failed);
        let first = "integration own of GET /own has no mapping overwrite:header.x-tollgate-auth";
        assert_eq!(verdict.details[0], first);
        assert_eq!(verdict.details.len(), 17, "{verdict:?}");
        assert_eq!(
            removed(with_own_integration("CUSTOM")).await.status,
            Status::Ok
        );

        let verdict = removed(with_own_integration("NONE")).await;
        let last = "integration own of GET /own also maps overwrite:header.x-tollgate-plan from $context.authorizer.plan";
        assert_eq!(verdict.details.last().unwrap(), last);
        assert_eq!(
            overwritten(with_own_integration("NONE")).await.status,
            Status::Ok
        );
    }

    #[tokio::test]
    async fn missing_integration_fails() {
        let recorded = Recorded::healthy().with_json(INTEGRATIONS, |integrations| {
            integrations["items"].as_array_mut().unwrap().remove(0);
        });
        let detail = "ProtectedIntegration is missing in API a1b2c3d4e5";
        assert_eq!(overwritten(recorded).await, Verdict::failed(detail));
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let expected = Verdict::not_checked("needs apigateway:GET");
        assert_eq!(
            overwritten(Recorded::healthy().denied(INTEGRATIONS)).await,
            expected
        );
        assert_eq!(
            removed(Recorded::healthy().denied(INTEGRATIONS)).await,
            expected
        );
    }

    #[tokio::test]
    async fn changed_template_asks_for_every_identity_header() {
        let header = "x-tollgate-user-id";
        let recorded = Recorded::healthy()
            .with("cloudformation.GetTemplate.xml", |text| {
                let lines = text.lines().filter(|line| !line.contains(header));
                lines.collect::<Vec<_>>().join("\n")
            })
            .with_json(INTEGRATIONS, |integrations| {
                for (index, action) in ["overwrite", "remove"].into_iter().enumerate() {
                    let mappings = &mut integrations["items"][index]["requestParameters"];
                    without(mappings, &format!("{action}:header.{header}"));
                }
            });
        let detail =
            "ProtectedIntegration intprot has no mapping overwrite:header.x-tollgate-user-id";
        assert_eq!(overwritten(recorded.clone()).await, Verdict::failed(detail));
        let detail = "PublicIntegration intpub has no mapping remove:header.x-tollgate-user-id";
        assert_eq!(removed(recorded).await, Verdict::failed(detail));
    }
}
