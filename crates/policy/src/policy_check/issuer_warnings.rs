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

/// The parts of Entra ID's addresses that name several tenants. No token has them in `iss`.
const TENANT_ALIASES: [&str; 3] = ["/common/", "/organizations/", "/consumers/"];
const ENTRA_HOST: &str = "https://login.microsoftonline.com/";
const EMAIL: &str = "email";
const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";

/// An issuer with the origin of its keys.
type Entry = (Issuer, KeyOrigin);
/// Returns the message of a warning about an entry, given the entries before it.
type IssuerMessage = fn(&[Entry], &Entry) -> Option<String>;

/// Returns the warnings about these issuers, and about roles that none of them can assert.
pub(super) fn all(
    issuers: &[(Issuer, KeyOrigin)],
    introspection: Option<&IntrospectionServer>,
    rules: &PathRules<Rule>,
) -> Vec<PolicyWarning> {
    let mut warnings = Vec::new();

    for (field, message) in [
        ("audiences", unchecked_audience as IssuerMessage),
        ("tenants", unlimited_tenants),
        ("issuer", address),
        ("secret", line_break),
        ("user_claim", different_user),
        ("user_claim", unverified_user),
    ] {
        for index in 0..issuers.len() {
            let place = format!("issuers[{index}].{field}");
            let message = message(&issuers[..index], &issuers[index]);
            warnings.extend(message.map(|message| PolicyWarning::new(place, message)));
        }
    }
    warnings.extend(unprotected_revocation(issuers, introspection));
    warnings.extend(unreachable_roles(issuers, introspection, rules));
    warnings
}

/// Warns of an issuer whose tokens for other applications are accepted.
fn unchecked_audience(_: &[Entry], (issuer, _): &Entry) -> Option<String> {
    matches!(issuer.audiences, Audiences::Any).then(|| {
        format!(
            "tokens that `{}` issues for any other application are accepted",
            issuer.mapping.name
        )
    })
}

/// Warns of an issuer whose tenants can assert anything.
fn unlimited_tenants(_: &[Entry], (issuer, _): &Entry) -> Option<String> {
    let has_several = issuer
        .tenants
        .as_ref()
        .is_some_and(TenantPattern::has_several);
    (has_several && !issuer.mapping.assertions.is_limited()).then(|| {
        format!(
            "every tenant of `{}` can assert any scope, role and plan; limit them by `allowed_scopes`, \
             `allowed_roles` and `allowed_plans`",
            issuer.mapping.name
        )
    })
}

/// Warns of an address of the provider in place of an `iss`.
fn address(_: &[Entry], (issuer, _): &Entry) -> Option<String> {
    let iss = issuer.iss();
    let is_alias = TENANT_ALIASES.iter().any(|alias| iss.contains(alias));
    let problem = if iss.ends_with(DISCOVERY_PATH) {
        "is the address of the discovery document, and not the `iss` of a token"
    } else if iss.starts_with(ENTRA_HOST) && is_alias {
        "is in no token: use `{tenantid}` with `tenants`, or the id of your tenant"
    } else {
        return None;
    };
    Some(format!("`{iss}` {problem}"))
}

/// Warns of a secret that ends with a line break, which is usually that of a file.
fn line_break(_: &[Entry], (_, origin): &Entry) -> Option<String> {
    let KeyOrigin::Secrets(secrets) = origin else {
        return None;
    };
    let ends_with_break = secrets.iter().any(
        |secret| matches!(&secret.reference, SecretReference::Known(text) if text.ends_with('\n')),
    );
    ends_with_break.then(|| "the secret ends with a line break, which is part of it".to_owned())
}

/// Warns of an entry that names the users of its issuer by another claim than an earlier entry.
/// Users share the issuer, so one could have the name of another one.
fn different_user(earlier: &[Entry], (issuer, _): &Entry) -> Option<String> {
    let is_different = earlier.iter().any(|(earlier, _)| {
        earlier.may_share_tokens(issuer) && earlier.mapping.user != issuer.mapping.user
    });
    let message = "an earlier entry of the same issuer has another `user_claim`; a user whose claim contains \
                   the name of another user is charged as that user";
    is_different.then(|| message.to_owned())
}

/// Warns of users who are named by a nested email address. Only the top-level claim says whether its
/// address was verified.
fn unverified_user(_: &[Entry], (issuer, _): &Entry) -> Option<String> {
    let mut paths = issuer.mapping.user.paths().iter();
    let is_nested = paths.any(|path| path.ends_with(EMAIL) && !path.is(EMAIL));
    let message = "it is not checked whether a nested email address was verified";
    is_nested.then(|| message.to_owned())
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
