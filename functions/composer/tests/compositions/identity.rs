//! The headers that services receive.

use outcome::{BACKEND_HEADERS, ContextField};
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn services_receive_our_identity_headers_and_nothing_else_of_the_client() {
    let service = service(&[("/user", json!({}))]);
    let route = json!({"parts": {"user": {"get": "/user"}}, "headers": ["accept-language"]});
    let document = document(&service.url(), "GET /bff/a", route);
    let composer = composer(&document, &open_policy()).await;

    let mut request = with_headers(
        get("/bff/a"),
        &[
            ("accept-language", "de"),
            ("authorization", "Bearer client-secret"),
            ("cookie", "session=client-secret"),
            ("x-api-key", "client-secret"),
            ("x-tollgate-user-id", "mallory"),
            ("x-tollgate-plan", "mallory"),
            ("x-tollgate-origin", "mallory"),
            ("x_tollgate_user_id", "mallory"),
            ("x-forwarded-for", "mallory"),
            ("accept-encoding", "gzip"),
            ("accept", "text/html"),
            ("x-request-id", "client-id"),
            ("content-type", "mallory"),
            ("user-agent", "mallory"),
        ],
    );
    request.context = Some(context(&[
        (ContextField::UserId, "J%C3%BCrgen"),
        (ContextField::Scopes, "a b"),
        (ContextField::Roles, "admin,support"),
    ]));
    composer.compose(&request).await;

    let sent = &service.requests()[0];
    for (name, expected) in [
        ("accept-language", "de"),
        ("x-tollgate-decision", "allowed"),
        ("x-tollgate-user-id", "J%C3%BCrgen"),
        ("x-tollgate-issuer", "-"),
        ("x-tollgate-email", "-"),
        ("x-tollgate-roles", "admin,support"),
        ("x-tollgate-key-id", "key-1"),
        ("x-tollgate-plan", "free"),
        ("x-tollgate-scopes", "a b"),
        ("x-tollgate-auth", "api_key"),
        ("x-tollgate-near-limit", "-"),
        ("x-tollgate-origin", "origin-secret"),
        ("accept", "application/json"),
        ("accept-encoding", "identity"),
        ("x-request-id", "client-id"),
    ] {
        assert_eq!(
            sent.headers.get(name).map(String::as_str),
            Some(expected),
            "{name}"
        );
    }
    for header in BACKEND_HEADERS {
        let lines = sent
            .header_lines
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(header));
        assert_eq!(lines.count(), 1, "{header}");
    }
    let lines = format!("{:?}", sent.header_lines);
    assert!(
        !lines.contains("mallory") && !lines.contains("client-secret"),
        "{lines}"
    );
}

#[tokio::test]
async fn only_trusted_services_receive_the_proof_of_origin() {
    for (settings, expected) in [
        (json!({}), "-"),
        (json!({"proof_of_origin": false}), "-"),
        (json!({"proof_of_origin": true}), "origin-secret"),
    ] {
        let [backend, partner] =
            [(), ()].map(|()| service(&[("/user", json!({})), ("/offers", json!([]))]));
        let mut settings = settings;
        settings["url"] = json!(partner.url());
        let parts = json!({
            "user": {"get": "/user"}, "offers": {"get": "/offers", "service": "partner"},
        });
        let document = json!({
            "services": {"default": {"url": backend.url()}, "partner": settings},
            "routes": {"GET /bff/a": {"parts": parts}},
        });
        let composer = composer(&document, &open_policy()).await;
        composer.compose(&get("/bff/a")).await;

        for (service, expected) in [(&backend, "origin-secret"), (&partner, expected)] {
            let sent = &service.requests()[0];
            assert_eq!(sent.headers["x-tollgate-origin"], expected);
            assert_eq!(sent.headers["x-tollgate-plan"], "free");
        }
    }
}

#[tokio::test]
async fn header_of_a_credential_never_reaches_a_service() {
    let service = service(&[("/user", json!({}))]);
    let route = json!({
        "parts": {"user": {"get": "/user?t={header.x-session}"}},
        "headers": ["x-session", "x-other"],
    });
    let document = document(&service.url(), "GET /bff/a", route);
    let policy = json!({
        "issuers": [{"issuer": "https://issuer.example", "audiences": ["a"], "default_plan": "free",
            "jwks_uri": "https://issuer.example/jwks"}],
        "token": {"header": "x-session"},
        "rules": [{"match": "ANY /{proxy+}", "auth": "any"}],
    });
    let composer = composer(&document, &policy).await;

    let headers = [("x-session", "client-secret"), ("x-other", "value")];
    composer
        .compose(&with_headers(get("/bff/a"), &headers))
        .await;

    let sent = &service.requests()[0];
    assert_eq!(sent.target, "/user");
    assert_eq!(sent.headers["x-other"], "value");
    assert!(!format!("{:?}", sent.header_lines).contains("client-secret"));
}
