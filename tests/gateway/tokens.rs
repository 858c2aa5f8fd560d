//! The local issuer: tokens that the local gateway accepts, and those that it does not.

use http::StatusCode;
use tests::{Gateway, PRO, Setup, token};

async fn bearing(gateway: &Gateway, path: &str, token: &str) -> tests::Answer {
    gateway
        .call("GET", path)
        .header("authorization", &format!("Bearer {token}"))
        .send()
        .await
}

#[tokio::test]
async fn a_token_of_the_local_issuer_is_accepted_and_names_the_user_to_the_backend() {
    let gateway = Setup::default().start().await;
    let answer = bearing(
        &gateway,
        "/orders",
        &token("alice", Some("orders:read"), Some("pro")),
    )
    .await;
    assert_eq!(answer.status, StatusCode::OK);
    let seen = answer.json();
    for (name, expected) in [
        ("user-id", "alice"),
        ("plan", "pro"),
        ("scopes", "orders:read"),
        ("auth", "jwt"),
        ("key-id", "-"),
    ] {
        assert_eq!(
            seen["headers"][format!("x-tollgate-{name}")],
            expected,
            "{name}"
        );
    }
}

#[tokio::test]
async fn users_have_the_free_plan_unless_their_token_says_more_and_limits_of_their_own() {
    let gateway = Setup::default().start().await;
    let (alice, bob) = (token("alice", None, None), token("bob", None, None));
    for _ in 0..5 {
        assert_eq!(
            bearing(&gateway, "/orders", &alice).await.status,
            StatusCode::OK
        );
    }
    assert_eq!(
        bearing(&gateway, "/orders", &alice).await.status,
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(
        bearing(&gateway, "/orders", &bob).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_changed_token_is_401_and_never_falls_through_to_a_key() {
    let gateway = Setup::default().start().await;
    let good = token("alice", None, None);
    let bad = good.replacen("ey", "ex", 1);
    assert_eq!(
        bearing(&gateway, "/orders", &bad).await.status,
        StatusCode::UNAUTHORIZED
    );
    for (token, expected) in [(&good, StatusCode::OK), (&bad, StatusCode::UNAUTHORIZED)] {
        let call = gateway.call("GET", "/orders").header("x-api-key", PRO);
        assert_eq!(
            call.header("authorization", &format!("Bearer {token}"))
                .send()
                .await
                .status,
            expected
        );
    }
}

#[tokio::test]
async fn a_policy_of_ones_own_says_itself_whom_it_trusts() {
    let rules = r#"{"rules":[{"match":"ANY /{proxy+}","auth":"any"}]}"#;
    let gateway = Setup::default().policy(rules).start().await;
    assert_eq!(
        bearing(&gateway, "/orders", &token("alice", None, None))
            .await
            .status,
        StatusCode::UNAUTHORIZED
    );
}

/// One gateway serves the keys, the other fetches them from there.
#[tokio::test]
async fn the_local_issuers_keys_are_served_as_a_key_set() {
    let issuing = Setup::default().start().await;
    let keys = issuing.call("GET", "/_tollgate/jwks.json").send().await;
    assert_eq!(
        (keys.status, keys.header("content-type")),
        (StatusCode::OK, Some("application/json"))
    );
    let policy = format!(
        r#"{{"issuers":[{{"issuer":"http://tollgate.local","audiences":["tollgate-local"],"default_plan":"free",
             "jwks_uri":"http://{}/_tollgate/jwks.json"}}],"rules":[{{"match":"ANY /{{proxy+}}","auth":"jwt"}}]}}"#,
        issuing.address
    );
    let gateway = Setup::default().policy(&policy).start().await;
    assert_eq!(
        bearing(&gateway, "/orders", &token("alice", None, None))
            .await
            .status,
        StatusCode::OK
    );
    assert_eq!(
        gateway.get("/orders", PRO).await.status,
        StatusCode::UNAUTHORIZED
    );
}
