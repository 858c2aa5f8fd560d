//! Explains which rule of a policy decides requests for a method and a path.

use outcome::Reason;
use percent_encoding::percent_decode_str;
use policy::{Policy, Rule};
use serde_json::json;

use crate::event::Request;
use crate::rejection::Rejection;
use crate::token_explanation::detail;

/// The rule for a method and a path, or the reason why no rule decides.
#[derive(Clone, Debug)]
pub struct RouteExplanation<'p> {
    /// The rule that decides the request. `None` if the request is refused because of its path.
    pub rule: Option<&'p Rule>,
    /// `ok`, or the reason in the log line of the refusal.
    pub reason: &'static str,
    /// The `detail` in the log line of the refusal.
    pub detail: Option<String>,
}

/// Explains a request without headers, as for an API whose routes are those of the template.
///
/// ```
/// use policy::{KeyHeader, Policy};
///
/// let text = r#"{"rules": [{"match": "GET /health", "auth": "none"}]}"#;
/// let policy = Policy::parse(text, &KeyHeader::default(), &|_| None)?;
/// assert_eq!(authorizer::explain_route(&policy, "GET", "/health").reason, "ok");
/// assert_eq!(authorizer::explain_route(&policy, "GET", "/orders").reason, "no_rule");
/// # Ok::<(), policy::PolicyTextError>(())
/// ```
#[must_use]
pub fn explain_route<'p>(policy: &'p Policy, method: &str, path: &str) -> RouteExplanation<'p> {
    match rule(policy, method, path) {
        Ok(rule) => RouteExplanation {
            rule: Some(rule),
            reason: Reason::Ok.as_str(),
            detail: None,
        },
        Err(rejection) => RouteExplanation {
            rule: None,
            reason: rejection.reason.as_str(),
            detail: Some(detail(&rejection)),
        },
    }
}

/// Returns the rule for a request, as [`explain_route`] does. API Gateway decodes the path and
/// removes the query string.
pub(crate) fn rule<'p>(
    policy: &'p Policy,
    method: &str,
    path: &str,
) -> Result<&'p Rule, Rejection> {
    let path = path.split('?').next().unwrap_or_default();
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let proxy = decoded.strip_prefix('/').unwrap_or(&decoded);
    let route = if proxy.is_empty() {
        "ANY /"
    } else {
        "ANY /{proxy+}"
    };
    let event = json!({
        "version": "2.0", "type": "REQUEST", "routeKey": route, "pathParameters": {"proxy": proxy},
        "requestContext": {"http": {"method": method}},
    });
    let fault = |problem: String| Rejection::fault(Reason::Fault, problem);
    let event = event.to_string();
    let request = Request::parse(&event).map_err(fault)?;

    let path = request.checked_path()?;
    Ok(policy.choose(&request.method, &path)?)
}

#[cfg(test)]
mod tests {
    use policy::KeyHeader;

    use super::*;

    const POLICY: &str = r#"{
        "paths": {"case": "sensitive"},
        "rules": [
            {"match": "ANY /{proxy+}", "auth": "api_key"},
            {"match": "GET /health", "auth": "none"},
            {"match": "ANY /admin/{proxy+}", "auth": "api_key", "cost": 5}
        ]}"#;

    fn explained(method: &str, path: &str) -> (Option<String>, &'static str) {
        let policy = Policy::parse(POLICY, &KeyHeader::default(), &|_| None).unwrap();
        let explanation = explain_route(&policy, method, path);
        assert_eq!(explanation.detail.is_none(), explanation.reason == "ok");
        (
            explanation.rule.map(|rule| rule.route.clone()),
            explanation.reason,
        )
    }

    #[test]
    fn rule_is_chosen_as_for_a_request() {
        for (method, path, rule, reason) in [
            ("GET", "/health", Some("GET /health"), "ok"),
            ("GET", "/health?x=1", Some("GET /health"), "ok"),
            ("POST", "/health", Some("ANY /{proxy+}"), "ok"),
            ("GET", "/caf%C3%A9", Some("ANY /{proxy+}"), "ok"),
            ("GET", "/", None, "no_rule"),
            ("GET", "/Admin/x", None, "ambiguous_path"),
            ("GET", "/a/../admin", None, "malformed_path"),
            ("GET", "/a%252fb", None, "malformed_path"),
            ("get", "/health", None, "unusual_method"),
            ("TRACE", "/health", None, "unusual_method"),
        ] {
            let expected = (rule.map(str::to_owned), reason);
            assert_eq!(explained(method, path), expected, "{method} {path}");
        }
    }
}
