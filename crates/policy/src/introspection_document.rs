//! The introspection that a policy configures.

use std::collections::BTreeMap;

use http::Uri;
use regex_lite::{Regex, RegexBuilder};
use serde::Deserialize;

use crate::address::{
    FUNCTION_NAME, check_deployed, is_unencrypted, quoted, trusted_address,
    trusted_or_private_address,
};
use crate::assertions::Assertions;
use crate::claim_mapping::ClaimFields;
use crate::claim_reference::ClaimReferenceDocument;
use crate::error::FieldProblem;
use crate::introspection_client::IntrospectionClient;
use crate::introspection_server::{ClientAuth, IntrospectionServer};
use crate::issuer_names::issuer_and_name;
use crate::plan_mapping::PlanNames;

/// A server with token introspection (RFC 7662), for opaque tokens.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Introspection))]
#[serde(deny_unknown_fields)]
pub(crate) struct IntrospectionDocument {
    /// The address of its introspection endpoint.
    endpoint: String,
    /// True if the endpoint may be http to a host in a private network: RFC 1918 or unique local
    /// addresses. Tokens and the client's credentials are then sent unencrypted. The default is
    /// false.
    #[serde(default)]
    insecure_http: bool,
    /// The authentication of the client. The default is `basic`.
    #[serde(default)]
    auth: ClientAuth,
    /// The client's id. It is optional with `auth` `none`.
    #[serde(default)]
    client_id: String,
    /// A reference to the client's secret: `env:NAME`, `ssm:/NAME` or `secretsmanager:ARN`. It
    /// is required with `auth` `basic`, `basic_raw` and `post`, and not allowed otherwise.
    client_secret: Option<String>,
    /// A reference to the client's private key in PEM, for `auth` `private_key_jwt`: RSA with at
    /// least 2,048 bits, P-256, P-384 or Ed25519.
    client_key: Option<String>,
    /// The `kid` of the assertions that the client signs. By default they have none.
    #[cfg_attr(feature = "schema", schema(min_length = 1))]
    client_key_id: Option<String>,
    /// The `aud` of the assertions that the client signs. The default is `issuer`, or else the
    /// endpoint.
    #[cfg_attr(feature = "schema", schema(min_length = 1))]
    client_assertion_audience: Option<String>,
    /// The time for which a response is cached, in seconds, up to 3,600. The default is 300.
    #[serde(default = "default_cache")]
    #[cfg_attr(feature = "schema", schema(maximum = 3_600))]
    cache_s: u32,
    /// A regular expression for whole tokens of this server. Other tokens are refused without a
    /// call.
    #[cfg_attr(feature = "schema", schema(value_type = String, required = false, max_length = 256))]
    token_pattern: Option<String>,
    /// The issuer of its tokens. A response that names another one is refused. The default is the
    /// endpoint, and then the `iss` of a response is ignored.
    #[cfg_attr(feature = "schema", schema(value_type = String, required = false, min_length = 1))]
    issuer: Option<String>,
    /// The name that rules use for it. The default is `issuer`, or else the endpoint.
    #[cfg_attr(feature = "schema", schema(min_length = 1))]
    name: Option<String>,
    /// If there are any, a token's audience must contain one of these.
    #[serde(default)]
    audiences: Vec<String>,
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
}

/// Omits the secret.
impl std::fmt::Debug for IntrospectionDocument {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("IntrospectionDocument")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// The longest time for which a revoked token may still be accepted, in seconds.
const MAX_CACHE_S: u32 = 3_600;
/// The longest pattern.
const MAX_PATTERN_BYTES: usize = 256;
/// The largest memory that a pattern may compile to.
const MAX_COMPILED_BYTES: usize = 64 * 1_024;

fn default_cache() -> u32 {
    300
}

impl IntrospectionDocument {
    /// Returns the plan of tokens whose response names none.
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
        self,
        tolerance_s: i64,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<IntrospectionServer, FieldProblem> {
        let endpoint = self.endpoint(lookup)?;
        let client = self.client().check(lookup)?;
        let token_pattern = self.token_pattern.as_deref().map(pattern).transpose()?;
        self.check_values()?;

        // Without an issuer, users belong to the endpoint, whatever its responses contain.
        let namespace = self.issuer.clone().unwrap_or_else(|| endpoint.to_string());
        let (issuer, name) = issuer_and_name(namespace, self.name)?;
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
        let mapping = fields.check(issuer, name)?;

        Ok(IntrospectionServer {
            is_unencrypted: is_unencrypted(&endpoint),
            endpoint,
            auth: self.auth,
            client_id: self.client_id,
            client_secret: client.secret,
            client_key: client.key,
            cache_s: self.cache_s,
            token_pattern,
            issuer: self.issuer,
            audiences: self.audiences,
            mapping,
            tolerance_s,
        })
    }

    fn check_values(&self) -> Result<(), FieldProblem> {
        if self.cache_s > MAX_CACHE_S {
            return Err((
                "cache_s",
                format!("{} is more than {MAX_CACHE_S}", self.cache_s),
            ));
        }
        Ok(())
    }

    fn endpoint(&self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Uri, FieldProblem> {
        let refuse = |problem| ("endpoint", problem);
        let endpoint = if self.insecure_http {
            trusted_or_private_address(&self.endpoint).map_err(str::to_owned)
        } else {
            trusted_address(&self.endpoint).map_err(|problem| self.with_hint(problem))
        };
        let endpoint =
            endpoint.map_err(|problem| refuse(format!("{} {problem}", quoted(&self.endpoint))))?;

        if lookup(FUNCTION_NAME).is_some() {
            check_deployed(&endpoint).map_err(refuse)?;
        }
        Ok(endpoint)
    }

    fn with_hint(&self, problem: &str) -> String {
        if self.endpoint.starts_with("http://") {
            format!("{problem}; `insecure_http` allows it to hosts in a private network")
        } else {
            problem.to_owned()
        }
    }

    fn client(&self) -> IntrospectionClient<'_> {
        IntrospectionClient {
            auth: self.auth,
            id: &self.client_id,
            secret: self.client_secret.as_deref(),
            key: self.client_key.as_deref(),
            key_id: self.client_key_id.as_deref(),
            assertion_audience: self.client_assertion_audience.as_deref(),
            default_audience: self.issuer.as_deref().unwrap_or(&self.endpoint),
        }
    }
}

/// Compiles a pattern that must match whole tokens. Matching takes linear time.
fn pattern(text: &str) -> Result<Regex, FieldProblem> {
    let refuse = |problem: String| ("token_pattern", problem);
    if text.len() > MAX_PATTERN_BYTES {
        return Err(refuse(format!("has more than {MAX_PATTERN_BYTES} bytes")));
    }
    let compile = |text: &str| {
        RegexBuilder::new(text)
            .size_limit(MAX_COMPILED_BYTES)
            .build()
    };

    // First without the group, so that the pattern cannot close it.
    compile(text).map_err(|error| refuse(format!("is not a regular expression: {error}")))?;
    compile(&format!("^(?:{text})$"))
        .map_err(|error| refuse(format!("is not a regular expression: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret_reference::SecretReference;
    use serde_json::{Value, json};

    fn checked(field: &str, value: Value) -> Result<IntrospectionServer, String> {
        let mut document = json!({"endpoint": "https://a/introspect", "client_id": "c", "client_secret": "env:SECRET", "default_plan": "free"});
        document[field] = value;
        let document: IntrospectionDocument =
            serde_json::from_value(document).map_err(|error| error.to_string())?;
        let lookup = |name: &str| (name == "SECRET").then(|| "hush".to_owned());
        document
            .check(30, &lookup)
            .map_err(|(field, why)| format!("{field}: {why}"))
    }

    #[test]
    fn secret_is_read_from_the_policy_or_a_variable() {
        let secret = |value: Value| match checked("client_secret", value)
            .unwrap()
            .client_secret
            .unwrap()
        {
            SecretReference::Known(secret) => Some(secret),
            SecretReference::Stored(_) => None,
        };
        assert_eq!(secret(json!("env:SECRET")).as_deref(), Some("hush"));
        assert_eq!(secret(json!("s")).as_deref(), Some("s"));
        assert_eq!(secret(json!("ssm:/tollgate/introspection")), None);
    }

    #[test]
    fn errors_name_the_field_and_never_the_secret() {
        for (field, value, named) in [
            (
                "endpoint",
                json!("http://a/introspect"),
                "endpoint: `http://a/introspect` is not https",
            ),
            ("client_id", json!(""), "client_id: is missing or empty"),
            ("client_secret", Value::Null, "client_secret: is missing"),
            (
                "client_secret",
                json!("env:OTHER"),
                "client_secret: the variable OTHER is not set",
            ),
            ("client_secret", json!(""), "client_secret: is empty"),
            (
                "client_secret",
                json!("env:AWS_SECRET_ACCESS_KEY"),
                "client_secret: AWS_SECRET_ACCESS_KEY is a variable",
            ),
            (
                "auth",
                json!("none"),
                "client_secret: is not used with `auth` `none`",
            ),
            (
                "auth",
                json!("digest"),
                "unknown variant `digest`, expected one of `basic`, `basic_raw`, `post`, `private_key_jwt`, `none`",
            ),
            ("cache_s", json!(3_601), "cache_s: 3601 is more than 3600"),
            (
                "token_pattern",
                json!("a)|(?:b"),
                "token_pattern: is not a regular expression: ",
            ),
            (
                "token_pattern",
                json!("("),
                "token_pattern: is not a regular expression: ",
            ),
            (
                "token_pattern",
                json!("(?:(?:a{99}){99}){99}"),
                "token_pattern: is not a regular expression: ",
            ),
            (
                "token_pattern",
                json!("a".repeat(257)),
                "token_pattern: has more than 256 bytes",
            ),
            ("default_plan", Value::Null, "default_plan: is missing"),
            ("issuer", json!(""), "issuer: is empty"),
            ("name", json!(""), "name: is empty"),
            (
                "allowed_plans",
                json!(["pro"]),
                "default_plan: `free` is missing in `allowed_plans`",
            ),
            ("other", json!(1), "unknown field `other`"),
        ] {
            let error = checked(field, value).expect_err(named);
            assert!(
                error.starts_with(named) && !error.contains("hush"),
                "{error}"
            );
        }
    }

    #[test]
    fn pattern_matches_whole_tokens() {
        let pattern = |text: &str| pattern(text).unwrap();
        for (text, token, matches) in [
            ("oat_[A-Za-z0-9]{8}", "oat_Ab3dEf9h", true),
            ("oat_[A-Za-z0-9]{8}", "xoat_Ab3dEf9h", false),
            ("oat_[A-Za-z0-9]{8}", "oat_Ab3dEf9hx", false),
            ("a|b", "a", true),
            ("a|b", "ax", false),
            ("a|b", "xb", false),
            ("(?m)^a$", "a", true),
            ("(?m)^a$", "b\na", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(pattern(text).is_match(token), matches, "{text} {token}");
        }
    }

    #[test]
    fn pattern_is_matched_in_linear_time() {
        let pattern = pattern("(a+)+b").unwrap();
        let began = std::time::Instant::now();
        assert!(!pattern.is_match(&"a".repeat(10_000)));
        assert!(
            began.elapsed() < std::time::Duration::from_secs(5),
            "{:?}",
            began.elapsed()
        );
    }

    #[test]
    fn http_needs_to_be_allowed_and_is_private() {
        let checked = |endpoint: &str, insecure_http: bool| {
            let document = json!({"endpoint": endpoint, "insecure_http": insecure_http, "auth": "none", "default_plan": "free"});
            let document: IntrospectionDocument = serde_json::from_value(document).unwrap();
            document
                .check(30, &|_| None)
                .map(|server| server.is_unencrypted)
                .map_err(|(field, why)| format!("{field}: {why}"))
        };
        assert_eq!(checked("http://hydra-admin:4445/x", true), Ok(true));
        assert_eq!(checked("http://10.1.2.3/x", true), Ok(true));
        assert_eq!(checked("https://auth.example.com/x", true), Ok(false));
        assert_eq!(checked("http://127.0.0.1/x", true), Ok(false));
        assert_eq!(checked("http://127.0.0.1/x", false), Ok(false));

        let error = checked("http://hydra-admin:4445/x", false).unwrap_err();
        assert_eq!(
            error,
            "endpoint: `http://hydra-admin:4445/x` is not https (http is for loopback addresses only); \
             `insecure_http` allows it to hosts in a private network"
        );
        let error = checked("http://8.8.8.8/x", true).unwrap_err();
        assert!(
            error.starts_with("endpoint: `http://8.8.8.8/x` is not a private address, expected "),
            "{error}"
        );
    }

    #[test]
    fn loopback_endpoint_is_refused_in_lambda() {
        let document =
            json!({"endpoint": "http://127.0.0.1:9001/x", "auth": "none", "default_plan": "free"});
        let document =
            || serde_json::from_value::<IntrospectionDocument>(document.clone()).unwrap();
        assert!(document().check(30, &|_| None).is_ok());
        let in_lambda = |name: &str| (name == FUNCTION_NAME).then(|| "authorizer".to_owned());
        let (field, why) = document().check(30, &in_lambda).unwrap_err();
        assert!(
            field == "endpoint" && why.contains("is a loopback address"),
            "{why}"
        );
    }
}
