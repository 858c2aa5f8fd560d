//! The checks that turn a document into a policy.

use std::str::FromStr as _;

use routes::{PathOptions, PathRules, RouteKey, RouteKeyError};

use crate::address::{FUNCTION_NAME, check_deployed};
use crate::bearer_keys::BearerKeys;
use crate::error::{FieldProblem, MAX_TOLERANCE_S, PolicyError};
use crate::front::Front;
use crate::introspection_server::IntrospectionServer;
use crate::issuer::{Issuer, KeyOrigin};
use crate::issuer_document::IssuerDocument;
use crate::issuer_names::IssuerNames;
use crate::key_header::KeyHeader;
use crate::policy::Policy;
use crate::policy_document::PolicyDocument;
use crate::rule::{Auth, Rule};
use crate::rule_document::RuleDocument;
use crate::warning::PolicyWarning;

#[cfg(test)]
mod issuer_tests;
mod issuer_warnings;
#[cfg(test)]
mod tests;

/// The function that reads the `match` of a rule.
type ParseKey = fn(&str) -> Result<RouteKey, RouteKeyError>;

impl Policy {
    /// Checks a document. `key_header` is the header that the gateway removes before the backend,
    /// and `lookup` returns environment variables, for `env:NAME`.
    ///
    /// # Errors
    /// [`PolicyError`] for the first invalid field.
    pub(crate) fn new(
        document: PolicyDocument,
        key_header: &KeyHeader,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, PolicyError> {
        check(document, key_header, lookup, RouteKey::from_str)
    }

    /// Checks a document from the registry, which an earlier release may have stored.
    ///
    /// A `match` with `*`, `:id`, `<id>` or `[id]` then is literal text, with a warning: an upgrade
    /// must not leave an API without a policy.
    ///
    /// # Errors
    /// [`PolicyError`] for the first invalid field.
    pub(crate) fn from_stored(
        document: PolicyDocument,
        key_header: &KeyHeader,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, PolicyError> {
        check(document, key_header, lookup, RouteKey::parse_stored)
    }
}

fn check(
    document: PolicyDocument,
    key_header: &KeyHeader,
    lookup: &dyn Fn(&str) -> Option<String>,
    parse_key: ParseKey,
) -> Result<Policy, PolicyError> {
    if document.clock_tolerance_s > MAX_TOLERANCE_S {
        return Err(PolicyError::Tolerance(document.clock_tolerance_s));
    }
    let named_plans = document.named_plans();
    let tolerance_s = i64::from(document.clock_tolerance_s);

    let issuers = check_issuers(document.issuers, tolerance_s, lookup)?;
    if lookup(FUNCTION_NAME).is_some() {
        check_deployed_origins(&issuers)?;
    }
    let introspection = document
        .introspection
        .map(|server| server.check(tolerance_s, lookup))
        .transpose()
        .map_err(|(field, problem)| PolicyError::Introspection { field, problem })?;
    check_revocation(&issuers, introspection.as_ref())?;

    let credentials = AcceptedCredentials {
        names: IssuerNames::new(&issuers, introspection.as_ref())?,
        has_tokens: !issuers.is_empty() || introspection.is_some(),
        has_certificates: document.mtls.is_some(),
    };
    let path_matching = document.paths.matching();
    let (rules, mut warnings) =
        check_rules(document.rules, path_matching, &credentials, parse_key)?;
    check_key_header(document.api_keys.header.as_deref(), key_header)?;
    let bearer_keys = document
        .api_keys
        .bearer
        .then(|| BearerKeys::new(introspection.as_ref()).map_err(PolicyError::BearerKeys))
        .transpose()?;
    let token = document.token.check(key_header)?;
    let front = document
        .front
        .map(|front| front.check(key_header, &token, lookup))
        .transpose()?;

    warnings.extend(warnings_about(&rules, &credentials.names));
    warnings.extend(issuer_warnings::all(
        &issuers,
        introspection.as_ref(),
        &rules,
    ));
    warnings.extend(
        bearer_keys
            .as_ref()
            .map(|_| BearerKeys::warning(key_header.as_str())),
    );
    warnings.extend(introspection.as_ref().and_then(warning_about_http));
    warnings.extend(front.as_ref().and_then(warning_about_addresses));

    Ok(Policy {
        key_header: key_header.to_string(),
        bearer_keys,
        token,
        front,
        issuers,
        introspection,
        mtls: document.mtls,
        path_matching,
        rules,
        named_plans,
        warnings,
    })
}

/// The credentials that a policy accepts at all.
struct AcceptedCredentials<'p> {
    names: IssuerNames<'p>,
    has_tokens: bool,
    has_certificates: bool,
}

impl AcceptedCredentials<'_> {
    fn check_rule(&self, index: usize, rule: &Rule) -> Result<(), PolicyError> {
        let problem = match rule.auth {
            Auth::Jwt if !self.has_tokens => "`auth: jwt` needs `issuers` or `introspection`",
            Auth::Mtls if !self.has_certificates => "`auth: mtls` needs `mtls`",
            Auth::Any if !rule.roles.is_empty() && !self.has_tokens => {
                "`roles` needs `issuers` or `introspection`: only tokens have roles"
            }
            Auth::Mtls if !rule.scopes.is_empty() => "`scopes` cannot be required of certificates",
            _ => {
                let accepted = rule.issuers.as_deref().unwrap_or_default();
                return self.names.check_rule(index, accepted);
            }
        };
        Err(PolicyError::Contradiction { index, problem })
    }
}

fn check_rules(
    documents: Vec<RuleDocument>,
    path_matching: PathOptions,
    credentials: &AcceptedCredentials<'_>,
    parse_key: ParseKey,
) -> Result<(PathRules<Rule>, Vec<PolicyWarning>), PolicyError> {
    let mut rules = PathRules::new(path_matching);
    let mut warnings = Vec::new();

    for (index, document) in documents.into_iter().enumerate() {
        let key = parse_key(&document.r#match).map_err(|error| match_error(index, &error))?;
        if let Err(error) = key.check_foreign_syntax() {
            let message =
                format!("{error}; until it is changed, the rule only matches this literal text");
            warnings.push(PolicyWarning::new(format!("rules[{index}].match"), message));
        }

        let rule = document.check(index)?;
        credentials.check_rule(index, &rule)?;
        rules
            .insert(key, rule)
            .map_err(|error| match_error(index, &error))?;
    }
    Ok((rules, warnings))
}

/// Returns the warnings about the rules together, and about the issuers.
fn warnings_about(rules: &PathRules<Rule>, names: &IssuerNames<'_>) -> Vec<PolicyWarning> {
    let mut warnings = Vec::new();
    if rules.is_empty() {
        warnings.push(PolicyWarning::new(
            "rules",
            "the policy has no rules, so every request is refused with 403",
        ));
    }

    let rules_name_issuers = rules.iter().any(|(_, rule)| rule.issuers.is_some());
    warnings.extend(names.warning(rules_name_issuers));
    warnings.extend(conflicts(rules));
    warnings
}

/// Returns the warning for an introspection endpoint without TLS.
fn warning_about_http(server: &IntrospectionServer) -> Option<PolicyWarning> {
    let message = "tokens and the client's credentials are sent to the endpoint without encryption";
    server
        .is_unencrypted
        .then(|| PolicyWarning::new("introspection.insecure_http", message))
}

/// Returns the warning for a front that does not name the client.
fn warning_about_addresses(front: &Front) -> Option<PolicyWarning> {
    let message = "without `client_ip`, the address of a request is that of the front: rules with \
                   `limit_by`, `allowed_ips` of keys and blocks of networks apply to the front";
    front
        .client_address
        .is_none()
        .then(|| PolicyWarning::new("front", message))
}

/// Returns a warning for each rule whose requests are ambiguous, or would be if they were not
/// literal.
fn conflicts(rules: &PathRules<Rule>) -> impl Iterator<Item = PolicyWarning> {
    rules.conflicts().map(|conflict| {
        let (key, stricter) = (conflict.key, conflict.stricter);
        let effect = if key.is_literal() {
            "are judged by this rule"
        } else {
            "are refused with 403 ambiguous_path"
        };

        let message = format!(
            "many backends treat `{key}` like `{stricter}`, whose rule requires more; requests for `{key}` {effect}"
        );
        PolicyWarning::new(format!("rules[{}].match", conflict.index), message)
    })
}

fn check_issuers(
    documents: Vec<IssuerDocument>,
    tolerance_s: i64,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<(Issuer, KeyOrigin)>, PolicyError> {
    let mut issuers: Vec<(Issuer, KeyOrigin)> = Vec::with_capacity(documents.len());

    for (index, document) in documents.into_iter().enumerate() {
        let refuse = |(field, problem)| PolicyError::Issuer {
            index,
            field,
            problem,
        };
        let checked = document.check(tolerance_s, lookup).map_err(refuse)?;
        for (earlier_index, (earlier, _)) in issuers.iter().enumerate() {
            check_distinct(&checked.0, earlier, earlier_index).map_err(refuse)?;
        }
        issuers.push(checked);
    }
    Ok(issuers)
}

/// Checks that no token is for both entries, since only the first one would apply.
fn check_distinct(issuer: &Issuer, earlier: &Issuer, index: usize) -> Result<(), FieldProblem> {
    if !issuer.may_share_tokens(earlier) {
        return Ok(());
    }

    if let Some(audience) = issuer.audiences.conflict(&earlier.audiences) {
        let problem =
            format!("`{audience}` is already in issuers[{index}], which has the same issuer");
        return Err(("audiences", problem));
    }
    if issuer.mapping.name == earlier.mapping.name {
        let problem = format!(
            "is the same as in issuers[{index}], which has the same issuer: expected another name"
        );
        return Err(("name", problem));
    }
    Ok(())
}

/// Checks that introspection knows the tokens that it is asked about.
fn check_revocation(
    issuers: &[(Issuer, KeyOrigin)],
    introspection: Option<&IntrospectionServer>,
) -> Result<(), PolicyError> {
    let server_issuer = introspection.and_then(|server| server.issuer.as_deref());
    for (index, (issuer, _)) in issuers.iter().enumerate() {
        if issuer.checks_revocation && server_issuer != Some(issuer.iss()) {
            let problem = format!("needs `introspection` with `issuer` `{}`", issuer.iss());
            return Err(PolicyError::Issuer {
                index,
                field: "revocation",
                problem,
            });
        }
    }
    Ok(())
}

/// Checks that no signing keys come from a loopback address. In Lambda, the Runtime API listens
/// there.
fn check_deployed_origins(issuers: &[(Issuer, KeyOrigin)]) -> Result<(), PolicyError> {
    for (index, (_, origin)) in issuers.iter().enumerate() {
        let (field, address) = match origin {
            KeyOrigin::Inline(_) | KeyOrigin::Secrets(_) => continue,
            KeyOrigin::Address(address) => ("jwks_uri", address),
            KeyOrigin::Discovery(address) => ("issuer", address),
        };
        check_deployed(address).map_err(|problem| PolicyError::Issuer {
            index,
            field,
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

/// Checks the header that the policy names, if it names one. Another header than `key_header` would
/// reach the backend with the API key in it.
fn check_key_header(named: Option<&str>, key_header: &KeyHeader) -> Result<(), PolicyError> {
    match named {
        Some(name) if !name.eq_ignore_ascii_case(key_header.as_str()) => Err(PolicyError::Header {
            named: name.to_owned(),
            expected: key_header.clone(),
        }),
        _ => Ok(()),
    }
}
