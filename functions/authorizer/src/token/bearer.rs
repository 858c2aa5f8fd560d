//! The bearer of a token, as its claims describe them.

use std::sync::Arc;

use limits::Caller;
use policy::header_value::{access_log_value, header_value};
use policy::{ClaimMapping, ClaimedPlan, allows};

use crate::context::caller_value;
use crate::header_value::{header_list_or_warning, header_value_or_warning};

use super::claims::{Claims, certificate_binding, email, roles, scopes};
use super::refusal::TokenRefusal;
use super::times::Times;

/// The longest subject (OpenID Connect Core, section 2).
const MAX_SUBJECT_BYTES: usize = 255;
/// The memory of a string in a list, in addition to its text: the string itself and its allocation.
const STRING_BYTES: usize = size_of::<String>() + 32;
/// The claim that names a user only if the issuer has verified it.
const EMAIL: &str = "email";

/// The bearer of a valid token. Nothing of it is logged, except strings that the policy contains.
pub(crate) struct Bearer {
    pub(crate) caller: Caller,
    /// The value of the caller in the context.
    pub(crate) caller_value: Arc<str>,
    /// `jwt` or `introspection`.
    pub(crate) auth: &'static str,
    /// The name of the issuer in the policy.
    pub(crate) issuer_name: Arc<str>,
    /// The issuer as the token or the policy names it, within which the subject is unique.
    pub(crate) iss: Arc<str>,
    /// The header value of the issuer.
    pub(crate) issuer: Arc<str>,
    pub(crate) subject: String,
    /// The header value of the subject.
    pub(crate) user: Arc<str>,
    /// The header value of a verified email address. Empty if there is none.
    pub(crate) email: Arc<str>,
    pub(crate) roles: Vec<String>,
    /// The header value of the roles. Empty if there are none.
    pub(crate) role_list: Arc<str>,
    pub(crate) scopes: Vec<String>,
    /// The header value of the scopes. Empty if there are none.
    pub(crate) scope_list: Arc<str>,
    pub(crate) plan: TokenPlan,
    pub(crate) times: Times,
    /// The SHA-256 of the certificate that the token is bound to (RFC 8705, section 3.1).
    pub(crate) certificate: Option<[u8; 32]>,
}

/// The plan that a token is charged on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TokenPlan {
    /// Neither the token nor the policy names one.
    None,
    /// The policy contains the name.
    Configured(String),
    /// Only the token contains the name, which may be anything.
    Claimed(String),
    /// The token names a plan that its issuer may not assert.
    NotAllowed,
    /// The policy maps the values of the token's claim to different plans.
    Several,
}

impl TokenPlan {
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Configured(name) | Self::Claimed(name) => Some(name),
            Self::None | Self::NotAllowed | Self::Several => None,
        }
    }
}

impl Bearer {
    /// Reads the claims of a token that the issuer of `mapping` vouches for. `iss` is the concrete
    /// issuer, within which the subject is unique.
    ///
    /// # Errors
    /// [`TokenRefusal`] if there is no user, or a claim that must be understood has the wrong type.
    pub(crate) fn read(
        claims: &Claims,
        times: Times,
        mapping: &ClaimMapping,
        iss: &str,
        auth: &'static str,
    ) -> Result<Self, TokenRefusal> {
        let subject = subject(mapping, claims)?;
        let certificate = certificate_binding(claims)?;
        let plan = plan(mapping, claims)?;

        let allowed = &mapping.assertions;
        let scopes = permitted(scopes(claims, &mapping.scopes), allowed.scopes.as_ref());
        let roles = permitted(roles(claims, &mapping.roles), allowed.roles.as_ref());
        let email = email(claims, mapping.trusts_email).unwrap_or_default();

        let iss = Arc::from(iss);
        let caller = Caller::from_subject(&iss, subject);
        Ok(Self {
            caller_value: caller_value(&caller).into(),
            caller,
            auth,
            issuer_name: Arc::clone(&mapping.name),
            issuer: issuer_value(&iss),
            iss,
            subject: subject.to_owned(),
            user: header_value(subject).into(),
            email: header_value_or_warning("email", email).into(),
            role_list: header_list_or_warning("roles", &roles, ',').into(),
            roles,
            scope_list: header_list_or_warning("scopes", &scopes, ' ').into(),
            scopes,
            plan,
            times,
            certificate,
        })
    }

    /// Returns the memory of the bearer in bytes, roughly. Names of the policy do not count.
    pub(crate) fn bytes(&self) -> usize {
        let list = |items: &[String]| -> usize {
            items.iter().map(|item| item.len() + STRING_BYTES).sum()
        };
        let texts = [
            &*self.caller_value,
            &*self.iss,
            &*self.issuer,
            &self.subject,
            &self.user,
            &self.email,
            &self.role_list,
            &self.scope_list,
            self.plan.name().unwrap_or_default(),
        ];

        let texts = texts.iter().map(|text| text.len() + STRING_BYTES);
        size_of::<Self>() + texts.sum::<usize>() + list(&self.roles) + list(&self.scopes)
    }
}

/// Returns the header value of an issuer. It usually is the issuer itself.
fn issuer_value(iss: &Arc<str>) -> Arc<str> {
    let value = access_log_value(iss);
    if *value == **iss {
        Arc::clone(iss)
    } else {
        value.into()
    }
}

/// Returns the user. An email address names a user only if it is verified.
fn subject<'c>(mapping: &ClaimMapping, claims: &'c Claims) -> Result<&'c str, TokenRefusal> {
    let Some((path, value)) = mapping.user.find(claims) else {
        let missing = mapping.user.paths().first();
        return Err(missing.map_or(TokenRefusal::invalid_claims("user"), TokenRefusal::claim));
    };
    let subject = if path.is(EMAIL) {
        email(claims, mapping.trusts_email)
    } else {
        value.as_str()
    };

    subject
        .filter(|subject| (1..=MAX_SUBJECT_BYTES).contains(&subject.len()))
        .ok_or_else(|| TokenRefusal::claim(path))
}

fn plan(mapping: &ClaimMapping, claims: &Claims) -> Result<TokenPlan, TokenRefusal> {
    let claimed = mapping.plan.claimed(claims).map_err(TokenRefusal::claim)?;

    Ok(match (claimed, &mapping.plan.default) {
        (ClaimedPlan::Mapped(plan), _) => TokenPlan::Configured(plan.to_owned()),
        (ClaimedPlan::Named(plan), _) if !allows(mapping.assertions.plans.as_ref(), plan) => {
            TokenPlan::NotAllowed
        }
        (ClaimedPlan::Named(plan), _) if mapping.assertions.lists_plan(plan) => {
            TokenPlan::Configured(plan.to_owned())
        }
        (ClaimedPlan::Named(plan), _) => TokenPlan::Claimed(plan.to_owned()),
        (ClaimedPlan::Several, _) => TokenPlan::Several,
        (ClaimedPlan::None, Some(plan)) => TokenPlan::Configured(plan.clone()),
        (ClaimedPlan::None, None) => TokenPlan::None,
    })
}

fn permitted(values: Vec<&str>, list: Option<&Vec<String>>) -> Vec<String> {
    values
        .into_iter()
        .filter(|value| allows(list, value))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use policy::{Assertions, ClaimReference, PlanMapping};
    use serde_json::{Value, json};

    use super::*;

    fn mapping() -> ClaimMapping {
        ClaimMapping {
            name: "corp".into(),
            issuer: "https://a".into(),
            user: ClaimReference::to_names(&["sub"]),
            scopes: ClaimReference::to_names(&["scope", "scp"]),
            roles: ClaimReference::to_names(&["roles"]),
            plan: PlanMapping::claimed_in("plan", Some("free")),
            trusts_email: false,
            assertions: Assertions::default(),
        }
    }

    fn read_with(mapping: &ClaimMapping, mut claims: Value) -> Result<Bearer, TokenRefusal> {
        if claims.get("sub").is_none() {
            claims["sub"] = "alice".into();
        }
        let claims = claims.as_object().unwrap();
        let times = Times::read(claims).unwrap();
        Bearer::read(claims, times, mapping, &mapping.issuer, "jwt")
    }

    fn read(claims: Value) -> Result<Bearer, TokenRefusal> {
        read_with(&mapping(), claims)
    }

    #[test]
    fn subject_must_be_a_string_of_limited_length() {
        for subject in [
            json!(""),
            json!(7),
            json!(null),
            json!(["alice"]),
            json!("x".repeat(256)),
        ] {
            assert_eq!(
                read(json!({"sub": subject})).err(),
                Some(TokenRefusal::claim("sub")),
                "{subject}"
            );
        }
        assert_eq!(read(json!({"sub": "-"})).unwrap().subject, "-");
    }

    #[test]
    fn plan_is_that_of_the_token_or_the_default() {
        let plan = |claims| read(claims).unwrap().plan;
        assert_eq!(plan(json!({})), TokenPlan::Configured("free".to_owned()));
        assert_eq!(
            plan(json!({"plan": null})),
            TokenPlan::Configured("free".to_owned())
        );
        assert_eq!(
            plan(json!({"plan": "pro"})),
            TokenPlan::Claimed("pro".to_owned())
        );
        assert_eq!(
            read(json!({"plan": 1})).err(),
            Some(TokenRefusal::claim("plan"))
        );
    }

    #[test]
    fn disallowed_plan_is_not_replaced_by_the_default() {
        let mut mapping = mapping();
        mapping.assertions.plans = Some(vec!["free".to_owned(), "team".to_owned()]);
        for (claimed, expected) in [
            (json!("team"), TokenPlan::Configured("team".to_owned())),
            (json!("pro"), TokenPlan::NotAllowed),
            (json!(""), TokenPlan::NotAllowed),
            (json!(null), TokenPlan::Configured("free".to_owned())),
        ] {
            assert_eq!(
                read_with(&mapping, json!({"plan": claimed})).unwrap().plan,
                expected,
                "{claimed}"
            );
        }
    }

    #[test]
    fn disallowed_scopes_and_roles_are_dropped() {
        let mut mapping = mapping();
        mapping.assertions.scopes = Some(vec!["orders:read".to_owned()]);
        mapping.assertions.roles = Some(vec!["reader".to_owned()]);
        let claims = json!({"scope": "orders:read admin:read", "roles": ["admin", "reader"]});
        let bearer = read_with(&mapping, claims).unwrap();
        assert_eq!(
            (&*bearer.scopes, &*bearer.scope_list),
            (&["orders:read".to_owned()][..], "orders:read")
        );
        assert_eq!(
            (&*bearer.roles, &*bearer.role_list),
            (&["reader".to_owned()][..], "reader")
        );
    }

    #[test]
    fn only_a_verified_email_address_names_a_user() {
        let user = |trusts_email, verified: Option<Value>| {
            let mapping = ClaimMapping {
                user: ClaimReference::to_names(&["email"]),
                trusts_email,
                ..mapping()
            };
            let mut claims = json!({"email": "ceo@corp.example"});
            if let Some(verified) = verified {
                claims["email_verified"] = verified;
            }
            read_with(&mapping, claims).map(|bearer| bearer.subject)
        };
        for (trusts_email, verified, named) in [
            (false, Some(json!(true)), true),
            (false, Some(json!("true")), true),
            (false, Some(json!(false)), false),
            (false, None, false),
            (true, None, true),
            (true, Some(json!(false)), false),
        ] {
            let expected = if named {
                Ok("ceo@corp.example".to_owned())
            } else {
                Err(TokenRefusal::claim("email"))
            };
            assert_eq!(
                user(trusts_email, verified.clone()),
                expected,
                "{trusts_email} {verified:?}"
            );
        }
    }

    #[test]
    fn subjects_of_different_issuers_are_different_callers() {
        let other = ClaimMapping {
            issuer: "https://b".into(),
            ..mapping()
        };
        let (one, two) = (
            read(json!({})).unwrap(),
            read_with(&other, json!({})).unwrap(),
        );
        assert_ne!(one.caller, two.caller);
        assert_eq!((&*one.issuer, &*two.issuer), ("https://a", "https://b"));
    }
}
