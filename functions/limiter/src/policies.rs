//! Policies, for an authorizer whose `AUTH_POLICY` is `table:NAME`.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, Uri};
use policy::{
    FUNCTION_NAME, KeyHeader, NamedPlan, Policy, PolicyDocument, PolicyWarning, named_plans,
};
use serde::Serialize;
use serde_json::Value;
use usage::{Admin, AdminError, Refusal};
use utoipa::ToSchema;

use crate::api::{Reads, Writes};
use crate::audit::changes::Changes;
use crate::audit::{Action, Administrator};
use crate::problem::{Mistake, Problem, change_refused};
use crate::schema::mistakes::Mistakes;
use crate::{Shared, request::accept, request::body, request::precondition, request::show};

const WHAT: &str = "policy";
/// Plans that are looked up for the warnings of one policy.
const MAX_PLAN_LOOKUPS: usize = 64;

/// Policies that are read at once.
const PAGE: usize = 20;
/// The most policies that are named in a response.
const MAX_NAMED: usize = 10;

/// The policy as it was put, with warnings about it.
#[derive(Serialize, ToSchema)]
struct PutPolicy<'p> {
    #[serde(flatten)]
    #[schema(value_type = BTreeMap<String, Value>)]
    policy: &'p Value,
    /// What is valid but probably not meant. Absent if there is nothing to warn about. Not part of
    /// the stored policy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Mistake>, required = false)]
    warnings: Vec<Mistake>,
}

/// A policy
#[utoipa::path(get, path = "/_tollgate/v1/policies/{name}", operation_id = "getPolicy", tag = "policies",
    params(("name" = String, Path), ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, description = "The policy", body = Value, headers(("ETag" = String))),
        (status = 304, description = "The client has it"), Reads))]
pub(crate) async fn get(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let body = |text: String| {
        serde_json::from_str::<Value>(&text).map_err(|error| Problem::failure(&error))
    };
    show::one(&uri, &headers, WHAT, shared.admin().policy(&name), body).await
}

/// Makes or replaces a policy
///
/// It has to be one that the authorizer can start with. Instances read it again every five minutes.
/// The response is the policy; a field `warnings` is added if something in it is probably not
/// meant, such as a plan that does not exist.
#[utoipa::path(put, path = "/_tollgate/v1/policies/{name}", operation_id = "putPolicy", tag = "policies",
    params(("name" = String, Path), ("If-Match" = Option<String>, Header), ("If-None-Match" = Option<String>, Header)),
    request_body = PolicyDocument,
    responses((status = 200, description = "Replaced", body = PutPolicy, headers(("ETag" = String))),
        (status = 201, description = "Made", body = PutPolicy, headers(("ETag" = String))), Reads, Writes))]
pub(crate) async fn put(
    State(shared): State<Shared>,
    administrator: Administrator,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, Problem> {
    accept::json_alone(&uri, &headers)?;
    let condition = precondition::condition(&headers)?;
    let document = body::value(&body::json(&headers, sent).await?)?;
    let policy = check(&document, &shared.key_header)?;
    let text = document.to_string();
    let change = administrator.begins(Action::PutPolicy, &name);
    let put = match shared.admin().put_policy(&name, &text, &condition).await {
        Ok(put) => put,
        Err(error) => return Err(change.failed(change_refused(error, WHAT))),
    };
    let before: Option<Value> = put
        .before
        .as_deref()
        .map(|before| serde_json::from_str(before).unwrap_or_default());
    change.made(&Changes::between(before.as_ref(), Some(&document)));

    let warnings = warnings(&policy, &shared.admin()).await;
    Ok(precondition::put(
        &put,
        &PutPolicy {
            policy: &document,
            warnings,
        },
    ))
}

/// The stored policies that name a plan, each with the first field that does.
///
/// # Errors
/// The store's failure.
pub(crate) async fn naming(admin: &Admin<'_>, plan: &str) -> Result<Vec<String>, AdminError> {
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let page = admin.policies(after.as_deref(), PAGE).await?;
        for (policy, text) in page.items {
            // One that cannot be read names nothing: no authorizer uses it.
            let places = named_plans(&text).unwrap_or_default();
            let place = places.into_iter().find(|named| named.plan == plan);
            names.extend(place.map(|named| format!("`{policy}` at `{}`", named.place)));
        }
        after = page.next;
        if after.is_none() || names.len() >= MAX_NAMED {
            return Ok(names);
        }
    }
}

/// The warnings about a policy, and about the plans that it names. A plan that cannot be looked up
/// is no warning.
async fn warnings(policy: &Policy, admin: &Admin<'_>) -> Vec<Mistake> {
    let mut warnings: Vec<_> = policy.warnings().iter().map(warning).collect();

    let mut by_name: BTreeMap<&str, Vec<&NamedPlan>> = BTreeMap::new();
    for named in policy.named_plans() {
        by_name.entry(&named.plan).or_default().push(named);
    }
    for (name, places) in by_name.into_iter().take(MAX_PLAN_LOOKUPS) {
        match admin.plan(name).await {
            Err(AdminError::Refused(Refusal::NotFound)) => {
                warnings.extend(places.into_iter().map(|named| warning(&named.unknown())));
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    warnings
}

fn warning(warning: &PolicyWarning) -> Mistake {
    Mistake::at(pointer(&warning.place), warning.message.clone())
}

/// The policy as the authorizer reads it, or every mistake in its shape, or else the first one in
/// what it says.
fn check(document: &Value, key_header: &KeyHeader) -> Result<Policy, Problem> {
    let shape = body::shape(&mut document.clone(), "Policy");
    let mut found: Vec<_> = secret(document).into_iter().collect();
    let policy = if shape.is_empty() {
        policy(&document.to_string(), key_header)
            .map_err(|mistake| found.push(mistake))
            .ok()
    } else {
        None
    };

    let found = shape.with(found);
    match policy {
        Some(policy) if found.is_empty() => Ok(policy),
        _ => Err(Problem::mistakes(found)),
    }
}

/// As the authorizer reads it, in Lambda or on a developer's machine. Secrets that it names are in
/// the authorizer's environment, not here.
fn policy(text: &str, key_header: &KeyHeader) -> Result<Policy, Mistake> {
    let known = |name: &str| match name {
        FUNCTION_NAME => std::env::var(name).ok(),
        _ => Some("known to the authorizer alone".to_owned()),
    };
    Policy::parse_new(text, key_header, &known).map_err(|error| mistake(&error.to_string()))
}

/// A policy can be read, so the secret itself must not be in it.
fn secret(document: &Value) -> Option<Mistake> {
    const PLACE: &str = "/introspection/client_secret";
    let secret = document.pointer(PLACE)?.as_str()?;
    let is_reference = ["env:", "ssm:", "secretsmanager:"]
        .iter()
        .any(|form| secret.starts_with(form));
    let detail =
        "is a secret, expected a reference: `env:NAME`, `ssm:/NAME` or `secretsmanager:ARN`";
    (!is_reference).then(|| Mistake::at(PLACE, detail))
}

/// `rules[1].match: …` is about `/rules/1/match`.
fn mistake(problem: &str) -> Mistake {
    match problem
        .split_once(": ")
        .filter(|(place, _)| !place.contains([' ', '`']))
    {
        Some((place, detail)) => Mistake::at(pointer(place), detail),
        None => Mistake::at("", problem),
    }
}

/// The JSON pointer of a place: `/rules/1/match` for `rules[1].match`.
fn pointer(place: &str) -> String {
    let steps = place.split(['.', '[', ']']).filter(|step| !step.is_empty());
    steps.fold(String::new(), |pointer, step| {
        Mistakes::member(&pointer, step)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pointer(policy: Value) -> String {
        let checked = check(&policy, &KeyHeader::default());
        let problem = serde_json::to_value(checked.expect_err("a mistake")).unwrap();
        let errors = problem["errors"].as_array().unwrap().iter();
        let mut pointers: Vec<_> = errors
            .map(|error| error["pointer"].as_str().unwrap().to_owned())
            .collect();
        pointers.sort_unstable();
        pointers.join(" ")
    }

    #[test]
    fn a_policy_is_what_the_authorizer_starts_with() {
        let introspection = json!({"endpoint": "https://a.example/x", "client_id": "a", "client_secret": "env:SECRET",
            "default_plan": "free"});
        let rules = json!([{"match": "ANY /{proxy+}", "auth": "any"}]);
        let key_header = KeyHeader::default();
        assert!(check(&json!({"rules": rules}), &key_header).is_ok());
        assert!(
            check(
                &json!({"rules": rules, "introspection": introspection}),
                &key_header
            )
            .is_ok()
        );
        let kept =
            "secretsmanager:arn:aws:secretsmanager:eu-central-1:123456789012:secret:idp-Ab3dEf";
        for reference in ["ssm:/tollgate/idp", kept] {
            let mut introspection = introspection.clone();
            introspection["client_secret"] = reference.into();
            introspection["token_pattern"] = "oat_[a-z0-9]{32}".into();
            introspection["auth"] = "post".into();
            assert!(
                check(
                    &json!({"rules": rules, "introspection": introspection}),
                    &key_header
                )
                .is_ok(),
                "{reference}"
            );
        }
    }

    #[test]
    fn a_secret_that_stands_in_the_policy_itself_is_refused_and_not_repeated() {
        let of = |value: &str| secret(&json!({"introspection": {"client_secret": value}}));
        for reference in [
            "env:SECRET",
            "ssm:/tollgate/secret",
            "secretsmanager:arn:aws:secretsmanager:r:1:secret:x",
        ] {
            assert_eq!(of(reference), None);
        }
        let mistake = of("hush").unwrap();
        assert_eq!(
            mistake.pointer.as_deref(),
            Some("/introspection/client_secret")
        );
        assert!(!mistake.detail.contains("hush"));
    }

    #[test]
    fn what_the_authorizer_could_not_start_with_is_named_by_its_place() {
        for (policy, expected) in [
            (
                json!({"rules": [{"match": "GET /", "auth": "anyone"}]}),
                "/rules/0/auth",
            ),
            (
                json!({"rules": [{"match": "/", "auth": "any"}]}),
                "/rules/0/match",
            ),
            (
                json!({"rules": [{"match": "ANY /admin/*", "auth": "any"}]}),
                "/rules/0/match",
            ),
            (
                json!({"rules": [], "paths": {"case": "lower"}}),
                "/paths/case",
            ),
            (json!({"rules": [], "rulez": []}), "/rulez"),
            (
                json!({"rules": [], "clock_tolerance_s": 301}),
                "/clock_tolerance_s",
            ),
            (
                json!({"rules": [], "api_keys": {"header": "x-my-key"}}),
                "/api_keys/header",
            ),
            (json!({}), "/rules"),
            (json!([]), ""),
            (
                json!({"rules": [{"auth": 1, "cost": -1}, []], "issuers": [{}], "introspection": {"client_secret": "x"}}),
                "/introspection/client_secret /introspection/endpoint /issuers/0/audiences /issuers/0/issuer \
                 /rules/0/auth /rules/0/cost /rules/0/match /rules/1",
            ),
            (
                json!({"rules": [], "introspection": {"endpoint": "https://a", "client_secret": "env:S", "default_plan": "p"}}),
                "/introspection/client_id",
            ),
        ] {
            assert_eq!(pointer(policy.clone()), expected, "{policy}");
        }
    }
}
