//! The policy: what each path asks of its callers.

use std::str::FromStr as _;

use routes::{Ambiguity, PathMatching, PathRules, RouteKey, RouteKeyError};

use crate::address::{FUNCTION_NAME, check_deployed};
use crate::error::{MOST_TOLERANCE_S, PolicyError};
use crate::introspection_server::IntrospectionServer;
use crate::issuer::{Issuer, KeyOrigin};
use crate::issuer_document::IssuerDocument;
use crate::issuer_names::IssuerNames;
use crate::key_header::KeyHeader;
use crate::mtls::Mtls;
use crate::policy_document::PolicyDocument;
use crate::rules::{Auth, Rule};
use crate::warning::{NamedPlan, PolicyWarning};

/// Why no rule applies to a request.
#[derive(Clone, Copy, Debug)]
pub enum NoRule<'p> {
    /// No rule matches the method and the path.
    Unmatched,
    /// A backend may read the path as another one, whose rule requires more.
    Ambiguous {
        /// The rule of the path as it is.
        chosen: &'p Rule,
        /// The rule of the other path, if it can be told.
        stricter: Option<&'p Rule>,
    },
}

/// The policy, checked.
#[derive(Debug)]
pub struct Policy {
    /// The header that holds an API key, in lower case.
    pub key_header: String,
    /// Whose tokens are trusted, and where their keys are.
    pub issuers: Vec<(Issuer, KeyOrigin)>,
    /// Who is asked about opaque tokens.
    pub introspection: Option<IntrospectionServer>,
    /// How client certificates are taken, where these are credentials.
    pub mtls: Option<Mtls>,
    /// How paths are matched with rules, and with the routes of plans.
    pub path_matching: PathMatching,
    rules: PathRules<Rule>,
    named_plans: Vec<NamedPlan>,
    warnings: Vec<PolicyWarning>,
}

impl Policy {
    /// Checks a policy. `key_header` is the header that the gateway removes before the backend;
    /// `lookup` has what `env:NAME` stands for.
    ///
    /// # Errors
    /// [`PolicyError`] for the first member that cannot be.
    pub fn new(
        document: PolicyDocument,
        key_header: &KeyHeader,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, PolicyError> {
        Self::checked(document, key_header, lookup, RouteKey::from_str)
    }

    /// The same for a policy from the registry, where an earlier release may have put it. A `match`
    /// with `*`, `:id`, `<id>` or `[id]` is still literal text there, with a warning: an upgrade
    /// must not leave an API without a policy.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn from_stored(
        document: PolicyDocument,
        key_header: &KeyHeader,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, PolicyError> {
        Self::checked(document, key_header, lookup, RouteKey::parse_stored)
    }

    fn checked(
        document: PolicyDocument,
        key_header: &KeyHeader,
        lookup: &dyn Fn(&str) -> Option<String>,
        parse: fn(&str) -> Result<RouteKey, RouteKeyError>,
    ) -> Result<Self, PolicyError> {
        if document.clock_tolerance_s > MOST_TOLERANCE_S {
            return Err(PolicyError::Tolerance(document.clock_tolerance_s));
        }
        let named_plans = document.named_plans();
        let issuers = issuers(document.issuers, document.clock_tolerance_s.into())?;
        if lookup(FUNCTION_NAME).is_some() {
            check_deployed_origins(&issuers)?;
        }
        let refuse = |(member, problem)| PolicyError::Introspection { member, problem };
        let server = document
            .introspection
            .map(|server| server.check(document.clock_tolerance_s.into(), lookup));
        let introspection = server.transpose().map_err(refuse)?;
        let names = IssuerNames::new(&issuers, introspection.as_ref())?;
        let mtls = document.mtls;
        let path_matching = document.paths.matching();
        let (mut rules, mut warnings) = (PathRules::new(path_matching), Vec::new());
        let mut rules_name_issuers = false;
        for (index, document) in document.rules.into_iter().enumerate() {
            let key = parse(&document.r#match).map_err(|error| match_error(index, &error))?;
            if let Err(error) = key.check_foreign_syntax() {
                let message = format!(
                    "{error}; until it is changed, the rule only matches this literal text"
                );
                warnings.push(PolicyWarning::new(format!("rules[{index}].match"), message));
            }
            let rule = Rule::new(index, document)?;
            let problem = match rule.auth {
                Auth::Jwt if issuers.is_empty() && introspection.is_none() => {
                    Some("`auth: jwt` needs `issuers` or `introspection`")
                }
                Auth::Mtls if mtls.is_none() => Some("`auth: mtls` needs `mtls`"),
                Auth::Mtls if !rule.scopes.is_empty() => {
                    Some("`scopes` cannot be asked of certificates")
                }
                _ => None,
            };
            if let Some(problem) = problem {
                return Err(PolicyError::Contradiction { index, problem });
            }
            names.check_rule(index, rule.issuers.as_deref().unwrap_or_default())?;
            rules_name_issuers |= rule.issuers.is_some();
            rules
                .insert(key, rule)
                .map_err(|error| match_error(index, &error))?;
        }
        check_key_header(document.api_keys.header.as_deref(), key_header)?;
        let key_header = key_header.to_string();
        if rules.is_empty() {
            warnings.push(PolicyWarning::new(
                "rules",
                "the policy has no rules, so every request is refused with 403",
            ));
        }
        warnings.extend(names.warning(rules_name_issuers));
        warnings.extend(conflicts(&rules));
        Ok(Self {
            key_header,
            issuers,
            introspection,
            mtls,
            path_matching,
            rules,
            named_plans,
            warnings,
        })
    }

    /// Warnings about what the policy says, in the order of the document. Whether the plans that it
    /// names exist is not known here: see [`Self::named_plans`].
    #[must_use]
    pub fn warnings(&self) -> &[PolicyWarning] {
        &self.warnings
    }

    /// Every plan that the policy names, with the field that names it.
    #[must_use]
    pub fn named_plans(&self) -> &[NamedPlan] {
        &self.named_plans
    }

    /// The rule for a request, or `None` if the request is refused because of its path.
    #[must_use]
    pub fn rule(&self, method: &str, path: &str) -> Option<&Rule> {
        self.choose(method, path).ok()
    }

    /// The rule for a request.
    ///
    /// # Errors
    /// [`NoRule`] if the request is refused because of its path.
    pub fn choose(&self, method: &str, path: &str) -> Result<&Rule, NoRule<'_>> {
        match self.rules.choose(method, path) {
            Ok(Some(rule)) => Ok(rule),
            Ok(None) | Err(Ambiguity { chosen: None, .. }) => Err(NoRule::Unmatched),
            Err(Ambiguity {
                chosen: Some(chosen),
                stricter,
            }) => Err(NoRule::Ambiguous { chosen, stricter }),
        }
    }
}

/// A warning for each rule with which requests are ambiguous, or would be if they were not spelled
/// out.
fn conflicts(rules: &PathRules<Rule>) -> impl Iterator<Item = PolicyWarning> {
    rules.conflicts().map(|conflict| {
        let (key, stricter) = (conflict.key, conflict.stricter);
        let effect = if key.is_literal() { "are judged by this rule" } else { "are refused with 403 ambiguous_path" };
        let message = format!(
            "many backends treat `{key}` like `{stricter}`, whose rule requires more; requests for `{key}` {effect}"
        );
        PolicyWarning::new(format!("rules[{}].match", conflict.index), message)
    })
}

fn issuers(
    documents: Vec<IssuerDocument>,
    tolerance_s: i64,
) -> Result<Vec<(Issuer, KeyOrigin)>, PolicyError> {
    let mut issuers: Vec<(Issuer, KeyOrigin)> = Vec::with_capacity(documents.len());
    for (index, document) in documents.into_iter().enumerate() {
        let refuse = |(member, problem)| PolicyError::Issuer {
            index,
            member,
            problem,
        };
        if issuers
            .iter()
            .any(|(earlier, _)| earlier.iss() == document.issuer())
        {
            return Err(refuse((
                "issuer",
                "stands in an earlier issuer too".to_owned(),
            )));
        }
        issuers.push(document.check(tolerance_s).map_err(refuse)?);
    }
    Ok(issuers)
}

/// In Lambda no issuer's keys come from loopback, where the Runtime API listens.
fn check_deployed_origins(issuers: &[(Issuer, KeyOrigin)]) -> Result<(), PolicyError> {
    for (index, (_, origin)) in issuers.iter().enumerate() {
        let (member, address) = match origin {
            KeyOrigin::Inline(_) => continue,
            KeyOrigin::Address(address) => ("jwks_uri", address),
            KeyOrigin::Discovery(address) => ("issuer", address),
        };
        check_deployed(address).map_err(|problem| PolicyError::Issuer {
            index,
            member,
            problem,
        })?;
    }
    Ok(())
}

fn match_error(index: usize, error: &impl ToString) -> PolicyError {
    PolicyError::Match {
        index,
        problem: error.to_string(),
    }
}

/// A policy that does not name a header uses `key_header`. Another header would reach the backend
/// with the key in it.
fn check_key_header(named: Option<&str>, key_header: &KeyHeader) -> Result<(), PolicyError> {
    match named {
        Some(name) if !name.eq_ignore_ascii_case(key_header.as_str()) => Err(PolicyError::Header {
            named: name.to_owned(),
            expected: key_header.clone(),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(json: &str) -> Result<Policy, PolicyError> {
        Policy::new(
            serde_json::from_str(json).unwrap(),
            &KeyHeader::default(),
            &|_| None,
        )
    }

    #[test]
    fn the_most_specific_rule_decides_whatever_the_order() {
        let policy = policy(
            r#"{"rules":[{"match":"ANY /{proxy+}","auth":"any"},{"match":"GET /health","auth":"none"},
                         {"match":"GET /reports/{id}","auth":"api_key","cost":5}]}"#,
        )
        .unwrap();
        let rule = |method, path| {
            policy
                .rule(method, path)
                .map(|rule| (rule.route.as_str(), rule.cost))
        };
        assert_eq!(rule("GET", "/health"), Some(("GET /health", 1)));
        assert_eq!(rule("POST", "/health"), Some(("ANY /{proxy+}", 1)));
        assert_eq!(rule("GET", "/reports/7"), Some(("GET /reports/{id}", 5)));
        assert_eq!(rule("GET", "/"), None);
    }

    #[test]
    fn a_policy_that_contradicts_itself_is_refused_with_the_rule_named() {
        for (rule, expected) in [
            (
                r#"{"match":"/a","auth":"any"}"#,
                "rules[1].match: `/a` is not a route key",
            ),
            (
                r#"{"match":"GET /{other}","auth":"any"}"#,
                "rules[1].match: `GET /{other}` matches the same requests as `GET /{id}`",
            ),
            (
                r#"{"match":"GET /a","auth":"any","plan":"p"}"#,
                "rules[1]: `plan` needs `limit_by`",
            ),
            (
                r#"{"match":"GET /a","auth":"none","limit_by":"ip"}"#,
                "rules[1]: `limit_by` needs a `plan`",
            ),
            (
                r#"{"match":"GET /a","auth":"any","plan":"p","limit_by":"ip"}"#,
                "rules[1]: `limit_by` is for `auth: none`",
            ),
            (
                r#"{"match":"GET /a","auth":"none","scopes":["a"]}"#,
                "rules[1]: `scopes` cannot be asked",
            ),
            (
                r#"{"match":"GET /a","auth":"jwt"}"#,
                "rules[1]: `auth: jwt` needs `issuers` or",
            ),
            (
                r#"{"match":"GET /a","auth":"none","issuers":["a"]}"#,
                "rules[1]: `issuers` restricts tokens",
            ),
            (
                r#"{"match":"GET /a","auth":"api_key","issuers":["a"]}"#,
                "rules[1]: `issuers` restricts tokens",
            ),
            (
                r#"{"match":"GET /a","auth":"mtls","issuers":["a"]}"#,
                "rules[1]: `issuers` restricts tokens",
            ),
            (
                r#"{"match":"GET /a","auth":"any","issuers":[]}"#,
                "rules[1]: `issuers` is empty",
            ),
            (
                r#"{"match":"GET /a","auth":"any","issuers":["a"]}"#,
                "rules[1].issuers[0]: unknown issuer `a`",
            ),
            (
                r#"{"match":"GET /a","auth":"mtls"}"#,
                "rules[1]: `auth: mtls` needs `mtls`",
            ),
        ] {
            let error = policy(&format!(
                r#"{{"rules":[{{"match":"GET /{{id}}","auth":"any"}},{rule}]}}"#
            ))
            .expect_err(rule)
            .to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn private_keys_are_refused_in_a_policy_that_is_about_to_be_stored() {
        let point = r#""kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM""#;
        for name in crate::PRIVATE_PARAMETERS {
            let json = format!(
                r#"{{"issuers":[{{"issuer":"https://a","audiences":["b"],"default_plan":"free","algorithms":["ES256"],
                    "jwks":{{"keys":[{{"kid":"1",{point}}},{{"kid":"2",{point},"{name}":"hush"}}]}}}}],
                    "rules":[{{"match":"GET /","auth":"any"}}]}}"#
            );
            let error = Policy::parse_new(&json, &KeyHeader::default(), &|_| None)
                .unwrap_err()
                .to_string();
            assert_eq!(
                error,
                "issuers[0].jwks: keys[1] contains a private key: expected public keys only"
            );
            assert!(
                Policy::parse_stored(&json, &KeyHeader::default(), &|_| None).is_ok(),
                "{name}"
            );
            assert!(policy(&json).is_ok(), "{name}");
        }
    }

    #[test]
    fn addresses_with_passwords_are_not_repeated() {
        for member in [
            r#""issuer":"https://u:hush@a""#,
            r#""issuer":"a","jwks_uri":"http://a/?hush""#,
        ] {
            let json = format!(
                r#"{{"issuers":[{{{member},"audiences":["b"],"default_plan":"free"}}],"rules":[{{"match":"GET /","auth":"any"}}]}}"#
            );
            let error = policy(&json).unwrap_err().to_string();
            assert!(
                !error.contains("hush") && error.contains("the address"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_wildcard_is_refused_unless_the_policy_is_stored_already() {
        let json =
            r#"{"rules":[{"match":"GET /","auth":"any"},{"match":"ANY /admin/*","auth":"any"}]}"#;
        let error = policy(json).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "rules[1].match: `*` in segment `*` is not a wildcard: write `{proxy+}`"
            ),
            "{error}"
        );
        let stored = Policy::parse_stored(json, &KeyHeader::default(), &|_| None).unwrap();
        assert_eq!(stored.warnings()[0].place, "rules[1].match");
        assert!(
            stored.warnings()[0]
                .message
                .contains("only matches this literal text")
        );
        assert!(stored.rule("GET", "/admin/users").is_none());
    }

    #[test]
    fn a_policy_without_rules_is_warned_of() {
        let policy = policy(r#"{"rules":[]}"#).unwrap();
        let warnings: Vec<_> = policy.warnings().iter().map(ToString::to_string).collect();
        assert_eq!(
            warnings,
            ["rules: the policy has no rules, so every request is refused with 403"]
        );
    }

    #[test]
    fn rules_that_a_backend_may_confuse_are_warned_of() {
        let warnings = |rules: &str| {
            let policy = policy(&format!(r#"{{"rules":[{rules}]}}"#)).unwrap();
            policy
                .warnings()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        let admin = r#"{"match":"ANY /admin/{proxy+}","auth":"jwt"}"#.replace("jwt", "api_key");
        assert_eq!(
            warnings(&format!(
                r#"{admin},{{"match":"ANY /Admin/{{proxy+}}","auth":"any"}}"#
            )),
            [
                "rules[1].match: many backends treat `ANY /Admin/{proxy+}` like `ANY /admin/{proxy+}`, whose rule requires \
                 more; requests for `ANY /Admin/{proxy+}` are refused with 403 ambiguous_path"
            ]
        );
        for rules in [
            format!(r#"{admin},{{"match":"ANY /{{proxy+}}","auth":"any"}}"#),
            r#"{"match":"GET /health","auth":"none"},{"match":"ANY /{proxy+}","auth":"any"}"#
                .to_owned(),
            r#"{"match":"GET /a","auth":"any"},{"match":"GET /A","auth":"any"}"#.to_owned(),
        ] {
            assert_eq!(warnings(&rules), [""; 0], "{rules}");
        }
    }

    #[test]
    fn paths_that_fold_make_rules_alike() {
        let with = |paths: &str, one: &str, other: &str| {
            policy(&format!(
                r#"{{"paths":{paths},"rules":[{{"match":"{one}","auth":"any"}},{{"match":"{other}","auth":"any"}}]}}"#
            ))
        };
        assert!(
            with(
                r#"{"case":"sensitive","trailing_slash":"distinct"}"#,
                "GET /a",
                "GET /A"
            )
            .is_ok()
        );
        let error = with(r#"{"case":"insensitive"}"#, "GET /a", "GET /A")
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "rules[1].match: `GET /A` matches the same requests as `GET /a`"
        );
        assert!(with(r#"{"trailing_slash":"ignored"}"#, "GET /a/", "GET /a").is_err());
        for paths in [r#"{"case":"lower"}"#, r#"{"slash":"ignored"}"#] {
            let text = format!(r#"{{"paths":{paths},"rules":[]}}"#);
            let error = Policy::parse(&text, &KeyHeader::default(), &|_| None)
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with("paths.") && error.contains("expected"),
                "{error}"
            );
        }
    }

    #[test]
    fn every_plan_that_a_policy_names_is_listed_with_its_field() {
        let policy = policy(
            r#"{"issuers":[{"issuer":"https://a","audiences":["b"],"default_plan":"free"},
                           {"issuer":"https://c","audiences":["b"],"plan_claim":"plan"}],
                "introspection":{"endpoint":"https://d","client_id":"e","client_secret":"f","default_plan":"pro"},
                "mtls":{"default_plan":"team"},
                "rules":[{"match":"GET /","auth":"any"},
                         {"match":"POST /login","auth":"none","limit_by":"ip","plan":"anonymous"}]}"#,
        )
        .unwrap();
        let named: Vec<_> = policy
            .named_plans()
            .iter()
            .map(|named| (&*named.place, &*named.plan))
            .collect();
        assert_eq!(
            named,
            [
                ("issuers[0].default_plan", "free"),
                ("introspection.default_plan", "pro"),
                ("mtls.default_plan", "team"),
                ("rules[1].plan", "anonymous"),
            ]
        );
    }

    #[test]
    fn an_issuer_that_cannot_be_trusted_is_named() {
        let issuer = r#"{"issuer":"https://a","audiences":["b"],"default_plan":"free"}"#;
        for (issuers, expected) in [
            (
                format!("{issuer},{issuer}"),
                "issuers[1].issuer: stands in an earlier issuer too",
            ),
            (
                issuer.replace("https", "http"),
                "issuers[0].issuer: `http://a` is not https",
            ),
        ] {
            let error = policy(&format!(r#"{{"issuers":[{issuers}],"rules":[]}}"#))
                .expect_err(expected)
                .to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        let error = policy(r#"{"clock_tolerance_s":301,"rules":[]}"#)
            .unwrap_err()
            .to_string();
        assert_eq!(error, "clock_tolerance_s: 301 is more than 300");
    }

    #[test]
    fn a_policy_names_the_configured_key_header_or_none() {
        let with = |key_header: &str, api_keys: &str| {
            let document = serde_json::from_str(&format!(r#"{{{api_keys}"rules":[]}}"#)).unwrap();
            let policy = Policy::new(document, &key_header.parse().unwrap(), &|_| None);
            policy
                .map(|policy| policy.key_header)
                .map_err(|error| error.to_string())
        };
        for api_keys in [
            "",
            r#""api_keys":{},"#,
            r#""api_keys":{"header":"API-Key"},"#,
        ] {
            assert_eq!(
                with("api-key", api_keys).as_deref(),
                Ok("api-key"),
                "{api_keys}"
            );
        }
        for other in ["x-api-key", "x-my-key", "authorization", ""] {
            let error =
                with("api-key", &format!(r#""api_keys":{{"header":"{other}"}},"#)).unwrap_err();
            let expected = format!(
                "api_keys.header: unexpected header `{other}`, expected `api-key` (KEY_HEADER)"
            );
            assert!(error.starts_with(&expected), "{error}");
        }
    }

    #[test]
    fn keys_of_this_machine_are_for_local_use_only() {
        let in_lambda = |name: &str| (name == FUNCTION_NAME).then(|| "authorizer".to_owned());
        for (issuer, member) in [
            (r#""issuer":"http://127.0.0.1:9001""#, "issuers[0].issuer: "),
            (
                r#""issuer":"a","jwks_uri":"http://localhost/jwks""#,
                "issuers[0].jwks_uri: ",
            ),
            (
                r#""issuer":"a","jwks_uri":"https://[::1]/jwks""#,
                "issuers[0].jwks_uri: ",
            ),
        ] {
            let json = format!(
                r#"{{"issuers":[{{{issuer},"audiences":["b"],"default_plan":"free"}}],"rules":[]}}"#
            );
            assert!(policy(&json).is_ok(), "{issuer}");
            let error = Policy::new(
                serde_json::from_str(&json).unwrap(),
                &KeyHeader::default(),
                &in_lambda,
            );
            let error = error.expect_err(issuer).to_string();
            assert!(
                error.starts_with(member) && error.contains("is a loopback address"),
                "{error}"
            );
        }
    }
}
