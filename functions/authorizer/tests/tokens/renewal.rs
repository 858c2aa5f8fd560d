//! A policy in the registry: `AUTH_POLICY=table:NAME`. Time is passed in; nothing waits for it.

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

/// An authorizer that has read this policy from its registry at noon.
async fn reading(policy: &str) -> (Arc<Store>, TestAuthorizer) {
    let (store, authorizer) = before_reading(Some(policy));
    authorizer.at(noon()).load_policy().await.unwrap();
    (store, authorizer)
}

fn before_reading(policy: Option<&str>) -> (Arc<Store>, TestAuthorizer) {
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

/// What is said once a reading behind the requests has come to something else than `before`.
async fn said_after(
    authorizer: &TestAuthorizer,
    event: &Value,
    seconds: i64,
    before: &str,
) -> String {
    for _ in 0..1_000 {
        let said = said_at(authorizer, event.clone(), after(seconds)).await;
        if said != before {
            return said;
        }
        tokio::task::yield_now().await;
    }
    before.to_owned()
}

#[tokio::test]
async fn the_registrys_policy_decides() {
    let (_, public) = reading(&rules("none")).await;
    assert_eq!(said(&public, anyone()).await, "ok");
    let (_, guarded) = reading(&rules("api_key")).await;
    assert_eq!(said(&guarded, anyone()).await, "401");
}

#[tokio::test]
async fn another_policy_is_in_force_after_five_minutes_and_not_before() {
    let (store, authorizer) = reading(&rules("none")).await;
    put(&store, &rules("api_key"));
    assert_eq!(said_at(&authorizer, anyone(), after(299)).await, "ok");
    assert_eq!(
        said_at(&authorizer, anyone(), after(300)).await,
        "ok",
        "the old one serves while it is renewed"
    );
    assert_eq!(said_after(&authorizer, &anyone(), 301, "ok").await, "401");
}

#[tokio::test]
async fn a_policy_that_nobody_asked_for_long_is_read_before_it_decides() {
    let (store, authorizer) = reading(&rules("none")).await;
    put(&store, &rules("api_key"));
    assert_eq!(said_at(&authorizer, anyone(), after(900)).await, "401");
}

#[tokio::test]
async fn a_broken_policy_leaves_the_last_good_one_in_force() {
    let (store, authorizer) = reading(&rules("api_key")).await;
    for broken in [
        "",
        "{",
        "[]",
        r#"{"rules":[{"match":"GET /","auth":"anyone"}]}"#,
    ] {
        put(&store, broken);
        assert_eq!(
            said_at(&authorizer, anyone(), after(1_000)).await,
            "401",
            "{broken}"
        );
    }
    put(&store, &rules("none"));
    assert_eq!(
        said_at(&authorizer, anyone(), after(1_010)).await,
        "401",
        "a failed reading is not repeated at once"
    );
    assert_eq!(said_at(&authorizer, anyone(), after(1_030)).await, "ok");
}

/// The gateway removes one header of API keys. With another one, the backend would receive the
/// keys.
#[tokio::test]
async fn a_policy_that_names_another_key_header_leaves_the_last_good_one_active() {
    let with_header = |header: &str, auth: &str| {
        json!({"api_keys": {"header": header}, "rules": [{"match": "ANY /{proxy+}", "auth": auth}]})
            .to_string()
    };
    let (store, authorizer) = reading(&with_header("x-api-key", "api_key")).await;
    put(&store, &with_header("x-my-key", "none"));
    assert_eq!(said_at(&authorizer, anyone(), after(1_000)).await, "401");
    assert_eq!(
        authorizer.at(noon()).key_header().as_deref(),
        Some("x-api-key")
    );
    put(&store, &with_header("X-API-KEY", "none"));
    assert_eq!(said_at(&authorizer, anyone(), after(1_030)).await, "ok");
    let (_, at_startup) = before_reading(Some(&with_header("x-my-key", "none")));
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
async fn no_request_is_answered_before_there_is_a_policy() {
    let (_, authorizer) = before_reading(None);
    let missing = authorizer
        .at(noon())
        .load_policy()
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(missing, "AUTH_POLICY: the registry has no policy `edge`");
    assert_eq!(said(&authorizer, anyone()).await, "no policy is loaded yet");
}

#[tokio::test]
async fn a_policy_that_contradicts_itself_fails_the_start() {
    let (_, authorizer) = before_reading(Some(r#"{"rules":[{"match":"GET /a","auth":"jwt"}]}"#));
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
async fn an_issuers_keys_outlive_the_policy_that_brought_them() {
    let signer = Signer::fresh("1");
    let provider = Provider::start().await;
    provider.reply("/jwks", Reply::json(&signer.jwks()));
    let trusting = |cost: u64| {
        json!({"issuers": [{"issuer": ISSUER, "audiences": [AUDIENCE], "default_plan": "free", "jwks_uri": provider.url("/jwks")}],
               "rules": [{"match": "ANY /{proxy+}", "auth": "jwt", "cost": cost}]})
        .to_string()
    };
    let (store, authorizer) = reading(&trusting(1)).await;
    authorizer.at(after(500)).preload().await;
    provider.reply("/jwks", Reply::status("500 Internal Server Error"));
    put(&store, &trusting(2));
    assert_eq!(
        said_at(&authorizer, bearing(&signer.with(|_| ())), after(900)).await,
        "ok"
    );
    assert_eq!(provider.requests("/jwks"), 1);
}

/// An earlier release took `*` for literal text.
#[tokio::test]
async fn a_stored_policy_with_a_wildcard_still_serves_as_before() {
    let policy = json!({"rules": [
        {"match": "ANY /admin/*", "auth": "api_key"}, {"match": "ANY /{proxy+}", "auth": "none"}
    ]});
    let (store, authorizer) = reading(&policy.to_string()).await;
    assert_eq!(
        said(&authorizer, event("/admin/users", json!({}))).await,
        "ok"
    );
    assert_eq!(said(&authorizer, event("/admin/*", json!({}))).await, "401");
    put(&store, &rules("api_key"));
    assert_eq!(said_after(&authorizer, &anyone(), 300, "ok").await, "401");
}
