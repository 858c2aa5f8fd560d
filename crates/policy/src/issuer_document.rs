//! An issuer that a policy configures.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Uri;
use serde::Deserialize;
use serde_json::Value;

use crate::address::{quoted, trusted_address};
use crate::algorithm::{Algorithm, names};
use crate::assertions::Assertions;
use crate::audiences::AudiencesDocument;
use crate::claim_mapping::{ClaimFields, ClaimMapping};
use crate::claim_reference::ClaimReferenceDocument;
use crate::error::FieldProblem;
use crate::issuer::{Issuer, KeyOrigin, TimeLimits};
use crate::issuer_names::issuer_and_name;
use crate::issuer_secret::IssuerSecretsDocument;
use crate::key_set::{KeySet, Kid, private_key};
use crate::plan_mapping::PlanNames;
use crate::required_claim::required_claims;
use crate::tenants::{PLACEHOLDER, TenantPattern, TenantsDocument};

/// The tenant in the address of a discovery document that is for all tenants.
const DISCOVERY_TENANT: &str = "common";
/// The claims that an administrator of any tenant can set to the name of another user.
const UNVERIFIED_USER_CLAIMS: [&str; 3] = ["email", "upn", "preferred_username"];

/// An issuer of signed tokens.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Issuer))]
#[serde(deny_unknown_fields)]
pub(crate) struct IssuerDocument {
    /// The `iss` of its tokens. `{tenantid}` in it is the id of any of the `tenants`.
    issuer: String,
    /// The name that rules use for it. The default is the issuer itself. Entries with the same
    /// issuer need different names. The first one whose audiences match a token applies to it.
    #[cfg_attr(feature = "schema", schema(min_length = 1))]
    name: Option<String>,
    /// The tenants whose tokens are accepted, if `issuer` contains `{tenantid}`. Usage and headers
    /// contain the concrete issuer.
    #[serde(default, deserialize_with = "crate::present::present")]
    #[cfg_attr(feature = "schema", schema(value_type = TenantsDocument, required = false))]
    tenants: Option<TenantsDocument>,
    /// A token's audience must contain one of these.
    #[cfg_attr(feature = "schema", schema(value_type = AudiencesDocument))]
    audiences: AudiencesDocument,
    /// The address of its JSON Web Key Set. The default is the one that its discovery document
    /// names.
    #[cfg_attr(feature = "schema", schema(value_type = String, required = false))]
    jwks_uri: Option<String>,
    /// The JSON Web Key Set, instead of `jwks_uri`.
    #[cfg_attr(feature = "schema", schema(value_type = BTreeMap<String, Value>, required = false))]
    jwks: Option<Value>,
    /// References to the secrets that it signs tokens with, instead of keys.
    #[cfg_attr(feature = "schema", schema(value_type = IssuerSecretsDocument, required = false))]
    secret: Option<IssuerSecretsDocument>,
    /// The requirement for the `kid` of its tokens and keys. The default is `required`.
    #[serde(default)]
    kid: Kid,
    /// The algorithms that its signatures may have. The default is all supported ones with public
    /// keys, or HS256 with `secret`.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>, required = false))]
    algorithms: Option<Vec<String>>,
    /// The values that a token's `typ` may have. The default is `JWT` and `at+jwt`.
    #[serde(default = "default_types")]
    types: Vec<String>,
    /// The claims that may contain a token's audience: names or JSON Pointers. The first one counts
    /// that is present, not null and not an empty list. The default is `aud`, then `client_id`.
    #[serde(default, deserialize_with = "crate::present::present")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>, required = false))]
    audience_claims: Option<Vec<String>>,
    /// Claims that a token must have, by name or JSON Pointer, each with the accepted value or a
    /// list of them. A claim that is a list must contain an accepted value.
    #[serde(default, deserialize_with = "strict_json::map")]
    required_claims: BTreeMap<String, Value>,
    /// The claim that becomes the `user_id`. The default is `sub`.
    #[serde(default, deserialize_with = "crate::present::present")]
    #[cfg_attr(feature = "schema", schema(value_type = ClaimReferenceDocument, required = false))]
    user_claim: Option<ClaimReferenceDocument>,
    /// The claim that contains the scopes: a string separated by spaces, or a list. The default is
    /// `scope`, then `scp`.
    #[serde(default, deserialize_with = "crate::present::present")]
    #[cfg_attr(feature = "schema", schema(value_type = ClaimReferenceDocument, required = false))]
    scopes_claim: Option<ClaimReferenceDocument>,
    /// The claim that contains the roles: one role, a list, or an object whose keys are the roles.
    /// The default is `roles`.
    #[serde(default, deserialize_with = "crate::present::present")]
    #[cfg_attr(feature = "schema", schema(value_type = ClaimReferenceDocument, required = false))]
    roles_claim: Option<ClaimReferenceDocument>,
    /// The claim that names the plan. By default, tokens name no plan.
    #[cfg_attr(feature = "schema", schema(value_type = ClaimReferenceDocument, required = false))]
    plan_claim: Option<ClaimReferenceDocument>,
    /// The plans by the value of `plan_claim`. The claim may be a list whose items are mapped to the
    /// same plan. Other values name no plan.
    #[serde(default, deserialize_with = "crate::present::map")]
    #[cfg_attr(feature = "schema", schema(value_type = BTreeMap<String, String>, required = false))]
    plans: Option<PlanNames>,
    /// The plan if no claim names one.
    default_plan: Option<String>,
    /// True if an email address counts even if the token does not say that it was verified. An
    /// address with `email_verified: false` never counts. The default is false.
    #[serde(default)]
    trust_email: bool,
    /// The scopes that its tokens may contain. Others are dropped. The default is any.
    #[serde(default, deserialize_with = "crate::present::present")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>, required = false))]
    allowed_scopes: Option<Vec<String>>,
    /// The roles that its tokens may contain. Others are dropped. The default is any.
    #[serde(default, deserialize_with = "crate::present::present")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>, required = false))]
    allowed_roles: Option<Vec<String>>,
    /// The plans that its tokens may name. A token that names another plan is refused. An empty
    /// list puts every token on `default_plan`. The default is any.
    #[serde(default, deserialize_with = "crate::present::present")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>, required = false))]
    allowed_plans: Option<Vec<String>>,
    /// The longest lifetime of a token, in seconds. The default is 86,400. With null, there is no
    /// limit.
    #[serde(default = "default_lifetime")]
    max_lifetime_s: Option<i64>,
    /// The check whether a valid token was revoked. By default, revocation is not checked.
    #[serde(default, deserialize_with = "crate::present::present")]
    #[cfg_attr(feature = "schema", schema(value_type = Revocation, required = false))]
    revocation: Option<Revocation>,
}

/// The check whether a valid token was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Revocation {
    /// The introspection server is asked about each token that passes every other check.
    Introspection,
}

/// Returns the types of RFC 7519 and RFC 9068.
fn default_types() -> Vec<String> {
    vec!["JWT".to_owned(), "at+jwt".to_owned()]
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "null means no limit, but a missing field does not"
)]
fn default_lifetime() -> Option<i64> {
    Some(86_400)
}

fn problem<T>(field: &'static str, problem: impl Into<String>) -> Result<T, FieldProblem> {
    Err((field, problem.into()))
}

impl IssuerDocument {
    /// Checks that `jwks` contains no private key, with which any reader of the policy could sign
    /// tokens.
    pub(crate) fn check_public_keys(&self) -> Result<(), FieldProblem> {
        match self.jwks.as_ref().and_then(private_key) {
            None => Ok(()),
            Some(index) => Err((
                "jwks",
                format!("keys[{index}] contains a private key: expected public keys only"),
            )),
        }
    }

    /// Returns the plan of tokens that name none.
    pub(crate) fn default_plan(&self) -> Option<&str> {
        self.default_plan.as_deref()
    }

    /// Returns the plans that its tokens may name, or an empty list without a limit.
    pub(crate) fn allowed_plans(&self) -> &[String] {
        self.allowed_plans.as_deref().unwrap_or_default()
    }

    /// Returns the plan names that `plans` maps claim values to.
    pub(crate) fn mapped_plans(&self) -> impl Iterator<Item = &str> {
        self.plans
            .iter()
            .flat_map(BTreeMap::values)
            .map(String::as_str)
    }

    /// Checks the document. `lookup` returns environment variables.
    ///
    /// # Errors
    /// The invalid field and the problem.
    pub(crate) fn check(
        mut self,
        tolerance_s: i64,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(Issuer, KeyOrigin), FieldProblem> {
        let (iss, name) = issuer_and_name(std::mem::take(&mut self.issuer), self.name.take())?;
        let tenants = TenantPattern::check(&iss, self.tenants.take())?;
        let algorithms = self.algorithms()?;
        let origin = self.origin(&iss, &algorithms, lookup)?;
        let audiences = self.audiences.check(self.audience_claims.as_deref())?;
        let required_claims = required_claims(self.required_claims)?;
        let types = media_types(&self.types)?;
        check_lifetime(self.max_lifetime_s)?;

        let fields = ClaimFields {
            user_claim: self.user_claim,
            scopes_claim: self.scopes_claim,
            roles_claim: self.roles_claim,
            plan_claim: self.plan_claim,
            plans: self.plans,
            default_plan: self.default_plan,
            trust_email: self.trust_email,
            assertions: Assertions {
                scopes: self.allowed_scopes,
                roles: self.allowed_roles,
                plans: self.allowed_plans,
            },
        };
        let mapping = fields.check(Arc::clone(&iss), name)?;
        check_any_tenant(tenants.as_ref(), &mapping)?;

        let issuer = Issuer {
            tenants,
            algorithms,
            types,
            kid: self.kid,
            audiences,
            required_claims,
            mapping,
            limits: TimeLimits {
                tolerance_s,
                max_lifetime_s: self.max_lifetime_s,
            },
            checks_revocation: self.revocation.is_some(),
        };
        Ok((issuer, origin))
    }

    fn algorithms(&self) -> Result<Vec<Algorithm>, FieldProblem> {
        let is_symmetric = self.secret.is_some();
        let Some(listed) = &self.algorithms else {
            return Ok(if is_symmetric {
                vec![Algorithm::HS256]
            } else {
                Algorithm::asymmetric()
            });
        };
        if listed.is_empty() {
            return problem("algorithms", "is empty: no token could be verified");
        }

        let known = |name: &String| {
            Algorithm::from_name(name)
                .filter(|algorithm| algorithm.is_symmetric() == is_symmetric)
                .ok_or_else(|| {
                    let keys = if is_symmetric {
                        "with `secret`"
                    } else {
                        "without `secret`"
                    };
                    let expected = names(is_symmetric);
                    let problem =
                        format!("`{name}` is not supported {keys}, expected one of {expected}");
                    ("algorithms", problem)
                })
        };
        listed.iter().map(known).collect()
    }

    fn origin(
        &mut self,
        issuer: &str,
        algorithms: &[Algorithm],
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<KeyOrigin, FieldProblem> {
        match (&self.jwks, &self.jwks_uri, self.secret.take()) {
            (Some(_), _, Some(_)) => problem("secret", "must not be set together with `jwks`"),
            (_, Some(_), Some(_)) => problem("secret", "must not be set together with `jwks_uri`"),
            (None, None, Some(secrets)) => {
                let lengths = algorithms
                    .iter()
                    .copied()
                    .filter_map(Algorithm::min_secret_bytes);
                let min_bytes = lengths.max().unwrap_or_default();
                Ok(KeyOrigin::Secrets(secrets.check(min_bytes, lookup)?))
            }
            (Some(_), Some(_), None) => problem("jwks", "must not be set together with `jwks_uri`"),
            (Some(keys), None, None) => inline(keys, self.kid, algorithms),
            (None, Some(uri), None) => {
                let address = trusted_address(uri)
                    .map_err(|problem| ("jwks_uri", format!("{} {problem}", quoted(uri))))?;
                Ok(KeyOrigin::Address(address))
            }
            (None, None, None) => discovery(issuer),
        }
    }
}

/// Returns media types in lower case and without `application/`.
fn media_types(types: &[String]) -> Result<Vec<String>, FieldProblem> {
    if types.is_empty() || types.iter().any(String::is_empty) {
        return problem(
            "types",
            "must not be empty or contain empty strings: no token would match",
        );
    }
    let media_type = |name: &String| {
        name.to_ascii_lowercase()
            .trim_start_matches("application/")
            .to_owned()
    };
    Ok(types.iter().map(media_type).collect())
}

fn check_lifetime(max_lifetime_s: Option<i64>) -> Result<(), FieldProblem> {
    match max_lifetime_s {
        Some(..=0) => problem("max_lifetime_s", "must be positive, or null for no limit"),
        _ => Ok(()),
    }
}

/// Checks what tokens of any tenant may assert. Every tenant's administrator can write any role,
/// name and email address.
fn check_any_tenant(
    tenants: Option<&TenantPattern>,
    mapping: &ClaimMapping,
) -> Result<(), FieldProblem> {
    if !tenants.is_some_and(TenantPattern::accepts_any) {
        return Ok(());
    }

    let limits = &mapping.assertions;
    for (field, list) in [
        ("allowed_scopes", &limits.scopes),
        ("allowed_roles", &limits.roles),
        ("allowed_plans", &limits.plans),
    ] {
        if list.is_none() {
            return problem(
                field,
                "is missing: with `tenants` `any`, list what every tenant may assert, or set it to []",
            );
        }
    }

    let unverified = mapping.user.paths().iter().find(|path| {
        UNVERIFIED_USER_CLAIMS
            .iter()
            .any(|name| path.ends_with(name))
    });
    match unverified {
        Some(path) => Err((
            "user_claim",
            format!(
                "`{path}` is not verified across tenants; with `tenants` `any`, use `sub` or `oid`"
            ),
        )),
        None => Ok(()),
    }
}

fn inline(keys: &Value, kid: Kid, algorithms: &[Algorithm]) -> Result<KeyOrigin, FieldProblem> {
    let set = KeySet::parse(keys.to_string().as_bytes(), kid, |_, _| ())
        .map_err(|error| ("jwks", format!("is {error}")))?;
    if !set.serves(algorithms) {
        return problem("jwks", "has no key for any of `algorithms`");
    }
    Ok(KeyOrigin::Inline(set))
}

fn discovery(issuer: &str) -> Result<KeyOrigin, FieldProblem> {
    let address = format!(
        "{}/.well-known/openid-configuration",
        issuer
            .replace(PLACEHOLDER, DISCOVERY_TENANT)
            .trim_end_matches('/')
    );

    let trusted: Result<Uri, _> = trusted_address(&address);
    match trusted {
        Ok(uri) if uri.query().is_none() => Ok(KeyOrigin::Discovery(uri)),
        Ok(_) => problem(
            "issuer",
            "has a query, so discovery is not possible: set `jwks_uri`",
        ),
        Err(problem) => Err((
            "issuer",
            format!(
                "{} {problem}, so discovery is not possible: set `jwks_uri`",
                quoted(issuer)
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document(change: impl Fn(&mut Value)) -> Result<(Issuer, KeyOrigin), String> {
        let mut document =
            json!({"issuer": "https://a", "audiences": ["b"], "default_plan": "free"});
        change(&mut document);
        let document: IssuerDocument =
            serde_json::from_value(document).map_err(|error| error.to_string())?;
        document
            .check(30, &|_| None)
            .map_err(|(field, why)| format!("{field}: {why}"))
    }

    #[test]
    fn keys_are_discovered_by_default() {
        let (issuer, origin) = document(|_| ()).unwrap();
        let KeyOrigin::Discovery(uri) = origin else {
            panic!("{origin:?}")
        };
        assert_eq!(
            uri.to_string(),
            "https://a/.well-known/openid-configuration"
        );
        assert_eq!(issuer.limits.max_lifetime_s, Some(86_400));
        assert_eq!(issuer.algorithms.len(), 11);
        assert_eq!(issuer.types, ["jwt", "at+jwt"]);
    }

    #[test]
    fn null_lifetime_means_no_limit() {
        assert_eq!(
            document(|it| it["max_lifetime_s"] = Value::Null)
                .unwrap()
                .0
                .limits
                .max_lifetime_s,
            None
        );
    }

    #[test]
    fn errors_name_the_field() {
        let p256 = json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "1",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]});
        for (field, value, named) in [
            ("issuer", json!(""), "issuer: is empty"),
            (
                "issuer",
                json!("http://a"),
                "issuer: `http://a` is not https",
            ),
            ("issuer", json!("accounts.example.com"), "issuer: "),
            ("issuer", json!("https://a?tenant=1"), "issuer: "),
            ("audiences", json!([]), "audiences: must not be empty"),
            ("audiences", json!([""]), "audiences: must not be empty"),
            ("algorithms", json!([]), "algorithms: is empty"),
            (
                "algorithms",
                json!(["HS256"]),
                "algorithms: `HS256` is not supported without `secret`, expected one of RS256",
            ),
            (
                "algorithms",
                json!(["none"]),
                "algorithms: `none` is not supported",
            ),
            ("types", json!([]), "types: must not be empty"),
            ("audience_claims", json!([]), "audience_claims: is empty"),
            (
                "required_claims",
                json!({"iss": "x"}),
                "required_claims: `iss` is always checked",
            ),
            (
                "required_claims",
                json!({"x": {"y": 1}}),
                "required_claims: `x` must be a string",
            ),
            (
                "user_claim",
                json!(""),
                "user_claim: `` is neither a claim's name",
            ),
            ("name", json!(""), "name: is empty"),
            (
                "allowed_plans",
                json!(["pro"]),
                "default_plan: `free` is missing in `allowed_plans`",
            ),
            (
                "allowed_scopes",
                json!(["a", ""]),
                "allowed_scopes: contains an empty string",
            ),
            ("default_plan", Value::Null, "default_plan: is missing"),
            (
                "max_lifetime_s",
                json!(0),
                "max_lifetime_s: must be positive",
            ),
            (
                "jwks_uri",
                json!("http://a/jwks"),
                "jwks_uri: `http://a/jwks` is not https",
            ),
            (
                "jwks",
                json!({"keys": []}),
                "jwks: is without a key that can be used",
            ),
            (
                "jwks",
                json!({"keys": [{"kty": "oct", "k": "AA", "kid": "1"}]}),
                "jwks: is without a key that can be used: a secret",
            ),
            ("jwk", json!({}), "unknown field `jwk`"),
        ] {
            let error = document(|it| it[field] = value.clone()).expect_err(named);
            assert!(error.starts_with(named), "{error}");
        }
        let both = document(|it| {
            it["jwks"] = p256.clone();
            it["jwks_uri"] = "https://a/jwks".into();
        });
        assert!(
            both.unwrap_err()
                .starts_with("jwks: must not be set together with `jwks_uri`")
        );
        let other = document(|it| {
            it["jwks"] = p256.clone();
            it["algorithms"] = json!(["RS256"]);
        });
        assert_eq!(
            other.unwrap_err(),
            "jwks: has no key for any of `algorithms`"
        );
    }
}
