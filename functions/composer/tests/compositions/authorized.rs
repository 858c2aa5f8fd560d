//! Requests that a real authorizer has decided, on the same store.

use std::sync::Arc;

use authorizer::{Authorizer, http_calls};
use aws::Reach;
use composer::{CallerContext, Composer};
use composition::Missing;
use jiff::{Timestamp, Zoned};
use limits::Caller;
use outcome::ContextField;
use registry::{KeyHash, KeyRecord};
use serde_json::{Value, json};
use store::Store;
use telemetry::RecordLog;
use testing::http_server::{HttpReply, HttpServer};
use testing::tokens::{Signer, claims, event, noon};

use crate::support::*;

const ISSUER: &str = "https://issuer.example";

fn policy(jwks: &Value) -> Value {
    json!({
        "issuers": [{"issuer": ISSUER, "name": "main", "audiences": ["https://api.example"], "jwks": jwks,
                     "plan_claim": "plan", "default_plan": "free"}],
        "rules": [{"match": "GET /admin", "auth": "any", "scopes": ["admin"]},
                  {"match": "ANY /{proxy+}", "auth": "any"}],
    })
}

fn seeds() -> Value {
    json!({
        "plans": {
            "free": {"quotas": [{"limit": 100, "period": "day"}]},
            "shared": {"quotas": [{"limit": 100, "period": "day"}], "shared_by_plan": true},
        },
        "keys": [
            {"key": "test-key-000000000000000001", "key_id": "plain", "plan": "free", "subject": "alice@example.com"},
            {"key": "test-key-000000000000000002", "key_id": "shared", "plan": "shared", "scopes": ["admin"]},
        ],
    })
}

/// An authorizer and a composer with one policy and one store.
struct Stack {
    authorizer: Authorizer,
    composer: Composer,
    store: Arc<Store>,
    service: HttpServer,
}

impl Stack {
    async fn start(signer: &Signer) -> Self {
        let policy = policy(&signer.jwks());
        let store = store(&seeds());
        let text = policy.to_string();
        let config = authorizer::Config::from_lookup(move |name| match name {
            "AUTH_POLICY" => Some(text.clone()),
            "EMBEDDED_STORE" => Some("{}".to_owned()),
            _ => None,
        });
        let calls = || http_calls(RecordLog::to(std::io::sink()), Reach::Local);
        let service = HttpServer::responding(|_| HttpReply::json(200, &json!({})));
        let route = json!({"cost": "parts", "parts": {
            "user": {"get": "/users/{user_id}"},
            "admin": {"get": "/admin"},
            "offers": {"get": "/offers", "charged": true}}});
        let document = document(&service.url(), "GET /bff/a", route);

        Self {
            authorizer: Authorizer::with_clock(config.unwrap(), store.clone(), calls, noon),
            composer: composer_with(&document, &policy, Some(store.clone())).await,
            store,
            service,
        }
    }

    /// Sends a request through both, and returns the missing parts.
    async fn send(&self, headers: Value) -> (CallerContext, Vec<(String, Missing)>) {
        let mut event = event("/bff/a", headers);
        event["requestContext"]["http"]["method"] = "GET".into();
        let event = serde_json::value::to_raw_value(&event).unwrap();
        let response = self.authorizer.handle(&event).await.unwrap();
        let response: Value = serde_json::from_str(response.get()).unwrap();
        assert_eq!(response["isAuthorized"], true);

        let fields = response["context"].as_object().unwrap().iter();
        let fields = fields.map(|(name, value)| {
            (
                ContextField::from_word(name).unwrap(),
                value.as_str().unwrap().to_owned(),
            )
        });
        let context = CallerContext::new(fields);
        let mut request = get("/bff/a");
        request.context = Some(context.clone());
        (context, missing(&self.composer.compose(&request).await))
    }

    async fn used(&self, caller: &Caller, plan: &str) -> u64 {
        let deadline = self.store.deadline();
        let plan = self.store.plan(plan, deadline).await.unwrap().unwrap();
        let today = Zoned::now().date();
        let report = self
            .store
            .usage(caller, None, Some(&plan), today, today, deadline)
            .await;
        report.unwrap().quotas[0].used
    }
}

/// The calls of one request: one by the authorizer, one for the second of two parts, one for `offers`.
const CALLS: u64 = 3;

fn forbidden_admin() -> Vec<(String, Missing)> {
    vec![("admin".to_owned(), Missing::Forbidden)]
}

#[tokio::test]
async fn key_is_charged_by_both_for_the_same_usage() {
    let stack = Stack::start(&Signer::of("ES256")).await;
    let (_, missing) = stack
        .send(json!({"x-api-key": "test-key-000000000000000001"}))
        .await;

    assert_eq!(missing, forbidden_admin());
    assert_eq!(
        stack.used(&Caller::Key("plain".to_owned()), "free").await,
        CALLS
    );
    let targets: Vec<_> = stack
        .service
        .requests()
        .into_iter()
        .map(|sent| sent.target)
        .collect();
    assert!(
        targets.contains(&"/users/alice%40example.com".to_owned()),
        "{targets:?}"
    );
}

#[tokio::test]
async fn token_is_charged_by_both_for_the_same_usage() {
    let signer = Signer::of("ES256");
    let stack = Stack::start(&signer).await;
    let mut claims = claims();
    claims["plan"] = "free".into();
    claims["sub"] = "auth0|J\u{fc}rgen %".into();
    claims["scope"] = "orders:read admin".into();
    let token = format!("Bearer {}", signer.token(&claims));
    let (_, missing) = stack.send(json!({"authorization": token})).await;

    // A `%` in a path may be decoded twice.
    assert_eq!(missing, [("user".to_owned(), Missing::InvalidValue)]);
    let caller = Caller::from_subject(ISSUER, "auth0|J\u{fc}rgen %");
    assert_eq!(stack.used(&caller, "free").await, CALLS);
}

#[tokio::test]
async fn callers_of_a_shared_plan_are_charged_together() {
    let signer = Signer::of("ES256");
    let stack = Stack::start(&signer).await;
    let (context, missing) = stack
        .send(json!({"x-api-key": "test-key-000000000000000002"}))
        .await;
    assert_eq!(context.get(ContextField::Caller), Some("plan#shared"));
    // The key has no subject, and the scope that the part needs.
    assert_eq!(missing, [("user".to_owned(), Missing::InvalidValue)]);

    let mut claims = claims();
    claims["plan"] = "shared".into();
    let token = format!("Bearer {}", signer.token(&claims));
    let (context, missing) = stack.send(json!({"authorization": token})).await;
    assert_eq!(context.get(ContextField::Caller), Some("plan#shared"));
    assert_eq!(missing, forbidden_admin());

    let plan = Caller::Plan("shared".into());
    assert_eq!(stack.used(&plan, "shared").await, 2 * CALLS);
}

#[tokio::test]
async fn key_of_a_group_is_charged_to_the_group() {
    let stack = Stack::start(&Signer::of("ES256")).await;
    let secret = "test-key-000000000000000003";
    let record: KeyRecord = serde_json::from_value(
        json!({"key_id": "grouped", "plan": "free", "enabled": true, "group": "acme"}),
    )
    .unwrap();
    let hash = KeyHash::of(secret).unwrap();
    let admin = stack.store.admin();
    admin
        .create_key(&hash, &record, &(), Timestamp::now())
        .await
        .unwrap();

    let (context, _) = stack.send(json!({"x-api-key": secret})).await;
    assert_eq!(context.get(ContextField::Caller), Some("group#acme"));
    // The key has no subject, so that `user` is not called either.
    assert_eq!(
        stack.used(&Caller::Group("acme".into()), "free").await,
        CALLS - 1
    );
    assert_eq!(
        stack.used(&Caller::Key("grouped".to_owned()), "free").await,
        0
    );
}
