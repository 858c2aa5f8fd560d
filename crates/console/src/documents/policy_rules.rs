//! Explains which rule of a policy decides a request.

use authorizer::{RouteExplanation, explain_route};
use policy::Policy;
use serde::{Deserialize, Serialize};

use super::check::valid_policy;
use super::rule_summary::{RuleSummary, requirement};
use crate::backend::Backend;
use crate::problem::Problem;

/// The most requests in one call.
const MAX_REQUESTS: usize = 100;
/// The longest path. API Gateway accepts 10,240 bytes for the request line and all headers.
const MAX_PATH_BYTES: usize = 10_240;

/// A request to explain the rules of a policy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainPolicyRequest {
    /// The policy as JSON.
    text: String,
    requests: Vec<RequestLine>,
}

/// The method and the path of a request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestLine {
    pub(super) method: String,
    pub(super) path: String,
}

/// The decisions on all requests, in their order.
#[derive(Debug, Serialize)]
pub(crate) struct ExplainPolicyResponse {
    decisions: Vec<Decision>,
}

/// The decision on a request by its method and path.
#[derive(Debug, Serialize)]
struct Decision {
    #[serde(flatten)]
    request: RequestLine,
    /// Null if the request is refused because of its path.
    rule: Option<RuleSummary>,
    /// `ok`, or the reason in the log line of the refusal.
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The decision as a sentence.
    text: String,
}

/// Explains the rules for requests.
///
/// # Errors
/// 400 if the list of requests is invalid, 422 with the mistakes of an invalid policy.
pub(crate) fn explain_policy(
    backend: &Backend,
    request: ExplainPolicyRequest,
) -> Result<ExplainPolicyResponse, Problem> {
    check_requests(&request.requests)?;
    let (policy, _) = valid_policy(backend, &request.text)
        .map_err(|mistakes| Problem::invalid_document("The policy is invalid.", mistakes))?;

    let requests = request.requests.into_iter();
    Ok(ExplainPolicyResponse {
        decisions: requests.map(|line| decision(&policy, line)).collect(),
    })
}

/// Checks the number and the size of requests.
///
/// # Errors
/// 400 if there are too many, or a path is not one.
pub(super) fn check_requests(requests: &[RequestLine]) -> Result<(), Problem> {
    if requests.len() > MAX_REQUESTS {
        let detail = format!("Expected at most {MAX_REQUESTS} requests.");
        return Err(Problem::bad_request(detail));
    }
    for (index, RequestLine { path, .. }) in requests.iter().enumerate() {
        if !path.starts_with('/') || path.len() > MAX_PATH_BYTES {
            let detail = format!(
                "requests[{index}].path: expected a path that begins with `/`, of at most \
                 {MAX_PATH_BYTES} bytes."
            );
            return Err(Problem::bad_request(detail));
        }
    }
    Ok(())
}

fn decision(policy: &Policy, request: RequestLine) -> Decision {
    let RouteExplanation {
        rule,
        reason,
        detail,
    } = explain_route(policy, &request.method, &request.path);
    let text = match rule {
        Some(rule) => format!("Rule `{}` decides: {}.", rule.route, requirement(rule)),
        None => {
            let cause = detail.as_deref().unwrap_or(reason);
            format!("The request is refused with 403: {cause}.")
        }
    };

    Decision {
        request,
        rule: rule.and_then(|rule| RuleSummary::of(policy, rule)),
        reason,
        detail,
        text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const POLICY: &str = r#"{
        "issuers": [{"name": "idp", "issuer": "https://idp.example", "audiences": ["a"], "default_plan": "free"}],
        "rules": [
            {"match": "ANY /{proxy+}", "auth": "api_key"},
            {"match": "POST /orders", "auth": "jwt", "scopes": ["write"], "roles": ["a", "b"], "cost": 3},
            {"match": "GET /public", "auth": "none", "limit_by": "ip", "plan": "free"}
        ]}"#;

    fn explain(text: &str, requests: &Value) -> Result<Value, Value> {
        let request = json!({"text": text, "requests": requests});
        let request = serde_json::from_value(request).unwrap();
        let response = explain_policy(&Backend::local(&crate::Local::new("0.0.0")), request);
        response
            .map(|response| serde_json::to_value(response).unwrap()["decisions"].clone())
            .map_err(|problem| serde_json::to_value(problem).unwrap())
    }

    #[test]
    fn most_specific_rule_decides() {
        let requests = json!([
            {"method": "POST", "path": "/orders"},
            {"method": "GET", "path": "/orders"},
            {"method": "GET", "path": "/public?x=1"},
            {"method": "GET", "path": "/"},
        ]);
        let decisions = explain(POLICY, &requests).unwrap();
        assert_eq!(
            decisions[0]["rule"],
            json!({"index": 1, "match": "POST /orders", "auth": "jwt", "scopes": ["write"],
                   "roles": ["a", "b"], "cost": 3})
        );
        let text = decisions[0]["text"].as_str().unwrap();
        assert!(
            text.contains("scopes `write`") && text.contains("roles `a`, `b`"),
            "{text}"
        );
        assert_eq!(decisions[1]["rule"]["index"], 0);
        assert_eq!(decisions[2]["rule"]["limit_by"], "ip");
        assert_eq!(decisions[2]["path"], "/public?x=1");
        assert_eq!(decisions[3]["rule"], Value::Null);
        assert_eq!(decisions[3]["reason"], "no_rule");
    }

    #[test]
    fn path_that_backends_read_differently_is_refused() {
        let requests = json!([{"method": "GET", "path": "/a/../b"}]);
        let decisions = explain(POLICY, &requests).unwrap();
        assert_eq!(decisions[0]["reason"], "malformed_path");
        let text = decisions[0]["text"].as_str().unwrap();
        assert!(text.contains("403"), "{text}");
    }

    #[test]
    fn invalid_policy_is_reported_with_positions() {
        let problem = explain(r#"{"rules": [{}]}"#, &json!([])).unwrap_err();
        assert_eq!(problem["status"], 422);
        assert_eq!(problem["errors"][0]["line"], 1, "{problem}");
    }

    #[test]
    fn requests_are_bounded() {
        let path = |path: String| json!([{"method": "GET", "path": path}]);
        for requests in [
            json!(vec![
                json!({"method": "GET", "path": "/"});
                MAX_REQUESTS + 1
            ]),
            path("orders".to_owned()),
            path("/".repeat(MAX_PATH_BYTES + 1)),
        ] {
            assert_eq!(explain(POLICY, &requests).unwrap_err()["status"], 400);
        }
    }
}
