//! Tokens in cookies and keys in `Authorization`, as clients and backends see them.

use http::StatusCode;
use tests::{Backend, Gateway, PRO, Setup, token};

/// A gateway that reads tokens of the local issuer, whose keys `issuing` serves, from a cookie.
async fn gateway_with_cookie(issuing: &Gateway) -> Gateway {
    let policy = format!(
        r#"{{"token":{{"cookie":"__session","origins":["https://app.example.com"]}},
             "issuers":[{{"issuer":"http://tollgate.local","audiences":["tollgate-local"],"default_plan":"free",
                          "jwks_uri":"http://{}/_tollgate/jwks.json"}}],
             "rules":[{{"match":"ANY /{{proxy+}}","auth":"jwt"}}]}}"#,
        issuing.address
    );
    Setup::default().policy(&policy).start().await
}

#[tokio::test]
async fn a_session_cookie_identifies_the_user_but_not_for_other_sites() {
    let issuing = Setup::default().start().await;
    let gateway = gateway_with_cookie(&issuing).await;
    let session = format!("theme=dark; __session={}", token("alice", None, None));

    let answer = gateway
        .call("GET", "/orders")
        .header("cookie", &session)
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["headers"]["x-tollgate-user-id"], "alice");

    for (origin, expected) in [
        // The host that the client names.
        ("http://localhost", StatusCode::OK),
        ("https://app.example.com", StatusCode::OK),
        ("https://evil.example", StatusCode::FORBIDDEN),
        ("null", StatusCode::FORBIDDEN),
    ] {
        let call = gateway.call("POST", "/orders").header("cookie", &session);
        let answer = call.header("origin", origin).send().await;
        assert_eq!(answer.status, expected, "{origin}");
    }
    let answer = gateway
        .call("POST", "/orders")
        .header("cookie", &session)
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_bearer_key_reaches_the_backend_and_a_key_in_its_own_header_does_not() {
    let backend = Backend::empty().await;
    let rules = r#"{"api_keys":{"bearer":true},"rules":[{"match":"ANY /{proxy+}","auth":"any"}]}"#;
    let gateway = Setup::default()
        .policy(rules)
        .backend(backend.address)
        .start()
        .await;

    for (name, value) in [
        ("authorization", format!("Bearer {PRO}")),
        ("x-api-key", PRO.to_owned()),
    ] {
        let call = gateway.call("GET", "/orders").header(name, &value);
        assert_eq!(call.send().await.status, StatusCode::OK, "{name}");
    }

    let seen: Vec<_> = backend
        .seen()
        .iter()
        .map(|seen| format!("{:?}", seen.headers).contains(PRO))
        .collect();
    assert_eq!(seen, [true, false]);
}
