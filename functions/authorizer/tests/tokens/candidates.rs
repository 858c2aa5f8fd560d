//! Candidates of policies in the registry. They are compared with the policy in force, and never
//! affect a response.

use std::sync::Arc;

use authorizer::{Config, http_calls, log_to};
use aws::Reach;
use registry::{Block, BlockTarget, Condition, Seeds};
use serde_json::{Value, json};
use store::{EmbeddedStore, Store};
use telemetry::RecordLog;
use testing::LogBuffer;

use crate::provider::{Provider, Reply};
use crate::support::*;

const NAME: &str = "edge";
const KEY: &str = "a-key-of-a-test-000000001";
const SEEDS: &str = r#"{"plans": {"free": {"throttle": {"rate": 1000, "burst": 1000}}},
    "keys": [{"key": "a-key-of-a-test-000000001", "key_id": "k1", "plan": "free", "scopes": ["orders:read"]}]}"#;

/// An authorizer with a policy and a candidate.
struct Trial {
    store: Arc<Store>,
    authorizer: TestAuthorizer,
}

impl Trial {
    async fn start(policy: &Value, candidate: &Value) -> Self {
        Self::start_in(policy, candidate, &[]).await
    }

    /// Like [`Self::start`], with these environment variables.
    async fn start_in(policy: &Value, candidate: &Value, environment: &[(&str, &str)]) -> Self {
        let environment: Vec<_> = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let store = EmbeddedStore::new(&Seeds::parse(SEEDS).unwrap()).unwrap();
        let store = Arc::new(Store::Embedded(store));
        put_policy(&store, policy).await;
        put_candidate(&store, candidate).await;

        let config = Config::from_lookup(move |name| match name {
            "AUTH_POLICY" => Some(format!("table:{NAME}")),
            "EMBEDDED_STORE" => Some(r#"{"plans":{}}"#.to_owned()),
            name => {
                let mut variables = environment.iter();
                variables
                    .find(|(known, _)| known == name)
                    .map(|(_, value)| value.clone())
            }
        });
        let calls = || http_calls(RecordLog::to(std::io::sink()), Reach::Local);
        let authorizer = TestAuthorizer::new(config.unwrap(), Arc::clone(&store), calls);
        authorizer.at(noon()).load_policy().await.unwrap();
        Self { store, authorizer }
    }

    /// Returns the reason of the decision on a request, and the lines about the candidate.
    async fn send(&self, event: &Value, seconds: i64) -> (String, Vec<Value>) {
        let log = LogBuffer::default();
        let writer = log.clone();
        let _guard = tracing::subscriber::set_default(log_to(None, move || writer.clone()));

        let reason = reason_at(&self.authorizer, event.clone(), after(seconds)).await;
        self.authorizer
            .at(after(seconds))
            .finish(self.store.deadline())
            .await;
        (reason, candidate_lines(&log))
    }
}

fn candidate_lines(log: &LogBuffer) -> Vec<Value> {
    let is_about_candidate = |line: &Value| {
        let message = line["message"].as_str().unwrap_or_default();
        message.starts_with("candidate decision")
    };
    log.json_lines()
        .into_iter()
        .filter(is_about_candidate)
        .collect()
}

async fn put_policy(store: &Store, policy: &Value) {
    let (admin, text) = (store.admin(), policy.to_string());
    let put = admin.put_policy(NAME, &text, &Condition::None);
    put.await.unwrap();
}

async fn put_candidate(store: &Store, candidate: &Value) {
    let (admin, text) = (store.admin(), candidate.to_string());
    let put = admin.put_candidate(NAME, &text, &Condition::None);
    put.await.unwrap();
}

fn rules(rule: Value) -> Value {
    let mut rule = rule;
    rule["match"] = "ANY /{proxy+}".into();
    json!({ "rules": [rule] })
}

fn key_event() -> Value {
    event("/orders", json!({"x-api-key": KEY}))
}

/// Asserts the fields of the only difference on a request that the policy allows.
async fn assert_differs(policy: &Value, candidate: &Value, event: &Value, expected: Value) {
    let trial = Trial::start(policy, candidate).await;
    let (reason, lines) = trial.send(event, 0).await;
    assert_eq!(reason, "ok", "{candidate}");

    let line = &lines[0];
    assert_eq!(line["message"], "candidate decision differs", "{candidate}");
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&line[field], value, "{field} of {line}");
    }
    assert_eq!(
        counts(&lines),
        json!({"evaluated": 1, "differs": 1, "unknown": 0, "unlogged": 0})
    );
}

/// Asserts that a request has these counts and no difference in the log.
async fn assert_counts(policy: &Value, candidate: &Value, event: &Value, expected: [u64; 3]) {
    let trial = Trial::start(policy, candidate).await;
    let (_, lines) = trial.send(event, 0).await;
    let [evaluated, differs, unknown] = expected;
    assert_eq!(
        counts(&lines),
        json!({"evaluated": evaluated, "differs": differs, "unknown": unknown, "unlogged": 0}),
        "{candidate}"
    );
}

fn counts(lines: &[Value]) -> Value {
    let line = lines.last().cloned().unwrap_or_default();
    assert_eq!(line["message"], "candidate decisions counted", "{lines:?}");
    assert_eq!(
        line["event"], "candidate_decisions",
        "the publisher reads it"
    );
    let count = |name: &str| (name.to_owned(), line[name].clone());
    Value::Object(
        ["evaluated", "differs", "unknown", "unlogged"]
            .map(count)
            .into_iter()
            .collect(),
    )
}

#[tokio::test]
async fn rules_that_decide_otherwise_are_logged() {
    let policy = rules(json!({"auth": "api_key"}));
    for (candidate, expected) in [
        (
            rules(json!({"auth": "api_key", "scopes": ["admin"]})),
            json!({"differences": "outcome, reason", "outcome": "allowed", "reason": "ok", "plan": "free",
                   "cost": 1, "candidate_outcome": "forbidden", "candidate_reason": "insufficient_scope"}),
        ),
        (
            rules(json!({"auth": "api_key", "cost": 5})),
            json!({"differences": "cost", "cost": 1, "candidate_cost": 5}),
        ),
        (
            rules(json!({"auth": "mtls"})),
            json!({"differences": "outcome, reason", "candidate_outcome": "unauthorized",
                   "candidate_reason": "missing_credentials"}),
        ),
        (
            rules(json!({"auth": "none"})),
            json!({"differences": "plan, cost, caller", "plan": "free", "candidate_outcome": "allowed"}),
        ),
        (
            json!({"rules": [{"match": "ANY /orders", "auth": "api_key"}]}),
            json!({"differences": "rule", "rule": "ANY /{proxy+}", "candidate_rule": "ANY /orders"}),
        ),
        (
            json!({"rules": [{"match": "ANY /users", "auth": "api_key"}]}),
            json!({"differences": "outcome, reason, rule", "candidate_reason": "no_rule"}),
        ),
    ] {
        let mut candidate = candidate;
        candidate["mtls"] = json!({"default_plan": "free"});
        assert_differs(&policy, &candidate, &key_event(), expected).await;
    }
}

#[tokio::test]
async fn claims_of_the_verified_token_are_mapped_again() {
    let signer = Signer::of("ES256");
    let mut policy = policy(&signer.jwks());
    policy["issuers"][0]
        .as_object_mut()
        .unwrap()
        .remove("plan_claim");
    let token = signer.with(|claims| {
        claims["tier"] = "gold".into();
        claims["groups"] = json!(["staff"]);
    });
    let change = |field: &str, value: Value| {
        let mut candidate = policy.clone();
        candidate["issuers"][0][field] = value;
        candidate
    };
    let with_rule = |mut candidate: Value, rule: Value| {
        candidate["rules"] = rules(rule)["rules"].take();
        candidate
    };

    let mut gold = change("plan_claim", "tier".into());
    gold["issuers"][0]["plans"] = json!({"gold": "pro"});
    let staff = with_rule(
        change("roles_claim", "groups".into()),
        json!({"auth": "any", "roles": ["staff"]}),
    );
    let admins = with_rule(policy.clone(), json!({"auth": "any", "roles": ["admin"]}));
    for (candidate, expected) in [
        (
            gold,
            json!({"differences": "plan", "plan": "free", "candidate_plan": "pro"}),
        ),
        (staff, json!({"differences": "identity"})),
        (
            admins,
            json!({"differences": "outcome, reason", "candidate_reason": "missing_role"}),
        ),
        (
            change("scopes_claim", "groups".into()),
            json!({"differences": "identity"}),
        ),
        (
            change("audiences", json!(["https://other.example"])),
            json!({"differences": "outcome, reason", "candidate_outcome": "unauthorized",
                   "candidate_reason": "invalid_claims"}),
        ),
        (
            change("required_claims", json!({"tier": "silver"})),
            json!({"candidate_reason": "invalid_claims"}),
        ),
        (
            change("user_claim", "tier".into()),
            json!({"differences": "caller, identity"}),
        ),
    ] {
        assert_differs(&policy, &candidate, &bearer_event(&token), expected).await;
    }
}

#[tokio::test]
async fn decision_is_unknown_if_it_needs_another_verification() {
    let signer = Signer::of("ES256");
    let policy = policy(&signer.jwks());
    let change = |change: &dyn Fn(&mut Value)| {
        let mut candidate = policy.clone();
        change(&mut candidate);
        candidate
    };
    let token = bearer_event(&signer.with(|_| ()));
    let other_keys = change(&|policy| policy["issuers"][0]["jwks"] = Signer::fresh("other").jwks());
    assert_counts(&policy, &other_keys, &token, [1, 0, 1]).await;

    // Nothing is verified for a public path, but the absence of a credential is a fact.
    let public = rules(json!({"auth": "none"}));
    let guarded = rules(json!({"auth": "api_key"}));
    assert_counts(&public, &guarded, &key_event(), [1, 0, 1]).await;
    assert_counts(&public, &guarded, &event("/orders", json!({})), [1, 1, 0]).await;

    let forged = bearer_event(&format!("{}x", Signer::fresh("forged").with(|_| ())));
    assert_counts(&policy, &policy, &forged, [1, 0, 0]).await;
    assert_counts(&policy, &other_keys, &forged, [1, 0, 1]).await;
}

#[tokio::test]
async fn same_decisions_are_only_counted() {
    let signer = Signer::of("ES256");
    let policy = policy(&signer.jwks());
    for sent in [
        bearer_event(&signer.with(|_| ())),
        key_event(),
        event("/orders", json!({})),
        event(
            "/orders",
            json!({"x-api-key": "an-unknown-key-of-a-test-1"}),
        ),
        event("/orders", json!({"authorization": "Basic YTpi"})),
        event("/jwt/x", json!({"x-api-key": KEY})),
    ] {
        let trial = Trial::start(&policy, &policy).await;
        let (_, lines) = trial.send(&sent, 0).await;
        assert_eq!(lines.len(), 1, "{sent}: {lines:?}");
        assert_eq!(
            counts(&lines),
            json!({"evaluated": 1, "differs": 0, "unknown": 0, "unlogged": 0}),
            "{sent}"
        );
    }
}

/// The candidate shares the keys of the policy, and never fetches others.
#[tokio::test]
async fn candidate_sends_no_request() {
    let signer = Signer::fresh("1");
    let (provider, other) = (Provider::start().await, Provider::start().await);
    for provider in [&provider, &other] {
        provider.reply("/jwks", Reply::json(&signer.jwks()));
    }
    let trusting = |address: String, scope: &str| {
        json!({"issuers": [{"issuer": ISSUER, "audiences": [AUDIENCE], "default_plan": "free", "jwks_uri": address}],
               "rules": [{"match": "ANY /{proxy+}", "auth": "jwt", "scopes": [scope]}]})
    };
    let policy = trusting(provider.url("/jwks"), "orders:read");
    let token = bearer_event(&signer.with(|_| ()));

    let same_keys = trusting(provider.url("/jwks"), "orders:write");
    let trial = Trial::start(&policy, &same_keys).await;
    for _ in 0..3 {
        let (reason, lines) = trial.send(&token, 0).await;
        assert_eq!(reason, "ok");
        assert_eq!(lines[0]["candidate_reason"], "insufficient_scope");
    }
    assert_eq!(provider.requests("/jwks"), 1);

    let other_keys = trusting(other.url("/jwks"), "orders:write");
    assert_counts(&policy, &other_keys, &token, [1, 0, 1]).await;
    assert_eq!(other.requests("/jwks"), 0);
}

#[tokio::test]
async fn candidate_is_reloaded_with_the_policy() {
    let policy = rules(json!({"auth": "api_key"}));
    let trial = Trial::start(&policy, &policy).await;
    let forbidding = rules(json!({"auth": "api_key", "scopes": ["admin"]}));
    put_candidate(&trial.store, &forbidding).await;
    assert_eq!(trial.send(&key_event(), 299).await.1.len(), 1);

    let (reason, lines) = trial.send(&key_event(), 900).await;
    assert_eq!((reason.as_str(), lines.len()), ("ok", 2));
    let admin = trial.store.admin();
    admin
        .delete_candidate(NAME, &Condition::None)
        .await
        .unwrap();
    let (reason, lines) = trial.send(&key_event(), 1_800).await;
    assert_eq!((reason.as_str(), lines.len()), ("ok", 0), "{lines:?}");

    put_candidate(&trial.store, &forbidding).await;
    admin
        .promote_candidate(NAME, &Condition::None)
        .await
        .unwrap();
    let (reason, lines) = trial.send(&key_event(), 2_700).await;
    assert_eq!((&*reason, lines.len()), ("insufficient_scope", 0));
}

#[tokio::test]
async fn invalid_candidate_affects_nothing() {
    let policy = rules(json!({"auth": "api_key"}));
    let log = LogBuffer::default();
    let writer = log.clone();
    let guard = tracing::subscriber::set_default(log_to(None, move || writer.clone()));
    let trial = Trial::start(&policy, &rules(json!({"auth": "anyone"}))).await;
    drop(guard);

    let warned = log.json_lines();
    let expected = "the candidate is invalid and is not evaluated";
    assert!(
        warned
            .iter()
            .any(|line| line["message"] == expected && line["level"] == "WARN"),
        "{warned:?}"
    );
    let (reason, lines) = trial.send(&key_event(), 0).await;
    assert_eq!((reason.as_str(), lines.len()), ("ok", 0));
}

#[tokio::test]
async fn differences_are_logged_at_a_limited_rate() {
    let policy = rules(json!({"auth": "api_key"}));
    let trial = Trial::start(&policy, &rules(json!({"auth": "api_key", "cost": 2}))).await;
    let log = LogBuffer::default();
    let writer = log.clone();
    let _guard = tracing::subscriber::set_default(log_to(None, move || writer.clone()));

    for seconds in 0..50 {
        reason_at(&trial.authorizer, key_event(), after(seconds)).await;
    }
    let lines = candidate_lines(&log);
    assert_eq!(
        lines.len(),
        20,
        "one line for each of the first differences"
    );

    reason_at(&trial.authorizer, key_event(), after(60)).await;
    let lines = candidate_lines(&log);
    assert_eq!(
        counts(&lines[..21]),
        json!({"evaluated": 50, "differs": 50, "unknown": 0, "unlogged": 30})
    );
    assert_eq!(lines[21]["message"], "candidate decision differs");
}

#[tokio::test]
async fn lines_about_a_candidate_contain_no_credential_or_claim() {
    let signer = Signer::of("ES256");
    let mut policy = policy(&signer.jwks());
    policy["issuers"][0]["plan_claim"] = "plan".into();
    let mut candidate = policy.clone();
    candidate["issuers"][0]["plan_claim"] = "tier".into();
    candidate["issuers"][0]["user_claim"] = "email".into();
    candidate["issuers"][0]["trust_email"] = true.into();
    let token = signer.with(|claims| {
        claims["plan"] = "free".into();
        claims["tier"] = "MARKplan".into();
        claims["email"] = "MARKemail@example.com".into();
        claims["sub"] = "MARKsubject".into();
    });

    let trial = Trial::start(&policy, &candidate).await;
    let (_, lines) = trial.send(&bearer_event(&token), 0).await;
    assert_eq!(lines[0]["differences"], "plan, caller, identity");
    let text = Value::from(lines).to_string();
    assert!(!text.contains("MARK") && !text.contains(&token), "{text}");
}

#[tokio::test]
async fn blocked_caller_is_refused_whatever_the_candidate_decides() {
    let policy = rules(json!({"auth": "api_key", "scopes": ["admin"]}));
    let candidate = rules(json!({"auth": "api_key"}));
    let trial = Trial::start(&policy, &candidate).await;
    let (reason, lines) = trial.send(&key_event(), 0).await;
    assert_eq!(reason, "insufficient_scope");
    assert_eq!(lines[0]["candidate_reason"], "ok");

    let block = Block {
        target: BlockTarget::Key("k1".to_owned()),
        until: None,
        note: None,
        created_at: noon(),
    };
    let admin = trial.store.admin();
    let put = admin.put_block(&block, &Condition::None, noon());
    put.await.unwrap();

    // A block does not depend on the policy, so there is nothing to compare.
    let (reason, lines) = trial.send(&key_event(), 0).await;
    assert_eq!((reason.as_str(), lines.len()), ("blocked", 0), "{lines:?}");
}

const FRONT_SECRET: &str = "0123456789abcdef0123456789abcdef";

fn with_front(policy: &Value, secret: &str) -> Value {
    let mut policy = policy.clone();
    policy["front"] = json!({"secret": secret, "client_ip": "cloudfront-viewer-address"});
    policy
}

fn from_front() -> Value {
    let mut event = key_event();
    event["headers"]["x-origin-verify"] = FRONT_SECRET.into();
    event["headers"]["cloudfront-viewer-address"] = "198.51.100.7:46532".into();
    event
}

#[tokio::test]
async fn front_of_the_candidate_shows_which_requests_bypass_it() {
    let policy = rules(json!({"auth": "any"}));
    let candidate = with_front(&policy, "env:FRONT");
    let trial = Trial::start_in(&policy, &candidate, &[("FRONT", FRONT_SECRET)]).await;

    let (reason, lines) = trial.send(&key_event(), 0).await;
    assert_eq!(reason, "ok");
    assert_eq!(lines[0]["differences"], "outcome, reason, rule");
    assert_eq!(lines[0]["candidate_reason"], "not_from_front");

    let (reason, lines) = trial.send(&from_front(), 0).await;
    assert_eq!(reason, "ok");
    assert_eq!(
        counts(&lines),
        json!({"evaluated": 1, "differs": 0, "unknown": 0, "unlogged": 0})
    );
}

#[tokio::test]
async fn secret_of_the_candidates_front_is_read_in_the_background() {
    let aws = Provider::start().await;
    aws.reply("/", parameter(FRONT_SECRET));
    let url = aws.url("");
    let environment = aws_environment(&url);
    let policy = rules(json!({"auth": "any"}));
    let candidate = with_front(&policy, "ssm:/front/secret");
    let trial = Trial::start_in(&policy, &candidate, &environment).await;
    assert_eq!(aws.requests("/"), 0);

    let mut known = Value::Null;
    for _ in 0..200 {
        let (reason, lines) = trial.send(&from_front(), 0).await;
        assert_eq!(reason, "ok");
        known = counts(&lines);
        if known["unknown"] == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(
        known,
        json!({"evaluated": 1, "differs": 0, "unknown": 0, "unlogged": 0})
    );
    assert_eq!(aws.requests("/"), 1);
}

#[tokio::test]
async fn candidate_without_the_front_knows_no_credentials_of_a_request_that_bypasses_it() {
    let candidate = rules(json!({"auth": "any"}));
    let policy = with_front(&candidate, "env:FRONT");
    let trial = Trial::start_in(&policy, &candidate, &[("FRONT", FRONT_SECRET)]).await;
    let (reason, lines) = trial.send(&key_event(), 0).await;
    assert_eq!(reason, "not_from_front");
    assert_eq!(
        counts(&lines),
        json!({"evaluated": 1, "differs": 0, "unknown": 1, "unlogged": 0})
    );
}
