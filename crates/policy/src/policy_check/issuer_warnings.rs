//! Warnings about issuers that are valid but probably not what the author intended.

use routes::PathRules;

use crate::assertions::allows;
use crate::audiences::Audiences;
use crate::introspection_server::IntrospectionServer;
use crate::issuer::{Issuer, KeyOrigin};
use crate::rule::Rule;
use crate::secret_reference::SecretReference;
use crate::tenants::TenantPattern;
use crate::warning::PolicyWarning;

/// The parts of Entra ID's addresses that stand for several tenants. No token has them in `iss`.
const TENANT_ALIASES: [&str; 3] = ["/common/", "/organizations/", "/consumers/"];
const ENTRA_HOST: &str = "https://login.microsoftonline.com/";
const EMAIL: &str = "email";
const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";

/// Returns the warnings about these issuers, and about roles that none of them can assert.
pub(super) fn all(
    issuers: &[(Issuer, KeyOrigin)],
    introspection: Option<&IntrospectionServer>,
    rules: &PathRules<Rule>,
) -> Vec<PolicyWarning> {
    let mut warnings: Vec<_> = unchecked_audiences(issuers).collect();
    warnings.extend(unlimited_tenants(issuers));
    warnings.extend(addresses(issuers));
    warnings.extend(line_breaks(issuers));
    warnings.extend(different_users(issuers));
    warnings.extend(unverified_users(issuers));
    warnings.extend(unprotected_revocation(issuers, introspection));
    warnings.extend(unreachable_roles(issuers, introspection, rules));
    warnings
}

/// Returns a warning for each issuer whose tokens for other applications are accepted.
fn unchecked_audiences(issuers: &[(Issuer, KeyOrigin)]) -> impl Iterator<Item = PolicyWarning> {
    let unchecked = issuers
        .iter()
        .enumerate()
        .filter(|(_, (issuer, _))| matches!(issuer.audiences, Audiences::Any));
    unchecked.map(|(index, (issuer, _))| {
        let message = format!(
            "tokens that `{}` issues for any other application are accepted",
            issuer.mapping.name
        );
        PolicyWarning::new(format!("issuers[{index}].audiences"), message)
    })
}

/// Returns a warning for each issuer whose tenants can assert anything.
fn unlimited_tenants(issuers: &[(Issuer, KeyOrigin)]) -> impl Iterator<Item = PolicyWarning> {
    let unlimited = issuers.iter().enumerate().filter(|(_, (issuer, _))| {
        let has_several = issuer
            .tenants
            .as_ref()
            .is_some_and(TenantPattern::has_several);
        has_several && !issuer.mapping.assertions.is_limited()
    });
    unlimited.map(|(index, (issuer, _))| {
        let message = format!(
            "every tenant of `{}` can assert any scope, role and plan; limit them by `allowed_scopes`, \
             `allowed_roles` and `allowed_plans`",
            issuer.mapping.name
        );
        PolicyWarning::new(format!("issuers[{index}].tenants"), message)
    })
}

/// Returns a warning for each issuer that is an address of the provider instead of an `iss`.
fn addresses(issuers: &[(Issuer, KeyOrigin)]) -> impl Iterator<Item = PolicyWarning> {
    let problem = |iss: &str| {
        if iss.ends_with(DISCOVERY_PATH) {
            return Some("is the address of the discovery document, and not the `iss` of a token");
        }
        let is_alias = TENANT_ALIASES.iter().any(|alias| iss.contains(alias));
        (iss.starts_with(ENTRA_HOST) && is_alias)
            .then_some("is in no token: use `{tenantid}` with `tenants`, or the id of your tenant")
    };
    let problems = issuers
        .iter()
        .enumerate()
        .filter_map(move |(index, (issuer, _))| {
            Some((index, issuer.iss(), problem(issuer.iss())?))
        });
    problems.map(|(index, iss, problem)| {
        PolicyWarning::new(
            format!("issuers[{index}].issuer"),
            format!("`{iss}` {problem}"),
        )
    })
}

/// Returns a warning for each secret that ends with a line break, which is usually that of a file.
fn line_breaks(issuers: &[(Issuer, KeyOrigin)]) -> impl Iterator<Item = PolicyWarning> {
    let ends_with_break = |origin: &KeyOrigin| {
        let KeyOrigin::Secrets(secrets) = origin else {
            return false;
        };
        secrets.iter().any(|secret| {
            matches!(&secret.reference, SecretReference::Known(text) if text.ends_with('\n'))
        })
    };
    let affected = issuers
        .iter()
        .enumerate()
        .filter(move |(_, (_, origin))| ends_with_break(origin));
    affected.map(|(index, _)| {
        let message = "the secret ends with a line break, which is part of it";
        PolicyWarning::new(format!("issuers[{index}].secret"), message)
    })
}

/// Returns a warning for each rule whose roles no issuer may assert.
fn unreachable_roles(
    issuers: &[(Issuer, KeyOrigin)],
    introspection: Option<&IntrospectionServer>,
    rules: &PathRules<Rule>,
) -> Vec<PolicyWarning> {
    let mappings = issuers.iter().map(|(issuer, _)| &issuer.mapping);
    let mappings: Vec<_> = mappings
        .chain(introspection.map(|server| &server.mapping))
        .collect();
    let may_assert = |role: &String| {
        mappings
            .iter()
            .any(|mapping| allows(mapping.assertions.roles.as_ref(), role))
    };

    let rules = rules.iter().map(|(_, rule)| rule);
    rules
        .filter(|rule| !rule.roles.is_empty() && !rule.roles.iter().any(may_assert))
        .map(|rule| {
            let message = format!(
                "no issuer may assert any role of the rule `{}`: see `allowed_roles`",
                rule.route
            );
            PolicyWarning::new("rules", message)
        })
        .collect()
}

/// Returns a warning for each entry that names the users of its issuer by another claim than an
/// earlier entry. Users share the issuer, so one could have the name of another one.
fn different_users(issuers: &[(Issuer, KeyOrigin)]) -> impl Iterator<Item = PolicyWarning> {
    let is_different = |index: usize, issuer: &Issuer| {
        issuers[..index].iter().any(|(earlier, _)| {
            earlier.may_share_tokens(issuer) && earlier.mapping.user != issuer.mapping.user
        })
    };
    let different = issuers
        .iter()
        .enumerate()
        .filter(move |(index, (issuer, _))| is_different(*index, issuer));
    different.map(|(index, _)| {
        let message = "an earlier entry of the same issuer has another `user_claim`; a user whose claim contains \
                       the name of another user is charged as that user";
        PolicyWarning::new(format!("issuers[{index}].user_claim"), message)
    })
}

/// Returns a warning for each issuer whose users are named by a nested email address. Only the
/// top-level claim says whether its address was verified.
fn unverified_users(issuers: &[(Issuer, KeyOrigin)]) -> impl Iterator<Item = PolicyWarning> {
    let is_unverified = |issuer: &Issuer| {
        let mut paths = issuer.mapping.user.paths().iter();
        paths.any(|path| path.ends_with(EMAIL) && !path.is(EMAIL))
    };
    let unverified = issuers
        .iter()
        .enumerate()
        .filter(move |(_, (issuer, _))| is_unverified(issuer));
    unverified.map(|(index, _)| {
        let message = "it is not checked whether a nested email address was verified";
        PolicyWarning::new(format!("issuers[{index}].user_claim"), message)
    })
}

/// Returns a warning if anyone can make the introspection server busy, which also checks revocation.
fn unprotected_revocation(
    issuers: &[(Issuer, KeyOrigin)],
    introspection: Option<&IntrospectionServer>,
) -> Option<PolicyWarning> {
    let checks_revocation = issuers.iter().any(|(issuer, _)| issuer.checks_revocation);
    let accepts_any = introspection.is_some_and(|server| server.token_pattern.is_none());

    let message =
        "every opaque token is introspected; if the server only checks revocation, set it to \"\"";
    (checks_revocation && accepts_any)
        .then(|| PolicyWarning::new("introspection.token_pattern", message))
}
