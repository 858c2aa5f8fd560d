//! An issuer as a policy configures it.

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

/// Claims that are checked by themselves, and cannot be asked for besides.
const CHECKED: [&str; 5] = ["iss", "exp", "nbf", "iat", "cnf"];

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
    /// Its JSON Web Key Set itself, instead of `jwks_uri`.
    #[cfg_attr(feature = "schema", schema(value_type = BTreeMap<String, Value>, required = false))]
    jwks: Option<Value>,
    /// The algorithms that its signatures may have. The default is every supported one, all of them
    /// asymmetric.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>, required = false))]
    algorithms: Option<Vec<String>>,
    /// The values that a token's `typ` may have. The default is `JWT` and `at+jwt`.
    #[serde(default = "default_types")]
    types: Vec<String>,
    /// The claims that may contain a token's audience: the first that is present, not null and not
    /// an empty list decides. The default is `aud`, then `client_id`.
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
    /// True if an e-mail address counts although the token does not say that it was verified. An
    /// address with `email_verified: false` never counts. The default is false.
    #[serde(default)]
    trust_email: bool,
    /// The scopes that its tokens may contain; others are dropped. The default is any.
    #[serde(default, deserialize_with = "crate::present::present")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>, required = false))]
    allowed_scopes: Option<Vec<String>>,
    /// The roles that its tokens may contain; others are dropped. The default is any.
    #[serde(default, deserialize_with = "crate::present::present")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>, required = false))]
    allowed_roles: Option<Vec<String>>,
    /// The plans that its tokens may name; a token that names another plan is refused. An empty
    /// list puts every token on `default_plan`. The default is any.
    #[serde(default, deserialize_with = "crate::present::present")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>, required = false))]
    allowed_plans: Option<Vec<String>>,
    /// The longest lifetime of a token, in seconds. The default is 86,400; null is unlimited.
    #[serde(default = "default_lifetime")]
    max_lifetime_s: Option<i64>,
}

/// RFC 9068 and RFC 7519.
fn default_types() -> Vec<String> {
    vec!["JWT".to_owned(), "at+jwt".to_owned()]
}

/// As API Gateway's own JWT authorizer: Cognito's access tokens have `client_id` and no `aud`.
fn default_audience_claims() -> Vec<String> {
    vec!["aud".to_owned(), "client_id".to_owned()]
}

fn default_user_claim() -> String {
    "sub".to_owned()
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "`null` is no limit, which absence is not"
)]
fn default_lifetime() -> Option<i64> {
    Some(86_400)
}

fn problem<T>(member: &'static str, why: impl Into<String>) -> Result<T, FieldProblem> {
    Err((member, why.into()))
}

impl IssuerDocument {
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Refuses a private key: anyone who reads the policy could sign tokens with it.
    pub(crate) fn check_public_keys(&self) -> Result<(), FieldProblem> {
        match self.jwks.as_ref().and_then(private_key) {
            None => Ok(()),
            Some(index) => Err((
                "jwks",
                format!("keys[{index}] contains a private key: expected public keys only"),
            )),
        }
    }

    /// The plan of tokens that name none.
    pub(crate) fn default_plan(&self) -> Option<&str> {
        self.default_plan.as_deref()
    }

    /// The plans that its tokens may name, if they are limited.
    pub(crate) fn allowed_plans(&self) -> &[String] {
        self.allowed_plans.as_deref().unwrap_or_default()
    }

    /// The issuer and where its keys are, if no member contradicts another.
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
        let short = |name: &String| {
            name.to_ascii_lowercase()
                .trim_start_matches("application/")
                .to_owned()
        };
        let issuer = Issuer {
            algorithms,
            types: self.types.iter().map(short).collect(),
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
            (Some(_), Some(_)) => problem(
                "jwks",
                "and `jwks_uri` are both there: keys come from one place",
            ),
            (Some(keys), None) => inline(keys, algorithms),
            (None, Some(uri)) => {
                let address = trusted_address(uri)
                    .map_err(|why| ("jwks_uri", format!("{} {why}", quoted(uri))))?;
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
        for (member, list) in lists {
            if list.is_empty() || list.iter().any(String::is_empty) {
                return problem(
                    member,
                    "is empty, or one of it is: no token could be for us",
                );
            }
        }
        Ok(())
    }

    fn check_claims(&self) -> Result<(), FieldProblem> {
        for (name, value) in &self.required_claims {
            if CHECKED.contains(&name.as_str()) {
                return problem("required_claims", format!("`{name}` is checked by itself"));
            }
            if value.is_null() || value.is_array() || value.is_object() {
                return problem(
                    "required_claims",
                    format!("`{name}` is not a text, a number or a boolean"),
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
            Some(..=0) => problem("max_lifetime_s", "is not above 0 (`null` is no limit)"),
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
            "has a query, so that it cannot be discovered: give `jwks_uri`",
        ),
        Err(why) => problem(
            "issuer",
            format!(
                "{} {why}, so that it cannot be discovered: give `jwks_uri`",
                quoted(issuer)
            ),
        ),
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
            .map_err(|(member, why)| format!("{member}: {why}"))
    }

    #[test]
    fn keys_are_discovered_where_nothing_else_is_said() {
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
    fn a_lifetime_of_null_is_no_limit() {
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
    fn every_contradiction_names_its_member() {
        let p256 = json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "1",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]});
        for (member, value, named) in [
            ("issuer", json!(""), "issuer: is empty"),
            (
                "issuer",
                json!("http://a"),
                "issuer: `http://a` is not https",
            ),
            ("issuer", json!("accounts.example.com"), "issuer: "),
            ("issuer", json!("https://a?tenant=1"), "issuer: "),
            ("audiences", json!([]), "audiences: is empty"),
            ("audiences", json!([""]), "audiences: is empty"),
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
            ("types", json!([]), "types: is empty"),
            ("audience_claims", json!([]), "audience_claims: is empty"),
            (
                "required_claims",
                json!({"iss": "x"}),
                "required_claims: `iss` is checked",
            ),
            (
                "required_claims",
                json!({"x": ["y"]}),
                "required_claims: `x` is not a text",
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
            ("max_lifetime_s", json!(0), "max_lifetime_s: is not above 0"),
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
            let error = document(|it| it[member] = value.clone()).expect_err(named);
            assert!(error.starts_with(named), "{error}");
        }
        let both = document(|it| {
            it["jwks"] = p256.clone();
            it["jwks_uri"] = "https://a/jwks".into();
        });
        assert!(
            both.unwrap_err()
                .starts_with("jwks: and `jwks_uri` are both there")
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
