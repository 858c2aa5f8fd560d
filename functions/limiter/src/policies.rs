//! Policies, for an authorizer whose `AUTH_POLICY` is `table:NAME`.

use authorizer::Policy;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::Value;

use crate::api::{Reads, Writes};
use crate::members::escaped;
use crate::problem::{Mistake, Problem, refused};
use crate::query::Query;
use crate::{Shared, accept, body, conditions, strict_json};

const WHAT: &str = "policy";

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
    accept::negotiate(&headers, &[accept::JSON])?;
    Query::of(&uri, &[]).finish()?;
    let stored = shared.admin().policy(&name).await.map_err(|error| refused(error, WHAT))?;
    let document: Value = serde_json::from_str(&stored.document).map_err(|error| Problem::failure(&error))?;
    conditions::unless_known(&headers, &stored.version, &document)
}

/// Makes or replaces a policy
///
/// It has to be one that the authorizer can start with. Instances read it again every five minutes.
#[utoipa::path(put, path = "/_tollgate/v1/policies/{name}", operation_id = "putPolicy", tag = "policies",
    params(("name" = String, Path), ("If-Match" = Option<String>, Header), ("If-None-Match" = Option<String>, Header)),
    request_body(content = Object, description = "As the README describes it", content_type = "application/json"),
    responses((status = 200, description = "Replaced", body = Value, headers(("ETag" = String))),
        (status = 201, description = "Made", body = Value, headers(("ETag" = String))), Reads, Writes))]
pub(crate) async fn put(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, Problem> {
    accept::negotiate(&headers, &[accept::JSON])?;
    Query::of(&uri, &[]).finish()?;
    let condition = conditions::condition(&headers)?;
    let document = strict_json::value(&body::json(&headers, sent).await?)?;
    let text = document.to_string();
    check(&text)?;
    check_secret(&document)?;
    let put = shared.admin().put_policy(&name, &text, &condition).await.map_err(|error| refused(error, WHAT))?;
    let status = if put.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok(conditions::versioned(status, &put.version, &document))
}

/// As the authorizer reads it. Secrets that it names are in the authorizer's environment, not here.
fn check(text: &str) -> Result<(), Problem> {
    let known = |_: &str| Some("known to the authorizer alone".to_owned());
    Policy::parse(text, &known).map(drop).map_err(|error| mistake(&error.to_string()))
}

/// Whoever may read policies would read it.
fn check_secret(document: &Value) -> Result<(), Problem> {
    const PLACE: &str = "/introspection/client_secret";
    let named = |secret: &str| secret.starts_with("env:");
    match document.pointer(PLACE).and_then(Value::as_str) {
        Some(secret) if !named(secret) => {
            let detail = "has to be `env:` and the name of a variable of the authorizer's: policies can be read";
            Err(Problem::mistakes(vec![Mistake::at(PLACE, detail)]))
        }
        _ => Ok(()),
    }
}

/// `rules[1].match: …` is about `/rules/1/match`.
fn mistake(problem: &str) -> Problem {
    let place = problem.split_once(": ").filter(|(place, _)| !place.contains([' ', '`']));
    let mistake = match place {
        Some((place, detail)) => {
            let steps = place.split(['.', '[', ']']).filter(|step| !step.is_empty());
            let pointer = steps.map(|step| format!("/{}", escaped(step))).collect::<String>();
            Mistake::at(pointer, detail)
        }
        None => Mistake::at("", problem),
    };
    Problem::mistakes(vec![mistake])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pointer(policy: Value) -> String {
        let problem = serde_json::to_value(check(&policy.to_string()).expect_err("a mistake")).unwrap();
        problem["errors"][0]["pointer"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_policy_is_what_the_authorizer_starts_with() {
        let introspection = json!({"endpoint": "https://a.example/x", "client_id": "a", "client_secret": "env:SECRET",
            "default_plan": "free"});
        let rules = json!([{"match": "ANY /{proxy+}", "auth": "any"}]);
        assert!(check(&json!({"rules": rules}).to_string()).is_ok());
        assert!(check(&json!({"rules": rules, "introspection": introspection}).to_string()).is_ok());
    }

    #[test]
    fn a_secret_that_stands_in_the_policy_itself_is_refused_and_not_repeated() {
        let of = |secret: &str| check_secret(&json!({"introspection": {"client_secret": secret}}));
        assert!(of("env:SECRET").is_ok());
        let problem = serde_json::to_value(of("hush").unwrap_err()).unwrap();
        assert_eq!(problem["errors"][0]["pointer"], "/introspection/client_secret");
        assert!(!problem.to_string().contains("hush"));
    }

    #[test]
    fn what_the_authorizer_could_not_start_with_is_named_by_its_place() {
        for (policy, expected) in [
            (json!({"rules": [{"match": "GET /", "auth": "anyone"}]}), "/rules/0/auth"),
            (json!({"rules": [{"match": "/", "auth": "any"}]}), "/rules/0/match"),
            (json!({"rules": [], "rulez": []}), "/rulez"),
            (json!({"rules": [], "clock_tolerance_s": 301}), "/clock_tolerance_s"),
            (json!({}), ""),
            (json!([]), ""),
        ] {
            assert_eq!(pointer(policy.clone()), expected, "{policy}");
        }
    }
}
