//! The fields of the context that the access log has of each caller: `caller`, `issuer` and
//! `over_quota`.

use limits::Caller;
use serde_json::{Value, json};
use telemetry::RecordLog;

use crate::provider::{Provider, Reply};
use crate::support::*;
use crate::x509::{certificate_of, with_certificate};

/// Plans whose quota of one call allows overage, and keys on them.
fn seeds() -> String {
    let quotas = json!([{"limit": 1, "period": "day", "overage": "allow"}]);
    let key = |id: &str, plan: &str| json!({"key": format!("a-secret-of-the-key-{id}"), "key_id": id, "plan": plan});
    let mut grouped = key("grouped", "metered");
    grouped["group"] = "acme".into();

    json!({
        "plans": {"metered": {"quotas": quotas}, "shared": {"quotas": quotas, "shared_by_plan": true}},
        "keys": [key("single", "metered"), grouped, key("shared", "shared")],
    })
    .to_string()
}

fn with_key(id: &str) -> Value {
    event(
        "/orders",
        json!({"x-api-key": format!("a-secret-of-the-key-{id}")}),
    )
}

#[tokio::test]
async fn each_kind_of_caller_is_named_with_its_issuer_and_overage() {
    let (signer, provider) = (Signer::of("ES256"), Provider::start().await);
    let active = json!({"active": true, "sub": "bob", "exp": noon().as_second() + 3_600});
    provider.reply("/introspect", Reply::json(&active));
    let mut policy = policy(&signer.jwks());
    policy["issuers"][0]["default_plan"] = "metered".into();
    policy["mtls"] = json!({"default_plan": "metered"});
    policy["introspection"] = json!({"endpoint": provider.url("/introspect"), "client_id": "c",
        "client_secret": "s", "default_plan": "metered"});
    policy["rules"].as_array_mut().unwrap().insert(
        0,
        json!({"match": "GET /login", "auth": "none", "plan": "metered", "limit_by": "ip"}),
    );
    let environment = [("EMBEDDED_STORE", &*seeds())];
    let authorizer = authorizer_in(&policy, &environment, RecordLog::to(std::io::sink()));

    let token = signer.with(|claims| {
        claims["sub"] = "alice".into();
        claims.as_object_mut().unwrap().remove("plan");
    });
    let endpoint = provider.url("/introspect");
    let subject = |issuer: &str, name| Caller::from_subject(issuer, name).to_string();
    let (alice, bob) = (subject(ISSUER, "alice"), subject(&endpoint, "bob"));
    let mut from_address = event("/login", json!({}));
    from_address["requestContext"]["http"]["sourceIp"] = "192.0.2.10".into();
    for (event, caller, issuer) in [
        (with_key("single"), "key#single", "-"),
        (with_key("grouped"), "group#acme", "-"),
        (with_key("shared"), "plan#shared", "-"),
        (bearer_event(&token), &*alice, ISSUER),
        (bearer_event("opaque"), &*bob, &*endpoint),
        (
            with_certificate(event("/orders", json!({})), certificate_of("a")),
            "cert#",
            "CN=ca",
        ),
        (from_address, "ip#192.0.2.10#metered", "-"),
    ] {
        for over_quota in ["false", "true"] {
            let context = context(&authorizer, event.clone()).await;
            assert_eq!(context["decision"], "allowed", "{context}");
            assert_eq!(context["over_quota"], over_quota, "{context}");
            assert_eq!(context["issuer"], issuer, "{context}");

            let found = context["caller"].as_str().unwrap();
            let is_hash = caller.ends_with('#') && found.len() == caller.len() + 64;
            assert!(found.starts_with(caller), "{context}");
            assert!(is_hash || found == caller, "{context}");
        }
    }
}
