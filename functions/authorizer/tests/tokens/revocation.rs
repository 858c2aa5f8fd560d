//! JWTs that are also introspected, because their issuer may revoke them.

use serde_json::{Value, json};

use crate::provider::{Provider, Reply};
use crate::support::*;

const PATH: &str = "/introspect";
const OTHER_ISSUER: &str = "https://other.example";

/// A policy whose first issuer checks revocation at this provider, and whose second does not.
fn policy_at(provider: &Provider, signer: &Signer) -> Value {
    let mut policy = policy(&signer.jwks());
    policy["issuers"][0]["name"] = "corp".into();
    policy["issuers"][0]["revocation"] = "introspection".into();
    let mut other = policy["issuers"][0].clone();
    other["issuer"] = OTHER_ISSUER.into();
    other["name"] = "other".into();
    other.as_object_mut().unwrap().remove("revocation");
    policy["issuers"].as_array_mut().unwrap().push(other);
    policy["introspection"] = json!({"endpoint": provider.url(PATH), "auth": "none", "issuer": ISSUER, "name": "corp",
        "audiences": ["https://opaque.example"], "user_claim": "uid", "default_plan": "free"});
    policy
}

async fn provider_reporting(status: &Value) -> (Provider, TestAuthorizer, Signer) {
    let (provider, signer) = (Provider::start().await, Signer::of("ES256"));
    provider.reply(PATH, Reply::json(status));
    let authorizer = authorizer(&policy_at(&provider, &signer));
    (provider, authorizer, signer)
}

fn active() -> Value {
    json!({"active": true})
}

#[tokio::test]
async fn active_jwt_keeps_its_own_claims() {
    let status = json!({"active": true, "iss": ISSUER, "sub": "mallory", "uid": "mallory", "plan": "free",
        "scope": "admin:write", "aud": "https://elsewhere.example"});
    let (provider, authorizer, signer) = provider_reporting(&status).await;
    let token = signer.with(|_| ());
    let context = context(&authorizer, bearer_event(&token)).await;
    let fields = ["auth", "user_id", "plan", "scopes"].map(|name| context[name].as_str().unwrap());
    assert_eq!(fields, ["jwt", "alice", "pro", "orders:read"]);
    assert_eq!(provider.requests(PATH), 1);
    assert!(provider.last(PATH).contains(&format!("token={token}&")));
}

#[tokio::test]
async fn revoked_jwt_is_401_and_the_log_says_why() {
    for status in [
        json!({"active": false}),
        json!({"active": true, "iss": OTHER_ISSUER}),
        json!({"active": true, "exp": noon().as_second() - 31}),
    ] {
        let (_, authorizer, signer) = provider_reporting(&status).await;
        let event = bearer_event(&signer.with(|_| ()));
        let line = log_line(&authorizer, event.clone()).await;
        assert_eq!(
            [&line["reason"], &line["detail"], &line["issuer"]],
            ["invalid_token", "inactive", "corp"],
            "{line}"
        );
        assert_eq!(reason_of(&authorizer, event).await, "401", "{status}");
    }
}

#[tokio::test]
async fn jwt_is_401_once_its_cached_status_is_old() {
    let (provider, authorizer, signer) = provider_reporting(&active()).await;
    let event = bearer_event(&signer.with(|_| ()));
    assert_eq!(reason_of(&authorizer, event.clone()).await, "ok");

    provider.reply(PATH, Reply::json(&json!({"active": false})));
    for (seconds, expected, requests) in [(299, "ok", 1), (300, "401", 2), (309, "401", 2)] {
        let reason = reason_at(&authorizer, event.clone(), after(seconds)).await;
        assert_eq!(
            (reason.as_str(), provider.requests(PATH)),
            (expected, requests),
            "{seconds}"
        );
    }

    provider.reply(PATH, Reply::json(&active()));
    assert_eq!(reason_at(&authorizer, event, after(310)).await, "ok");
}

#[tokio::test]
async fn unavailable_endpoint_is_500_and_never_a_pass() {
    let (provider, authorizer, signer) = provider_reporting(&active()).await;
    let known = bearer_event(&signer.with(|_| ()));
    assert_eq!(reason_of(&authorizer, known.clone()).await, "ok");

    provider.reply(PATH, Reply::status("503 Service Unavailable"));
    let reason = reason_at(&authorizer, known.clone(), after(300)).await;
    assert_eq!(reason, "introspection: status 503", "verified before");

    let unknown = bearer_event(&signer.with(|claims| claims["jti"] = "new".into()));
    let line = log_line(&authorizer, unknown).await;
    assert_eq!(line["reason"], "keys_unavailable", "{line}");

    // Later requests find the circuit breaker open.
    for number in 0..30 {
        let token = signer.with(|claims| claims["jti"] = number.into());
        let reason = reason_at(&authorizer, bearer_event(&token), after(301)).await;
        assert!(reason.starts_with("introspection: "), "{reason}");
    }
    assert!(provider.requests(PATH) <= 12, "{}", provider.requests(PATH));

    let other = signer.with(|claims| claims["iss"] = OTHER_ISSUER.into());
    let reason = reason_at(&authorizer, bearer_event(&other), after(301)).await;
    assert_eq!(reason, "ok", "another issuer is not affected");
}

#[tokio::test]
async fn refused_client_is_500_and_never_a_pass() {
    let (provider, authorizer, signer) = provider_reporting(&active()).await;
    provider.reply(PATH, Reply::status("401 Unauthorized"));
    let reason = reason_of(&authorizer, bearer_event(&signer.with(|_| ()))).await;
    assert_eq!(
        reason,
        "introspection: the server refuses the client id or secret: status 401"
    );
}

#[tokio::test]
async fn only_jwts_that_pass_every_local_check_are_sent() {
    let (provider, authorizer, signer) = provider_reporting(&active()).await;
    let now = noon().as_second();
    let changed = |name: &str, value: Value| signer.with(|claims| claims[name] = value);
    let (signed, other) = (signer.with(|_| ()), changed("plan", json!("free")));
    let (claims, signature) = (
        signed.rsplit_once('.').unwrap().0,
        other.rsplit_once('.').unwrap().1,
    );
    let forged = format!("{claims}.{signature}");

    for (case, token) in [
        ("signature", forged),
        ("key", Signer::fresh("ES256").with(|_| ())),
        ("kid", Signer::fresh("unknown").with(|_| ())),
        ("audience", changed("aud", json!("https://elsewhere"))),
        ("unknown issuer", changed("iss", json!("https://unknown"))),
        ("no issuer", changed("iss", Value::Null)),
        ("expired", changed("exp", json!(now - 31))),
        ("lifetime", changed("exp", json!(now + 100_000))),
        ("not before", changed("nbf", json!(now + 60))),
        ("subject", changed("sub", json!(1))),
        ("plan", changed("plan", json!({}))),
        ("confirmation", changed("cnf", json!({"jkt": "x"}))),
        (
            "algorithm",
            signer.with_header(|header| header["alg"] = "none".into()),
        ),
        (
            "type",
            signer.with_header(|header| header["typ"] = "logout+jwt".into()),
        ),
    ] {
        let reason = reason_of(&authorizer, bearer_event(&token)).await;
        assert_eq!(reason, "401", "{case}");
    }
    assert_eq!(provider.requests(PATH), 0);

    let other = changed("iss", json!(OTHER_ISSUER));
    assert_eq!(reason_of(&authorizer, bearer_event(&other)).await, "ok");
    assert_eq!(provider.requests(PATH), 0, "another issuer");
}

#[tokio::test]
async fn status_of_a_jwt_is_requested_once_for_concurrent_requests() {
    let (provider, authorizer, signer) = provider_reporting(&active()).await;
    let slow = Reply {
        delay: std::time::Duration::from_millis(100),
        ..Reply::json(&active())
    };
    provider.reply(PATH, slow);
    let authorizer = std::sync::Arc::new(authorizer);
    let token = signer.with(|_| ());
    let requests: Vec<_> = (0..50)
        .map(|_| {
            let (authorizer, event) = (authorizer.clone(), bearer_event(&token));
            tokio::spawn(async move { reason_of(&authorizer, event).await })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.unwrap(), "ok");
    }
    assert_eq!(provider.requests(PATH), 1);
}

#[tokio::test]
async fn empty_token_pattern_limits_introspection_to_jwts() {
    let (provider, signer) = (Provider::start().await, Signer::of("ES256"));
    provider.reply(PATH, Reply::json(&json!({"active": true, "uid": "alice"})));
    let mut policy = policy_at(&provider, &signer);
    policy["introspection"]["token_pattern"] = "".into();
    let authorizer = authorizer(&policy);

    for token in ["opaque", "a.b.c"] {
        assert_eq!(reason_of(&authorizer, bearer_event(token)).await, "401");
    }
    assert_eq!(provider.requests(PATH), 0);
    let token = signer.with(|_| ());
    assert_eq!(reason_of(&authorizer, bearer_event(&token)).await, "ok");
    assert_eq!(provider.requests(PATH), 1);
}

#[tokio::test]
async fn opaque_tokens_do_not_stop_the_check_of_jwts() {
    let (provider, authorizer, signer) = provider_reporting(&active()).await;
    provider.reply(PATH, Reply::status("500 Internal Server Error"));
    for number in 0..30 {
        let event = bearer_event(&format!("opaque-{number}"));
        let problem = reason_of(&authorizer, event).await;
        assert!(problem.starts_with("introspection: "), "{problem}");
    }

    provider.reply(PATH, Reply::json(&active()));
    let jwt = bearer_event(&signer.with(|_| ()));
    assert_eq!(reason_of(&authorizer, jwt).await, "ok");
}
