//! A policy in the registry (`AUTH_POLICY=table:NAME`). The clock is set by the tests.

use std::sync::Arc;

use authorizer::{Config, http_calls};
use aws::Reach;
use registry::Seeds;
use serde_json::{Value, json};
use store::{EmbeddedStore, Store};
use telemetry::RecordLog;

use crate::provider::{Provider, Reply};
use crate::support::*;

const NAME: &str = "edge";

/// An authorizer that loaded this policy from its registry at noon.
async fn loaded_authorizer(policy: &str) -> (Arc<Store>, TestAuthorizer) {
    let (store, authorizer) = unloaded_authorizer(Some(policy));
    authorizer.at(noon()).load_policy().await.unwrap();
    (store, authorizer)
}

fn unloaded_authorizer(policy: Option<&str>) -> (Arc<Store>, TestAuthorizer) {
    let seeds = r#"{"plans":{"free":{"throttle":{"rate":1000,"burst":1000}}}}"#;
    let store = Arc::new(Store::Embedded(
        EmbeddedStore::new(&Seeds::parse(seeds).unwrap()).unwrap(),
    ));
    if let Some(policy) = policy {
        put(&store, policy);
    }
    let config = Config::from_lookup(|name| match name {
        "AUTH_POLICY" => Some(format!("table:{NAME}")),
        "EMBEDDED_STORE" => Some(r#"{"plans":{}}"#.to_owned()),
        _ => None,
    });
    let records = || http_calls(RecordLog::to(std::io::sink()), Reach::Local);
    (
        Arc::clone(&store),
        TestAuthorizer::new(config.unwrap(), store, records),
    )
}

fn put(store: &Store, policy: &str) {
    let Store::Embedded(store) = store else {
        panic!("these stores are embedded")
    };
    store.registry().put_policy(NAME, policy).unwrap();
}

fn rules(auth: &str) -> String {
    json!({"rules": [{"match": "ANY /{proxy+}", "auth": auth}]}).to_string()
}

fn anyone() -> Value {
    event("/orders", json!({}))
}

/// Returns the reason once a background reload has changed it from `before`.
async fn reason_after(
    authorizer: &TestAuthorizer,
    event: &Value,
    seconds: i64,
    before: &str,
) -> String {
    for _ in 0..1_000 {
        let reason = reason_at(authorizer, event.clone(), after(seconds)).await;
        if reason != before {
            return reason;
        }
        tokio::task::yield_now().await;
    }
    before.to_owned()
}

#[tokio::test]
async fn policy_of_the_registry_is_used() {
    let (_, public) = loaded_authorizer(&rules("none")).await;
    assert_eq!(reason_of(&public, anyone()).await, "ok");
    let (_, guarded) = loaded_authorizer(&rules("api_key")).await;
    assert_eq!(reason_of(&guarded, anyone()).await, "401");
}

#[tokio::test]
async fn changed_policy_is_active_after_five_minutes() {
    let (store, authorizer) = loaded_authorizer(&rules("none")).await;
    put(&store, &rules("api_key"));
    assert_eq!(reason_at(&authorizer, anyone(), after(299)).await, "ok");
    assert_eq!(
        reason_at(&authorizer, anyone(), after(300)).await,
        "ok",
        "the old one serves while it is renewed"
    );
    assert_eq!(reason_after(&authorizer, &anyone(), 301, "ok").await, "401");
}

#[tokio::test]
async fn old_policy_is_reloaded_before_it_decides() {
    let (store, authorizer) = loaded_authorizer(&rules("none")).await;
    put(&store, &rules("api_key"));
    assert_eq!(reason_at(&authorizer, anyone(), after(900)).await, "401");
}

#[tokio::test]
async fn invalid_policy_keeps_the_previous_one_active() {
    let (store, authorizer) = loaded_authorizer(&rules("api_key")).await;
    for broken in [
        "",
        "{",
        "[]",
        r#"{"rules":[{"match":"GET /","auth":"anyone"}]}"#,
    ] {
        put(&store, broken);
        assert_eq!(
            reason_at(&authorizer, anyone(), after(1_000)).await,
            "401",
            "{broken}"
        );
    }
    put(&store, &rules("none"));
    assert_eq!(
        reason_at(&authorizer, anyone(), after(1_010)).await,
        "401",
        "a failed reading is not repeated at once"
    );
    assert_eq!(reason_at(&authorizer, anyone(), after(1_030)).await, "ok");
}

/// The gateway removes only one header of API keys. The backend would receive keys in another one.
#[tokio::test]
async fn policy_with_another_key_header_keeps_the_previous_one_active() {
    let with_header = |header: &str, auth: &str| {
        json!({"api_keys": {"header": header}, "rules": [{"match": "ANY /{proxy+}", "auth": auth}]})
            .to_string()
    };
    let (store, authorizer) = loaded_authorizer(&with_header("x-api-key", "api_key")).await;
    put(&store, &with_header("x-my-key", "none"));
    assert_eq!(reason_at(&authorizer, anyone(), after(1_000)).await, "401");
    assert_eq!(
        authorizer.at(noon()).key_header().as_deref(),
        Some("x-api-key")
    );
    put(&store, &with_header("X-API-KEY", "none"));
    assert_eq!(reason_at(&authorizer, anyone(), after(1_030)).await, "ok");
    let (_, at_startup) = unloaded_authorizer(Some(&with_header("x-my-key", "none")));
    let error = at_startup
        .at(noon())
        .load_policy()
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(
            "`edge`: api_keys.header: unexpected header `x-my-key`, expected `x-api-key`"
        ),
        "{error}"
    );
}

#[tokio::test]
async fn requests_fail_before_the_policy_is_loaded() {
    let (_, authorizer) = unloaded_authorizer(None);
    let missing = authorizer
        .at(noon())
        .load_policy()
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(missing, "AUTH_POLICY: the registry has no policy `edge`");
    assert_eq!(
        reason_of(&authorizer, anyone()).await,
        "no policy is loaded yet"
    );
}

#[tokio::test]
async fn contradictory_policy_aborts_startup() {
    let (_, authorizer) =
        unloaded_authorizer(Some(r#"{"rules":[{"match":"GET /a","auth":"jwt"}]}"#));
    let error = authorizer
        .at(noon())
        .load_policy()
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("AUTH_POLICY: the registry's policy `edge`: rules[0]: `auth: jwt` needs"),
        "{error}"
    );
}

#[tokio::test]
async fn signing_keys_are_kept_when_the_policy_changes() {
    let signer = Signer::fresh("1");
    let provider = Provider::start().await;
    provider.reply("/jwks", Reply::json(&signer.jwks()));
    let trusting = |cost: u64| {
        json!({"issuers": [{"issuer": ISSUER, "audiences": [AUDIENCE], "default_plan": "free", "jwks_uri": provider.url("/jwks")}],
               "rules": [{"match": "ANY /{proxy+}", "auth": "jwt", "cost": cost}]})
        .to_string()
    };
    let (store, authorizer) = loaded_authorizer(&trusting(1)).await;
    authorizer.at(after(500)).preload().await;
    provider.reply("/jwks", Reply::status("500 Internal Server Error"));
    put(&store, &trusting(2));
    assert_eq!(
        reason_at(&authorizer, bearer_event(&signer.with(|_| ())), after(900)).await,
        "ok"
    );
    assert_eq!(provider.requests("/jwks"), 1);
}

/// For an earlier release, `*` was literal text.
#[tokio::test]
async fn wildcard_in_a_stored_policy_is_literal() {
    let policy = json!({"rules": [
        {"match": "ANY /admin/*", "auth": "api_key"}, {"match": "ANY /{proxy+}", "auth": "none"}
    ]});
    let (store, authorizer) = loaded_authorizer(&policy.to_string()).await;
    assert_eq!(
        reason_of(&authorizer, event("/admin/users", json!({}))).await,
        "ok"
    );
    assert_eq!(
        reason_of(&authorizer, event("/admin/*", json!({}))).await,
        "401"
    );
    put(&store, &rules("api_key"));
    assert_eq!(reason_after(&authorizer, &anyone(), 300, "ok").await, "401");
}
