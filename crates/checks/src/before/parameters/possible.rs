//! The rules of the policy: whether any request can match and satisfy them.

use std::collections::BTreeSet;

use policy::{Auth, Policy, Rule, allows};
use routes::{RouteKey, RouteTable};
use serde_json::Value;

use super::policy::unread;
use crate::before::configured_policy::ConfiguredPolicy;
use crate::before::context::Parameters;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::verdict::Verdict;

/// The value of a path variable in the request that stands for all requests of a rule.
const SAMPLE_SEGMENT: &str = "tollgate-check";
/// The methods that stand for those of `ANY`.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

const CHECK: Check = Check {
    id: "policy-possible",
    group: Group::Parameters,
    title: "Every rule of the policy can match and be satisfied",
    explanation: "A rule that no request reaches protects nothing, and one that no caller can \
                  satisfy refuses everyone. The check sends one sample path per rule through the \
                  routes of the template and through the other rules. It compares scopes, roles \
                  and issuers with what the issuers may assert.",
    fix: "Change the rule, or the parameter or issuer that prevents it.",
    permissions: &[],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(async { Ok(check(parameters)) }),
};

fn check(parameters: &Parameters) -> Verdict {
    let inline = match ConfiguredPolicy::read(parameters) {
        ConfiguredPolicy::Inline(inline) => inline,
        other => return unread(&other),
    };
    let routes = match parameters.resources() {
        Ok(resources) => ApiRoutes::of(resources),
        Err(error) => return Verdict::not_checked(error.problem),
    };

    let policy = &inline.policy;
    let mut findings = Findings::default();
    for (index, (key, rule)) in policy.rules().enumerate() {
        let problem = unmatched(policy, key, rule)
            .or_else(|| routes.problem(key, rule))
            .or_else(|| impossible_token(policy, rule))
            .or_else(|| impossible_certificate(parameters, rule));
        if let Some(problem) = problem {
            findings.problem(format!(
                "{}: rules[{index}] `{}`: {problem}",
                inline.place, rule.route
            ));
        }
    }
    for (index, (issuer, _)) in policy.issuers.iter().enumerate() {
        let name = &issuer.mapping.name;
        if !policy.rules().any(|(_, rule)| accepts(rule, name)) {
            findings.warning(format!(
                "{}: issuers[{index}]: no rule accepts the tokens of `{name}`",
                inline.place
            ));
        }
    }
    findings.verdict(summary(policy, &routes))
}

/// Returns what the check has shown, and what it has not.
fn summary(policy: &Policy, routes: &ApiRoutes) -> String {
    let count = policy.rules().count();
    let mut sentences = vec![format!("rules that can match and be satisfied: {count}")];

    let plans: BTreeSet<&str> = policy
        .named_plans()
        .iter()
        .map(|it| it.plan.as_str())
        .collect();
    if !plans.is_empty() {
        let plans: Vec<&str> = plans.into_iter().collect();
        sentences.push(format!(
            "plans that must exist in the registry: {}",
            plans.join(", ")
        ));
    }
    if matches!(routes, ApiRoutes::Foreign) {
        sentences.push("the routes of your API were not compared".to_owned());
    }
    sentences.join("; ")
}

/// The routes of the API.
enum ApiRoutes {
    /// The template creates them.
    Own(RouteTable<RouteAuth>),
    /// They belong to an existing API.
    Foreign,
}

/// The authorization of a route.
#[derive(Clone, Copy)]
enum RouteAuth {
    /// The authorizer, which applies the policy.
    Authorizer,
    /// None.
    Public,
    /// IAM, for the admin API.
    Iam,
}

impl ApiRoutes {
    fn of(resources: &Value) -> Self {
        if resources.get("Api").is_none() {
            return Self::Foreign;
        }
        let mut table = RouteTable::default();
        for resource in resources
            .as_object()
            .into_iter()
            .flat_map(|all| all.values())
        {
            let properties = &resource["Properties"];
            let key = properties["RouteKey"].as_str().map(RouteKey::parse_stored);
            let (Some(Ok(key)), true) = (key, resource["Type"] == "AWS::ApiGatewayV2::Route")
            else {
                continue;
            };

            let auth = match properties["AuthorizationType"].as_str() {
                Some("CUSTOM") => RouteAuth::Authorizer,
                Some("AWS_IAM") => RouteAuth::Iam,
                _ => RouteAuth::Public,
            };
            // A template with two equal routes cannot be deployed.
            let _ = table.insert(key, auth);
        }
        Self::Own(table)
    }

    /// Returns why no request of a rule reaches the authorizer.
    fn problem(&self, key: &RouteKey, rule: &Rule) -> Option<String> {
        let Self::Own(table) = self else {
            return None;
        };
        let path = sample_path(key)?;
        let mut routes = methods(key).map(|method| table.find(method, &path));
        let first = routes.next()?;
        if is_authorizer(&first) || routes.any(|route| is_authorizer(&route)) {
            return None;
        }

        let (route, auth) = first.map_or_else(
            || (None, RouteAuth::Public),
            |found| (Some(found.key.to_string()), *found.value),
        );
        match (route, auth) {
            (None, _) => Some("the API has no route for it".to_owned()),
            (Some(route), RouteAuth::Iam) => Some(format!(
                "the API serves it by the route `{route}` with AWS_IAM, so the rule never applies"
            )),
            // Without credentials and without a limit, the rule says what the API does.
            (Some(_), _) if rule.auth == Auth::None && rule.address_plan.is_none() => None,
            (Some(route), _) => Some(format!(
                "the API serves it by the public route `{route}`, so the rule never applies"
            )),
        }
    }
}

fn is_authorizer(route: &Option<routes::Match<'_, '_, RouteAuth>>) -> bool {
    let auth = route.as_ref().map(|found| *found.value);
    matches!(auth, Some(RouteAuth::Authorizer))
}

fn sample_path(key: &RouteKey) -> Option<String> {
    key.fill(|_| Some(SAMPLE_SEGMENT))
}

fn methods(key: &RouteKey) -> impl Iterator<Item = &'static str> {
    let only = key.method();
    let any = METHODS.into_iter().filter(move |_| only.is_none());
    only.into_iter().chain(any)
}

/// Returns why the authorizer chooses the rule for no request. Ambiguous paths are a warning of the
/// policy itself.
fn unmatched(policy: &Policy, key: &RouteKey, rule: &Rule) -> Option<String> {
    let path = sample_path(key)?;
    let mut chosen = None;
    for method in methods(key) {
        match policy.choose(method, &path) {
            Ok(found) if found.route == rule.route => return None,
            Ok(found) => chosen = Some(&found.route),
            Err(policy::NoRule::Ambiguous { .. }) => return None,
            Err(policy::NoRule::Unmatched) => {}
        }
    }
    Some(match chosen {
        Some(other) => format!("the rule `{other}` applies to every such request"),
        None => "no request chooses it".to_owned(),
    })
}

/// True if tokens of the issuer with this name satisfy the kind of credential.
fn accepts(rule: &Rule, issuer: &str) -> bool {
    let accepts_tokens = matches!(rule.auth, Auth::Any | Auth::Jwt);
    let is_listed = |names: &Vec<String>| names.iter().any(|name| name == issuer);
    accepts_tokens && rule.issuers.as_ref().is_none_or(is_listed)
}

/// Returns why no token can satisfy a rule that only tokens can satisfy. API keys have scopes, but
/// no roles.
fn impossible_token(policy: &Policy, rule: &Rule) -> Option<String> {
    let needs_token = rule.auth == Auth::Jwt || rule.auth == Auth::Any && !rule.roles.is_empty();
    if !needs_token {
        return None;
    }
    let issuers = policy.issuers.iter().map(|(issuer, _)| &issuer.mapping);
    let servers = policy.introspection.iter().map(|server| &server.mapping);
    let accepted: Vec<_> = issuers
        .chain(servers)
        .filter(|mapping| accepts(rule, &mapping.name))
        .collect();

    let scopes = |mapping: &&policy::ClaimMapping| {
        let allowed = mapping.assertions.scopes.as_ref();
        rule.scopes.iter().all(|scope| allows(allowed, scope))
    };
    let roles = |mapping: &&policy::ClaimMapping| {
        let allowed = mapping.assertions.roles.as_ref();
        rule.roles.is_empty() || rule.roles.iter().any(|role| allows(allowed, role))
    };
    if accepted
        .iter()
        .any(|mapping| scopes(mapping) && roles(mapping))
    {
        return None;
    }

    let names: Vec<&str> = accepted
        .iter()
        .map(|mapping| mapping.name.as_ref())
        .collect();
    let (by, required) = (names.join(", "), required_claims(rule));
    Some(match names.as_slice() {
        [] => "no issuer is accepted".to_owned(),
        _ => format!(
            "no accepted issuer ({by}) may assert {required}: see `allowed_scopes` and `allowed_roles`"
        ),
    })
}

fn required_claims(rule: &Rule) -> String {
    let quoted = |names: &[String]| -> Vec<String> {
        names.iter().map(|name| format!("`{name}`")).collect()
    };
    let mut required = Vec::new();
    if !rule.scopes.is_empty() {
        required.push(format!("the scopes {}", quoted(&rule.scopes).join(", ")));
    }
    if !rule.roles.is_empty() {
        required.push(format!(
            "one of the roles {}",
            quoted(&rule.roles).join(", ")
        ));
    }
    required.join(" and ")
}

/// Returns why no client can send a certificate. A custom domain that exists can have a truststore
/// of its own, and so can an existing API.
fn impossible_certificate(parameters: &Parameters, rule: &Rule) -> Option<String> {
    let asks_for_none = parameters.text("HttpApiId").is_empty()
        && (parameters.text("DomainName").is_empty()
            || !parameters.text("CertificateArn").is_empty())
        && parameters.text("TruststoreUri").is_empty();
    (rule.auth == Auth::Mtls && asks_for_none).then(|| {
        "without TruststoreUri, the API asks for no client certificate, so every request is refused"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::before::tests::parameters;
    use crate::verdict::Status;

    fn check_policy(policy: &str, lines: &str) -> Verdict {
        check(&parameters(&format!("AuthPolicy: '{policy}'\n{lines}")))
    }

    fn check_rule(rule: &str) -> Verdict {
        check_policy(&format!(r#"{{"rules":[{rule}]}}"#), "")
    }

    fn with_issuer(issuer: &str, rule: &str) -> Verdict {
        check_policy(
            &format!(
                r#"{{"issuers":[{{"issuer":"https://a.example","audiences":["a"],"default_plan":"free"{issuer}}}],"rules":[{rule}]}}"#
            ),
            "",
        )
    }

    #[test]
    fn default_policies_are_possible() {
        let verdict = check(&parameters(""));
        assert_eq!(
            verdict,
            Verdict::ok("rules that can match and be satisfied: 2")
        );

        let verdict = check(&parameters(
            "JwtIssuer: https://a.example\nJwtAudience: a\n",
        ));
        assert_eq!(
            verdict,
            Verdict::ok(
                "rules that can match and be satisfied: 2; plans that must exist in the registry: free"
            )
        );
    }

    #[test]
    fn rules_for_routes_without_the_authorizer_are_reported() {
        for (rule, problem) in [
            (
                r#"{"match":"GET /health","auth":"api_key"}"#,
                "parameters.yaml:5:1: AuthPolicy: rules[0] `GET /health`: the API serves it by the public route \
                 `GET /health`, so the rule never applies",
            ),
            (
                r#"{"match":"GET /health","auth":"none","limit_by":"ip","plan":"p"}"#,
                "the public route `GET /health`",
            ),
            (
                r#"{"match":"OPTIONS /{proxy+}","auth":"api_key"}"#,
                "the public route `OPTIONS /{proxy+}`",
            ),
            (
                r#"{"match":"GET /_tollgate/v1/plans","auth":"api_key"}"#,
                "with AWS_IAM, so the rule never applies",
            ),
        ] {
            let verdict = check_rule(rule);
            assert_eq!(verdict.status, Status::Failed, "{rule}");
            assert!(
                verdict.details[0].contains(problem),
                "{}",
                verdict.details[0]
            );
        }
    }

    #[test]
    fn rules_that_agree_with_public_routes_pass() {
        for rule in [
            r#"{"match":"GET /health","auth":"none"}"#,
            r#"{"match":"ANY /{proxy+}","auth":"api_key"}"#,
            r#"{"match":"POST /health","auth":"api_key"}"#,
            r#"{"match":"GET /orders/{id}/items/{rest+}","auth":"api_key","scopes":["a"]}"#,
        ] {
            assert_eq!(check_rule(rule).status, Status::Ok, "{rule}");
        }
        let health = r#"{"rules":[{"match":"GET /health","auth":"api_key"}]}"#;
        let lines = "PublicHealth: \"false\"\nDailyHealthRequest: \"false\"\n";
        assert_eq!(check_policy(health, lines).status, Status::Ok);
    }

    #[test]
    fn with_cors_only_methods_of_browsers_reach_the_authorizer() {
        let trace = r#"{"rules":[{"match":"OPTIONS /a","auth":"api_key"}]}"#;
        let verdict = check_policy(trace, "AllowedOrigins: https://app.example.com\n");
        assert!(
            verdict.details[0].ends_with("the API has no route for it"),
            "{:?}",
            verdict.details
        );
    }

    #[test]
    fn rules_that_other_rules_cover_are_reported() {
        let methods = METHODS.map(|method| format!(r#"{{"match":"{method} /a","auth":"any"}}"#));
        let verdict = check_rule(&format!(
            r#"{},{{"match":"ANY /a","auth":"api_key"}}"#,
            methods.join(",")
        ));
        assert_eq!(verdict.status, Status::Failed);
        // The route for OPTIONS is public.
        assert_eq!(verdict.details.len(), 2, "{:?}", verdict.details);
        assert!(
            verdict.details[1].ends_with(
                "rules[7] `ANY /a`: the rule `OPTIONS /a` applies to every such request"
            )
        );
    }

    #[test]
    fn scopes_and_roles_that_no_issuer_may_assert_are_reported() {
        let rule = r#"{"match":"GET /a","auth":"jwt","scopes":["read"],"roles":["admin"]}"#;
        assert_eq!(with_issuer("", rule).status, Status::Ok);
        for limit in [
            r#","allowed_scopes":["write"]"#,
            r#","allowed_roles":["user"]"#,
            r#","allowed_scopes":[]"#,
        ] {
            let verdict = with_issuer(limit, rule);
            assert_eq!(verdict.status, Status::Failed, "{limit}");
            assert!(
                verdict.details[0]
                    .contains("may assert the scopes `read` and one of the roles `admin`"),
                "{:?}",
                verdict.details
            );
        }

        // A key can have the scope, but no key has a role.
        let by_key = r#"{"match":"GET /a","auth":"any","scopes":["read"]}"#;
        assert_eq!(
            with_issuer(r#","allowed_scopes":[]"#, by_key).status,
            Status::Ok
        );
        let by_role = r#"{"match":"GET /a","auth":"any","roles":["admin"]}"#;
        assert_eq!(
            with_issuer(r#","allowed_roles":[]"#, by_role).status,
            Status::Failed
        );
    }

    #[test]
    fn issuer_that_no_rule_accepts_is_a_warning() {
        let verdict = with_issuer("", r#"{"match":"GET /a","auth":"api_key"}"#);
        assert_eq!(verdict.status, Status::Warning);
        assert!(
            verdict.details[0].contains("issuers[0]: no rule accepts the tokens of"),
            "{:?}",
            verdict.details
        );
    }

    #[test]
    fn certificates_need_a_truststore() {
        let policy = r#"{"mtls":{"default_plan":"p"},"rules":[{"match":"GET /a","auth":"mtls"}]}"#;
        let verdict = check_policy(policy, "");
        assert!(
            verdict.details[0].contains("without TruststoreUri"),
            "{:?}",
            verdict.details
        );

        for lines in [
            "DomainName: api.example.com",
            "HttpApiId: a1b2c3d4e5",
            "DomainName: api.example.com\nTruststoreUri: s3://trust/ca.pem\nDailyHealthRequest: \"false\"\n\
             CertificateArn: arn:aws:acm:us-east-1:123456789012:certificate/0a1",
        ] {
            assert_eq!(check_policy(policy, lines).status, Status::Ok, "{lines}");
        }
    }

    #[test]
    fn routes_of_an_existing_api_are_not_compared() {
        let verdict = check(&parameters("HttpApiId: a1b2c3d4e5"));
        assert_eq!(verdict.status, Status::Ok);
        assert!(verdict.details[0].ends_with("the routes of your API were not compared"));
    }
}
