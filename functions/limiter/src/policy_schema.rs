//! A policy, for the description. What reads one is [`policy::Policy`], and a test holds the two together.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Whom the authorizer trusts, and what it asks of each path.
#[derive(Deserialize, ToSchema)]
#[schema(as = Policy)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is there for its description")]
pub(crate) struct PolicySchema {
    /// By how much clocks may differ, in seconds; 30 where absent.
    #[schema(value_type = u16, required = false, maximum = 300)]
    clock_tolerance_s: Option<u16>,
    /// Whose tokens are trusted.
    #[schema(value_type = Vec<Issuer>, required = false)]
    issuers: Option<Vec<Issuer>>,
    /// Who is asked about opaque tokens.
    introspection: Option<Introspection>,
    /// How client certificates are taken.
    mtls: Option<Mtls>,
    /// Where API keys are.
    #[schema(value_type = ApiKeys, required = false)]
    api_keys: Option<ApiKeys>,
    /// How paths are matched, here and with the routes of plans.
    #[schema(value_type = Paths, required = false)]
    paths: Option<Paths>,
    /// What is asked, by path.
    rules: Vec<Rule>,
}

/// An issuer of tokens.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is there for its description")]
struct Issuer {
    /// Its `iss`.
    issuer: String,
    /// The name that rules use for it. The default is the issuer itself.
    #[schema(min_length = 1)]
    name: Option<String>,
    /// One of these has to be among a token's audiences.
    audiences: Vec<String>,
    /// Where its keys are; by its discovery document where absent.
    #[schema(value_type = String, required = false)]
    jwks_uri: Option<String>,
    /// Its keys themselves.
    #[schema(value_type = BTreeMap<String, Value>, required = false)]
    jwks: Option<Value>,
    /// Every asymmetric one supported where absent.
    #[schema(value_type = Vec<String>, required = false)]
    algorithms: Option<Vec<String>>,
    /// Of tokens' `typ`.
    #[schema(value_type = Vec<String>, required = false)]
    types: Option<Vec<String>>,
    /// The claims that may hold a token's audiences: the first that is present, not null and not an empty list
    /// decides. The default is `aud`, then `client_id`.
    #[schema(value_type = Vec<String>, required = false)]
    audience_claims: Option<Vec<String>>,
    /// What claims have to be.
    #[schema(value_type = BTreeMap<String, Value>, required = false)]
    required_claims: Option<BTreeMap<String, Value>>,
    /// What becomes the `user_id`.
    #[schema(value_type = String, required = false)]
    user_claim: Option<String>,
    /// What names the plan.
    plan_claim: Option<String>,
    /// The plan where no claim names one.
    default_plan: Option<String>,
    /// True if an e-mail address counts although the token does not say that it was verified. An address with
    /// `email_verified: false` never counts. The default is false.
    #[schema(value_type = bool, required = false)]
    trust_email: Option<bool>,
    /// The scopes that its tokens may contain; others are dropped. The default is any.
    #[schema(value_type = Vec<String>, required = false)]
    allowed_scopes: Option<Vec<String>>,
    /// The roles that its tokens may contain; others are dropped. The default is any.
    #[schema(value_type = Vec<String>, required = false)]
    allowed_roles: Option<Vec<String>>,
    /// The plans that its tokens may name; a token that names another plan is refused. An empty list puts every
    /// token on `default_plan`. The default is any.
    #[schema(value_type = Vec<String>, required = false)]
    allowed_plans: Option<Vec<String>>,
    /// The longest that a token may last, in seconds; null for any time.
    max_lifetime_s: Option<i64>,
}

/// A server that knows opaque tokens (RFC 7662).
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is there for its description")]
struct Introspection {
    /// Its address.
    endpoint: String,
    /// How the client authenticates; `basic` by default.
    #[schema(value_type = ClientAuth, required = false)]
    auth: Option<ClientAuth>,
    /// The client's id; not needed with `auth` `none`.
    #[schema(value_type = String, required = false)]
    client_id: Option<String>,
    /// A reference to the client's secret: `env:NAME`, `ssm:/NAME` or `secretsmanager:ARN`. Not with `auth` `none`.
    client_secret: Option<String>,
    /// How long an answer holds, in seconds.
    #[schema(value_type = u32, required = false, maximum = 3_600)]
    cache_s: Option<u32>,
    /// A regular expression that matches whole tokens of this server; others are refused without a call.
    #[schema(value_type = String, required = false, max_length = 256)]
    token_pattern: Option<String>,
    /// The issuer of its tokens: a response that names another one is refused. The default is the endpoint, and
    /// then the `iss` of a response has no meaning.
    #[schema(value_type = String, required = false, min_length = 1)]
    issuer: Option<String>,
    /// The name that rules use for it. The default is `issuer`, or else the endpoint.
    #[schema(min_length = 1)]
    name: Option<String>,
    /// One of these has to be among a token's audiences.
    #[schema(value_type = Vec<String>, required = false)]
    audiences: Option<Vec<String>>,
    /// What becomes the `user_id`.
    #[schema(value_type = String, required = false)]
    user_claim: Option<String>,
    /// What names the plan.
    plan_claim: Option<String>,
    /// The plan where no claim names one.
    default_plan: Option<String>,
    /// True if an e-mail address counts although the token does not say that it was verified. An address with
    /// `email_verified: false` never counts. The default is false.
    #[schema(value_type = bool, required = false)]
    trust_email: Option<bool>,
    /// The scopes that its tokens may contain; others are dropped. The default is any.
    #[schema(value_type = Vec<String>, required = false)]
    allowed_scopes: Option<Vec<String>>,
    /// The roles that its tokens may contain; others are dropped. The default is any.
    #[schema(value_type = Vec<String>, required = false)]
    allowed_roles: Option<Vec<String>>,
    /// The plans that its tokens may name; a token that names another plan is refused. An empty list puts every
    /// token on `default_plan`. The default is any.
    #[schema(value_type = Vec<String>, required = false)]
    allowed_plans: Option<Vec<String>>,
}

/// How the client authenticates (RFC 6749, section 2.3.1).
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ClientAuth {
    Basic,
    BasicRaw,
    Post,
    None,
}

/// Client certificates.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is there for its description")]
struct Mtls {
    /// The plan of certificates.
    default_plan: String,
    /// What becomes the `user_id`.
    #[schema(value_type = HolderName, required = false)]
    user_from: Option<HolderName>,
}

/// Part of a certificate.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum HolderName {
    SubjectDn,
    SanDns,
    SanUri,
    SerialNumber,
}

/// API keys.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is there for its description")]
struct ApiKeys {
    /// The header that carries one. It has to be the header that this stack's gateway removes before the backend
    /// (parameter `KeyHeader`), which is also the default.
    #[schema(value_type = String, required = false)]
    header: Option<String>,
}

/// Which differences between a path and a rule are ignored. A path that differs in another way from one whose rule
/// requires more is refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is there for its description")]
struct Paths {
    /// `sensitive` if absent.
    #[schema(value_type = PathCase, required = false)]
    case: Option<PathCase>,
    /// `distinct` if absent.
    #[schema(value_type = TrailingSlash, required = false)]
    trailing_slash: Option<TrailingSlash>,
}

/// Whether `/Admin` is judged by the rule of `/admin`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum PathCase {
    Sensitive,
    Insensitive,
}

/// Whether `/docs/` is judged by the rule of `/docs`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum TrailingSlash {
    Distinct,
    Ignored,
}

/// What is asked on a path.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is there for its description")]
struct Rule {
    /// A route key, such as `GET /orders/{id}`.
    r#match: String,
    /// Which credentials.
    auth: Auth,
    /// All of these are needed.
    #[schema(value_type = Vec<String>, required = false)]
    scopes: Option<Vec<String>>,
    /// The names of the issuers whose tokens are accepted. Keys and certificates are not restricted by it. The
    /// default is all issuers.
    #[schema(value_type = Vec<String>, required = false, min_items = 1)]
    issuers: Option<Vec<String>>,
    /// What a call costs; 1 where absent.
    #[schema(value_type = u64, required = false)]
    cost: Option<u64>,
    /// The plan of a public path's callers.
    #[schema(value_type = String, required = false)]
    plan: Option<String>,
    /// By what a public path's callers are told apart.
    #[schema(value_type = LimitBy, required = false)]
    limit_by: Option<LimitBy>,
}

/// Which credentials.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Auth {
    Any,
    Jwt,
    Mtls,
    ApiKey,
    None,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum LimitBy {
    Ip,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use policy::{KeyHeader, Policy};
    use serde_json::{Value, json};

    /// What the authorizer says it knows, where it meets what it does not.
    fn known(document: &Value) -> BTreeSet<String> {
        let error = Policy::parse(&document.to_string(), &KeyHeader::default(), &|_| None).unwrap_err().to_string();
        let (_, names) = error.split_once("expected ").expect("what is expected");
        names.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    fn described(name: &str) -> BTreeSet<String> {
        let schema = &crate::api::description()["components"]["schemas"][name];
        match (&schema["properties"], &schema["enum"]) {
            (Value::Object(members), _) => members.keys().cloned().collect(),
            (_, Value::Array(values)) => values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect(),
            _ => panic!("{name}: {schema}"),
        }
    }

    #[test]
    fn a_policy_is_described_with_the_members_that_are_read() {
        let nobody = json!({"nobody": 1});
        for (name, document) in [
            ("Policy", nobody.clone()),
            ("Issuer", json!({"issuers": [nobody]})),
            ("Introspection", json!({"introspection": nobody})),
            ("ClientAuth", json!({"introspection": {"endpoint": "https://a", "auth": "nobody"}})),
            ("Mtls", json!({"mtls": nobody})),
            ("HolderName", json!({"mtls": {"default_plan": "p", "user_from": "nobody"}})),
            ("ApiKeys", json!({"api_keys": nobody})),
            ("Paths", json!({"paths": nobody})),
            ("PathCase", json!({"paths": {"case": "nobody"}})),
            ("TrailingSlash", json!({"paths": {"trailing_slash": "nobody"}})),
            ("Rule", json!({"rules": [nobody]})),
            ("Auth", json!({"rules": [{"match": "GET /", "auth": "nobody"}]})),
            ("LimitBy", json!({"rules": [{"match": "GET /", "auth": "none", "limit_by": "nobody"}]})),
        ] {
            assert_eq!(described(name), known(&document), "{name}");
        }
    }
}
