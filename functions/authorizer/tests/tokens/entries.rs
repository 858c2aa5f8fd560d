//! Several entries of one issuer, and what each of them requires.

use serde_json::{Value, json};

use crate::provider::{Provider, Reply};
use crate::support::*;

/// A policy whose entries are those of the test's issuer with these fields.
fn entries(signer: &Signer, entries: &[Value]) -> Value {
    let mut policy = policy(&signer.jwks());
    let entry = |fields: &Value| {
        let mut entry = policy["issuers"][0].clone();
        for (field, value) in fields.as_object().unwrap() {
            entry[field] = value.clone();
        }
        entry
    };
    policy["issuers"] = entries.iter().map(entry).collect();
    policy
}

fn with_audience(signer: &Signer, audience: Value) -> String {
    signer.with(|claims| {
        claims["aud"] = audience;
        claims.as_object_mut().unwrap().remove("plan");
    })
}

#[tokio::test]
async fn first_entry_whose_audience_matches_decides() {
    let signer = Signer::of("ES256");
    let mut policy = entries(
        &signer,
        &[
            json!({"name": "spa", "audiences": ["spa"], "default_plan": "free"}),
            json!({"name": "m2m", "audiences": ["m2m"], "default_plan": "pro", "user_claim": "azp"}),
            json!({"name": "rest", "audiences": "any", "default_plan": "free"}),
        ],
    );
    policy["rules"] = json!([
        {"match": "GET /orders", "auth": "jwt"},
        {"match": "GET /m2m", "auth": "jwt", "issuers": ["m2m"]},
    ]);
    let authorizer = authorizer(&policy);

    for (audience, plan, on_m2m) in [
        (json!("spa"), "free", "issuer_not_accepted"),
        (json!("m2m"), "pro", "ok"),
        (json!(["x", "m2m"]), "pro", "ok"),
        (json!(["m2m", "spa"]), "free", "issuer_not_accepted"),
        (json!("other"), "free", "issuer_not_accepted"),
        (Value::Null, "free", "issuer_not_accepted"),
    ] {
        let token = signer.with(|claims| {
            claims["aud"] = audience.clone();
            claims["azp"] = "client".into();
            claims.as_object_mut().unwrap().remove("plan");
        });
        let context = context(&authorizer, bearer_event(&token)).await;
        assert_eq!(context["plan"], plan, "{audience}");

        let headers = json!({"authorization": format!("Bearer {token}")});
        let reason = reason_of(&authorizer, event("/m2m", headers)).await;
        assert_eq!(reason, on_m2m, "{audience}");
    }
}

#[tokio::test]
async fn entry_is_chosen_before_the_algorithm_is_looked_at() {
    let secret = "0123456789abcdef0123456789abcdef";
    let (keys, hmac) = (
        Signer::of("RS256"),
        Signer::with_secret("HS256", secret.as_bytes()),
    );
    let mut policy = entries(
        &keys,
        &[
            json!({"name": "keys", "audiences": ["keys"]}),
            json!({"name": "secret", "audiences": ["secret"]}),
        ],
    );
    policy["issuers"][1].as_object_mut().unwrap().remove("jwks");
    policy["issuers"][1]["secret"] = "env:ISSUER_SECRET".into();
    let authorizer = authorizer_with_environment(&policy, &[("ISSUER_SECRET", secret)]);

    for (signer, audience, expected) in [
        (&keys, "keys", "ok"),
        (&hmac, "secret", "ok"),
        (&keys, "secret", "401"),
        (&hmac, "keys", "401"),
    ] {
        let token = with_audience(signer, audience.into());
        let reason = reason_of(&authorizer, bearer_event(&token)).await;
        assert_eq!(reason, expected, "{} for {audience}", signer.algorithm);
    }
}

#[tokio::test]
async fn entries_with_the_same_key_set_fetch_it_once() {
    let (signer, provider) = (Signer::of("ES256"), Provider::start().await);
    provider.reply("/jwks", Reply::json(&signer.jwks()));
    let names: Vec<String> = (0..20).map(|number| format!("client-{number}")).collect();
    let fields: Vec<Value> = names
        .iter()
        .map(|name| json!({"name": name, "audiences": [name], "jwks_uri": provider.url("/jwks")}))
        .collect();
    let mut policy = entries(&signer, &fields);
    for entry in policy["issuers"].as_array_mut().unwrap() {
        entry.as_object_mut().unwrap().remove("jwks");
    }

    let authorizer = authorizer(&policy);
    authorizer.at(noon()).preload().await;
    for name in names {
        let token = signer.with(|claims| claims["aud"] = name.into());
        assert_eq!(reason_of(&authorizer, bearer_event(&token)).await, "ok");
    }
    assert_eq!(provider.requests("/jwks"), 1);
}

#[tokio::test]
async fn token_without_a_kid_is_tried_with_the_keys_of_its_type() {
    let (first, second) = (Signer::fresh("1"), Signer::fresh("2"));
    let other_type = Signer::of("RS256");
    let jwks = json!({"keys": [other_type.jwk(), first.jwk(), without_kid(second.jwk())]});
    let authorizer_with = |kid: Value| {
        let mut policy = policy(&jwks);
        policy["issuers"][0]["kid"] = kid;
        authorizer(&policy)
    };
    let optional = authorizer_with("optional".into());

    for signer in [&first, &second, &other_type] {
        let token = signer.with_header(|header| {
            header.as_object_mut().unwrap().remove("kid");
        });
        assert_eq!(reason_of(&optional, bearer_event(&token)).await, "ok");
        let required = authorizer_with("required".into());
        assert_eq!(reason_of(&required, bearer_event(&token)).await, "401");
    }
    let forged = Signer::fresh("1").with_header(|header| {
        header.as_object_mut().unwrap().remove("kid");
    });
    for token in [forged, second.with(|_| ()), Signer::fresh("1").with(|_| ())] {
        assert_eq!(reason_of(&optional, bearer_event(&token)).await, "401");
    }
}

#[tokio::test]
async fn new_key_without_a_kid_is_fetched_once_within_ten_seconds() {
    let (old, new, provider) = (
        Signer::fresh("1"),
        Signer::fresh("2"),
        Provider::start().await,
    );
    let set = |signer: &Signer| Reply::json(&json!({"keys": [without_kid(signer.jwk())]}));
    provider.reply("/jwks", set(&old));
    let mut policy = policy(&Value::Null);
    policy["issuers"][0].as_object_mut().unwrap().remove("jwks");
    policy["issuers"][0]["jwks_uri"] = provider.url("/jwks").into();
    policy["issuers"][0]["kid"] = "optional".into();
    let authorizer = authorizer(&policy);
    let token = |signer: &Signer| {
        bearer_event(&signer.with_header(|header| {
            header.as_object_mut().unwrap().remove("kid");
        }))
    };

    assert_eq!(reason_of(&authorizer, token(&old)).await, "ok");
    provider.reply("/jwks", set(&new));
    assert_eq!(reason_of(&authorizer, token(&new)).await, "ok");
    assert_eq!(provider.requests("/jwks"), 2);
    assert_eq!(reason_of(&authorizer, token(&old)).await, "401");

    for _ in 0..3 {
        let forged = token(&Signer::fresh("3"));
        assert_eq!(reason_at(&authorizer, forged, after(9)).await, "401");
    }
    assert_eq!(provider.requests("/jwks"), 2);
    let forged = token(&Signer::fresh("3"));
    assert_eq!(reason_at(&authorizer, forged, after(10)).await, "401");
    assert_eq!(provider.requests("/jwks"), 3);
}

fn without_kid(mut jwk: Value) -> Value {
    jwk.as_object_mut().unwrap().remove("kid");
    jwk
}
