//! An issuer that a policy configures.

use http::Uri;
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::address::{quoted, trusted_address};
use crate::algorithm::{SUPPORTED, algorithm};
use crate::assertions::Assertions;
use crate::claim_mapping::ClaimMapping;
use crate::error::FieldProblem;
use crate::issuer::{Issuer, KeyOrigin, TimeLimits};
use crate::issuer_names::issuer_and_name;
use crate::key_set::{KeySet, private_key};

/// The claims that are always checked, and cannot be in `required_claims`.
const CHECKED_CLAIMS: [&str; 5] = ["iss", "exp", "nbf", "iat", "cnf"];

/// An issuer of signed tokens.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Issuer))]
#[serde(deny_unknown_fields)]
pub(crate) struct IssuerDocument {
    /// The `iss` of its tokens.
    issuer: String,
    /// The name that rules use for it. The default is the issuer itself.
    #[cfg_attr(feature = "schema", schema(min_length = 1))]
    name: Option<String>,
    /// A token's audience must contain one of these.
    audiences: Vec<String>,
    /// The address of its JSON Web Key Set. The default is the one that its discovery document
    /// names.
    #[cfg_attr(feature = "schema", schema(value_type = String, required = false))]
    jwks_uri: Option<String>,
    /// The JSON Web Key Set, instead of `jwks_uri`.
    #[cfg_attr(feature = "schema", schema(value_type = BTreeMap<String, Value>, required = false))]
    jwks: Option<Value>,
    /// The algorithms that its signatures may have. The default is all supported ones, which are
    /// asymmetric.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>, required = false))]
    algorithms: Option<Vec<String>>,
    /// The values that a token's `typ` may have. The default is `JWT` and `at+jwt`.
    #[serde(default = "default_types")]
    types: Vec<String>,
    /// The claims that may contain a token's audience. The first one counts that is present, not
    /// null and not an empty list. The default is `aud`, then `client_id`.
    #[serde(default = "default_audience_claims")]
    audience_claims: Vec<String>,
    /// Claims that a token must have with exactly these values.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = BTreeMap<String, Value>))]
    required_claims: Map<String, Value>,
    /// The claim that becomes the `user_id`. The default is `sub`.
    #[serde(default = "default_user_claim")]
    user_claim: String,
    /// The claim that names the plan. By default, tokens name no plan.
    plan_claim: Option<String>,
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
}

/// Returns the types of RFC 7519 and RFC 9068.
fn default_types() -> Vec<String> {
    vec!["JWT".to_owned(), "at+jwt".to_owned()]
}

/// Returns the same claims as API Gateway's JWT authorizer: Cognito's access tokens have
/// `client_id` and no `aud`.
fn default_audience_claims() -> Vec<String> {
    vec!["aud".to_owned(), "client_id".to_owned()]
}

fn default_user_claim() -> String {
    "sub".to_owned()
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
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

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

    /// Checks the document.
    ///
    /// # Errors
    /// The invalid field and the problem.
    pub(crate) fn check(self, tolerance_s: i64) -> Result<(Issuer, KeyOrigin), FieldProblem> {
        let algorithms = self.algorithms()?;
        let origin = self.origin(&algorithms)?;
        self.check_lists()?;
        self.check_claims()?;

        let assertions = Assertions {
            scopes: self.allowed_scopes,
            roles: self.allowed_roles,
            plans: self.allowed_plans,
        };
        assertions.check(self.default_plan.as_deref())?;

        let (issuer, name) = issuer_and_name(self.issuer, self.name)?;
        let mapping = ClaimMapping {
            name,
            issuer,
            user_claim: self.user_claim,
            plan_claim: self.plan_claim,
            default_plan: self.default_plan,
            trusts_email: self.trust_email,
            assertions,
        };
        let media_type = |name: &String| {
            name.to_ascii_lowercase()
                .trim_start_matches("application/")
                .to_owned()
        };

        let issuer = Issuer {
            algorithms,
            types: self.types.iter().map(media_type).collect(),
            audiences: self.audiences,
            audience_claims: self.audience_claims,
            required_claims: self.required_claims,
            mapping,
            limits: TimeLimits {
                tolerance_s,
                max_lifetime_s: self.max_lifetime_s,
            },
        };
        Ok((issuer, origin))
    }

    fn algorithms(&self) -> Result<Vec<Algorithm>, FieldProblem> {
        let Some(names) = &self.algorithms else {
            return Ok(SUPPORTED.iter().map(|(_, algorithm)| *algorithm).collect());
        };
        if names.is_empty() {
            return problem("algorithms", "is empty: no token could be verified");
        }

        let known = |name: &String| {
            algorithm(name).ok_or_else(|| ("algorithms", format!("`{name}` is not supported")))
        };
        names.iter().map(known).collect()
    }

    fn origin(&self, algorithms: &[Algorithm]) -> Result<KeyOrigin, FieldProblem> {
        if self.issuer.is_empty() {
            return problem("issuer", "is empty");
        }

        match (&self.jwks, &self.jwks_uri) {
            (Some(_), Some(_)) => problem("jwks", "must not be set together with `jwks_uri`"),
            (Some(keys), None) => inline(keys, algorithms),
            (None, Some(uri)) => {
                let address = trusted_address(uri)
                    .map_err(|problem| ("jwks_uri", format!("{} {problem}", quoted(uri))))?;
                Ok(KeyOrigin::Address(address))
            }
            (None, None) => discovery(&self.issuer),
        }
    }

    fn check_lists(&self) -> Result<(), FieldProblem> {
        let lists = [
            ("audiences", &self.audiences),
            ("types", &self.types),
            ("audience_claims", &self.audience_claims),
        ];
        for (field, list) in lists {
            if list.is_empty() || list.iter().any(String::is_empty) {
                return problem(
                    field,
                    "must not be empty or contain empty strings: no token would match",
                );
            }
        }
        Ok(())
    }

    fn check_claims(&self) -> Result<(), FieldProblem> {
        for (name, value) in &self.required_claims {
            if CHECKED_CLAIMS.contains(&name.as_str()) {
                return problem("required_claims", format!("`{name}` is always checked"));
            }
            if value.is_null() || value.is_array() || value.is_object() {
                return problem(
                    "required_claims",
                    format!("`{name}` must be a string, a number or a boolean"),
                );
            }
        }
        if self.user_claim.is_empty() {
            return problem("user_claim", "is empty");
        }
        if self.plan_claim.is_none() && self.default_plan.is_none() {
            return problem(
                "default_plan",
                "is missing, and so is `plan_claim`: no token would have a plan",
            );
        }
        match self.max_lifetime_s {
            Some(..=0) => problem("max_lifetime_s", "must be positive, or null for no limit"),
            _ => Ok(()),
        }
    }
}

fn inline(keys: &Value, algorithms: &[Algorithm]) -> Result<KeyOrigin, FieldProblem> {
    let set = KeySet::parse(keys.to_string().as_bytes(), |_, _| ())
        .map_err(|error| ("jwks", format!("is {error}")))?;
    if !set.serves(algorithms) {
        return problem("jwks", "has no key for any of `algorithms`");
    }
    Ok(KeyOrigin::Inline(set))
}

fn discovery(issuer: &str) -> Result<KeyOrigin, FieldProblem> {
    let address = format!(
        "{}/.well-known/openid-configuration",
        issuer.trim_end_matches('/')
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
            .check(30)
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
        assert_eq!(issuer.algorithms.len(), 9);
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
                "algorithms: `HS256` is not supported",
            ),
            (
                "algorithms",
                json!(["none"]),
                "algorithms: `none` is not supported",
            ),
            ("types", json!([]), "types: must not be empty"),
            (
                "audience_claims",
                json!([]),
                "audience_claims: must not be empty",
            ),
            (
                "required_claims",
                json!({"iss": "x"}),
                "required_claims: `iss` is always checked",
            ),
            (
                "required_claims",
                json!({"x": ["y"]}),
                "required_claims: `x` must be a string",
            ),
            ("user_claim", json!(""), "user_claim: is empty"),
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
