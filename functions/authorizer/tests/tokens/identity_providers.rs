//! The policies of the guides in `docs/guides/identity-providers`, with tokens of each provider's
//! shape. Only the origin of keys and secrets is replaced by one of the test.
//!
//! Each guide has a fixture of the same name in `identity_providers/`, with an entry per policy:
//!
//! - `algorithm`: that of the tokens (`RS256` by default), and `jwk`: more fields of the signing key
//! - `warnings`: the places of the policy's warnings
//! - `accepted`: tokens with `header` and `claims`, or `opaque` with the `response` of the
//!   introspection endpoint; the `request` with its `headers`, and the expected `context`. The token
//!   is in `Authorization`, or in the `cookie` with this name. Strings such as `now+600` are times.
//! - `refused`: changes to the first accepted token (`header`, `claims`, `opaque`, `response`,
//!   `without` these claims, another `request`, `headers` or `cookie`), with the `reason` and the
//!   `detail` in the log
//!
//! A changed signature, an expired token and an unknown issuer are tried with every policy.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use policy::{KeyHeader, Policy, UNREAD_SECRET};
use serde_json::{Map, Value, json};

use crate::provider::{Provider, Reply};
use crate::support::*;

/// A secret with the length that HS512 requires.
const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// The path of the introspection endpoint.
const INTROSPECT: &str = "/introspect";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the texts of the files in a folder, by name without extension.
fn files(folder: &Path, extension: &str) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_some_and(|found| found == extension) && name != "README" {
            files.insert(name, std::fs::read_to_string(&path).unwrap());
        }
    }
    files
}

/// Returns the policies in a guide: the JSON blocks with rules.
fn policies(guide: &str) -> Vec<Value> {
    let blocks = guide.split("```json\n").skip(1);
    blocks
        .map(|block| {
            let text = block.split("```").next().unwrap();
            serde_json::from_str::<Value>(text).unwrap_or_else(|error| panic!("{error}: {text}"))
        })
        .filter(|document| document.get("rules").is_some())
        .collect()
}

/// A policy of a guide with its fixture.
struct Case {
    name: String,
    policy: Value,
    fixture: Value,
}

fn cases() -> Vec<Case> {
    let guides = files(&repository().join("docs/guides/identity-providers"), "md");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tokens/identity_providers");
    let fixtures = files(&folder, "json");
    assert!(
        guides.keys().eq(fixtures.keys()),
        "{:?} {:?}",
        guides.keys(),
        fixtures.keys()
    );

    let mut cases = Vec::new();
    for (name, guide) in guides {
        let policies = policies(&guide);
        let fixture: Value = serde_json::from_str(&fixtures[&name])
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let fixtures = fixture["policies"].as_array().unwrap();
        assert_eq!(
            policies.len(),
            fixtures.len(),
            "{name}: one entry per policy"
        );
        for (number, (policy, fixture)) in policies.into_iter().zip(fixtures).enumerate() {
            cases.push(Case {
                name: format!("{name}, policy {}", number + 1),
                policy,
                fixture: fixture.clone(),
            });
        }
    }
    cases
}

/// A token, or a change to one.
#[derive(Clone)]
struct Attempt {
    header: Value,
    claims: Value,
    opaque: Option<String>,
    response: Value,
    request: String,
    cookie: Option<String>,
    headers: Value,
}

fn merge(target: &mut Value, changes: &Value) {
    if let (Some(target), Some(changes)) = (target.as_object_mut(), changes.as_object()) {
        for (name, value) in changes {
            target.insert(name.clone(), with_times(value));
        }
    }
}

/// Returns the value with times in place of strings such as `now-30`.
fn with_times(value: &Value) -> Value {
    match value {
        Value::String(text) => match text.strip_prefix("now") {
            Some("") => noon().as_second().into(),
            Some(offset) if offset.starts_with(['+', '-']) => offset.parse::<i64>().map_or_else(
                |_| value.clone(),
                |offset| (noon().as_second() + offset).into(),
            ),
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(with_times).collect(),
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (name.clone(), with_times(value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        _ => value.clone(),
    }
}

impl Attempt {
    fn new(fixture: &Value) -> Self {
        let mut attempt = Self {
            header: json!({}),
            claims: json!({}),
            opaque: None,
            response: json!({}),
            request: "GET /orders".to_owned(),
            cookie: None,
            headers: json!({}),
        };
        attempt.change(fixture);
        attempt
    }

    fn change(&mut self, changes: &Value) {
        merge(&mut self.header, &changes["header"]);
        merge(&mut self.claims, &changes["claims"]);
        merge(&mut self.response, &changes["response"]);
        for name in changes["without"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap();
            self.claims.as_object_mut().unwrap().remove(name);
            self.response.as_object_mut().unwrap().remove(name);
        }
        if let Some(token) = changes["opaque"].as_str() {
            self.opaque = Some(token.to_owned());
        }
        if let Some(cookie) = changes["cookie"].as_str() {
            self.cookie = Some(cookie.to_owned());
        }
        merge(&mut self.headers, &changes["headers"]);
        if let Some(request) = changes["request"].as_str() {
            request.clone_into(&mut self.request);
        }
    }
}

/// A policy with the keys of a test, and the server that it introspects tokens with.
struct Setup<'c> {
    case: &'c Case,
    signer: Signer,
    provider: Provider,
}

impl<'c> Setup<'c> {
    async fn new(case: &'c Case) -> Self {
        let signer = match case.fixture["algorithm"].as_str().unwrap_or("RS256") {
            "HS256" => Signer::with_secret("HS256", SECRET.as_bytes()),
            "HS384" => Signer::with_secret("HS384", SECRET.as_bytes()),
            "HS512" => Signer::with_secret("HS512", SECRET.as_bytes()),
            name => {
                let known = ALGORITHMS.into_iter().find(|known| *known == name);
                Signer::of(known.unwrap_or_else(|| panic!("{}: {name}", case.name)))
            }
        };
        Self {
            case,
            signer,
            provider: Provider::start().await,
        }
    }

    fn jwks(&self) -> Value {
        let mut jwk = self.signer.jwk();
        for (name, value) in self.case.fixture["jwk"].as_object().into_iter().flatten() {
            jwk[name] = value.clone();
        }
        json!({ "keys": [jwk] })
    }

    /// Returns the policy of the guide with other origins of keys and secrets.
    fn policy(&self) -> Value {
        let mut policy = self.case.policy.clone();
        let issuers = policy.get_mut("issuers").and_then(Value::as_array_mut);
        for issuer in issuers.into_iter().flatten() {
            let issuer = issuer.as_object_mut().unwrap();
            if issuer.contains_key("secret") {
                issuer.insert("secret".to_owned(), "env:PROVIDER_SECRET".into());
            } else {
                issuer.remove("jwks_uri");
                issuer.insert("jwks".to_owned(), self.jwks());
            }
        }
        let server = policy.get_mut("introspection");
        if let Some(server) = server.and_then(Value::as_object_mut) {
            server.insert("endpoint".to_owned(), self.provider.url(INTROSPECT).into());
            server.remove("insecure_http");
            for (field, variable) in [("client_secret", "SECRET"), ("client_key", "KEY")] {
                if let Some(reference) = server.get_mut(field) {
                    *reference = format!("env:PROVIDER_{variable}").into();
                }
            }
        }
        policy
    }

    fn authorizer(&self) -> TestAuthorizer {
        let plan = json!({"throttle": {"rate": 1000, "burst": 1000}});
        let store = json!({"plans": {"free": plan, "team": plan, "pro": plan}}).to_string();
        let key = repository().join("tests/vectors/keys/ES256.pem");
        let key = std::fs::read_to_string(key).unwrap();
        authorizer_with_environment(
            &self.policy(),
            &[
                ("EMBEDDED_STORE", &store),
                ("PROVIDER_SECRET", SECRET),
                ("PROVIDER_KEY", &key),
            ],
        )
    }

    fn token(&self, attempt: &Attempt) -> String {
        match &attempt.opaque {
            Some(token) => token.clone(),
            None => self
                .signer
                .raw(&attempt.header.to_string(), &attempt.claims.to_string()),
        }
    }

    /// Returns the context and the log line of a request with this token.
    async fn send(&self, attempt: &Attempt, token: &str) -> (Value, Value) {
        self.provider
            .reply(INTROSPECT, Reply::json(&attempt.response));
        let (method, path) = attempt.request.split_once(' ').unwrap();
        let mut event = event(path, attempt.headers.clone());
        match &attempt.cookie {
            Some(name) => event["cookies"] = json!([format!("{name}={token}")]),
            None => event["headers"]["authorization"] = format!("Bearer {token}").into(),
        }
        event["requestContext"]["http"]["method"] = method.into();

        let authorizer = self.authorizer();
        authorizer.at(noon()).load_policy().await.unwrap();
        let (response, line) = response_and_line(&authorizer, &event).await;
        let context = response.map_or(Value::Null, |mut response| response["context"].take());
        (context, line)
    }

    async fn assert_refused(&self, attempt: &Attempt, token: &str, expected: [&str; 2]) {
        let (_, line) = self.send(attempt, token).await;
        let found = [&line["reason"], &line["detail"]].map(|word| word.as_str().unwrap_or("-"));
        assert_eq!(found, expected, "{}: {}", self.case.name, attempt.claims);
    }
}

#[tokio::test]
async fn tokens_of_each_provider_pass_with_the_policy_of_its_guide() {
    for case in cases() {
        let setup = Setup::new(&case).await;
        for accepted in case.fixture["accepted"].as_array().unwrap() {
            let attempt = Attempt::new(accepted);
            let (context, line) = setup.send(&attempt, &setup.token(&attempt)).await;
            assert_eq!(context["reason"], "ok", "{}: {line}", case.name);
            for (field, expected) in accepted["context"].as_object().unwrap() {
                assert_eq!(&context[field], expected, "{}: {field}", case.name);
            }
        }
    }
}

#[tokio::test]
async fn other_tokens_of_each_provider_are_refused() {
    for case in cases() {
        let setup = Setup::new(&case).await;
        let accepted = Attempt::new(&case.fixture["accepted"][0]);

        let mut reasons = Vec::new();
        for refused in case.fixture["refused"].as_array().unwrap() {
            let mut attempt = accepted.clone();
            attempt.change(refused);
            let expected = ["reason", "detail"].map(|field| refused[field].as_str().unwrap());
            setup
                .assert_refused(&attempt, &setup.token(&attempt), expected)
                .await;
            reasons.push(expected.map(str::to_owned));
        }
        assert_refusals_are_complete(&case, &reasons);
    }
}

/// Checks that a fixture tries what its policy restricts.
fn assert_refusals_are_complete(case: &Case, reasons: &[[String; 2]]) {
    let has = |text: &str| reasons.iter().flatten().any(|word| word == text);
    let rules = case.policy["rules"].as_array().unwrap();
    let requires = |field: &str| rules.iter().any(|rule| rule.get(field).is_some());
    let mut entries: Vec<&Value> = case.policy["issuers"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    entries.extend(case.policy.get("introspection"));

    let checks_audience = entries.iter().any(|entry| entry["audiences"].is_array());
    assert!(
        !checks_audience || has("audience"),
        "{}: wrong audience",
        case.name
    );
    let has_tenants = entries.iter().any(|entry| entry.get("tenants").is_some());
    assert!(!has_tenants || has("tenant"), "{}: wrong tenant", case.name);
    assert!(
        !requires("roles") || has("missing_role"),
        "{}: wrong role",
        case.name
    );
    assert!(
        !requires("scopes") || has("insufficient_scope"),
        "{}: wrong scope",
        case.name
    );
    assert!(
        !requires("issuers") || has("issuer_not_accepted"),
        "{}: wrong issuer",
        case.name
    );
}

#[tokio::test]
async fn forged_and_expired_tokens_of_each_provider_are_refused() {
    for case in cases() {
        let setup = Setup::new(&case).await;
        let accepted = Attempt::new(&case.fixture["accepted"][0]);
        if accepted.opaque.is_some() {
            let mut inactive = accepted.clone();
            inactive.response = json!({"active": false});
            let token = setup.token(&inactive);
            setup
                .assert_refused(&inactive, &token, ["invalid_token", "inactive"])
                .await;
            continue;
        }

        let token = setup.token(&accepted);
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let other = if signature.starts_with('A') { "B" } else { "A" };
        let forged = format!("{signed}.{other}{}", &signature[1..]);
        setup
            .assert_refused(&accepted, &forged, ["invalid_signature", "signature"])
            .await;

        let mut expired = accepted.clone();
        expired.claims["exp"] = (noon().as_second() - 31).into();
        for name in ["iat", "nbf"] {
            if expired.claims.get(name).is_some() {
                expired.claims[name] = (noon().as_second() - 3_600).into();
            }
        }
        let token = setup.token(&expired);
        setup
            .assert_refused(&expired, &token, ["token_expired", "expired"])
            .await;

        let mut foreign = accepted.clone();
        foreign.claims["iss"] = "https://attacker.example".into();
        let token = setup.token(&foreign);
        setup
            .assert_refused(&foreign, &token, ["invalid_token", "issuer_unknown"])
            .await;
    }
}

#[test]
fn policies_of_the_guides_load_as_they_are_in_lambda() {
    for case in cases() {
        let text = case.policy.to_string();
        // Every variable is set, as in Lambda: what only works on a developer's machine is refused.
        let policy = Policy::parse_new(&text, &KeyHeader::default(), &|_| {
            Some(UNREAD_SECRET.to_owned())
        })
        .unwrap_or_else(|error| panic!("{}: {error}", case.name));

        let found: Vec<_> = policy
            .warnings()
            .iter()
            .map(|warning| &*warning.place)
            .collect();
        let expected: Vec<_> = case.fixture["warnings"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|place| place.as_str().unwrap())
            .collect();
        assert_eq!(found, expected, "{}: {:?}", case.name, policy.warnings());
    }
}
