//! Parts that the caller could not call directly.

use composition::Missing;
use outcome::ContextField;
use serde_json::{Value, json};
use testing::http_server::{HttpReply, HttpServer};

use crate::support::*;

const MAIN: &str = "https://main.example";
const TENANT: &str = "https://tenants.example/11111111-2222-3333-4444-555555555555/v2.0";

fn policy() -> Value {
    json!({
        "issuers": [
            {"issuer": MAIN, "name": "main", "audiences": ["a"], "default_plan": "free", "jwks_uri": "https://main.example/jwks"},
            {"issuer": "https://partner.example", "name": "partner", "audiences": ["a"], "default_plan": "free",
             "jwks_uri": "https://partner.example/jwks"},
            {"issuer": "https://tenants.example/{tenantid}/v2.0", "name": "tenants", "audiences": ["a"], "default_plan": "free",
             "tenants": ["11111111-2222-3333-4444-555555555555"], "jwks_uri": "https://tenants.example/jwks"},
        ],
        "introspection": {"endpoint": "https://opaque.example/introspect", "issuer": "https://opaque.example",
            "client_id": "c", "client_secret": "env:SECRET", "name": "opaque", "default_plan": "free"},
        "mtls": {"default_plan": "free"},
        "rules": [
            {"match": "GET /public", "auth": "none"},
            {"match": "GET /key", "auth": "api_key"},
            {"match": "GET /key-read", "auth": "api_key", "scopes": ["read all"]},
            {"match": "GET /jwt", "auth": "jwt"},
            {"match": "GET /jwt-read", "auth": "jwt", "scopes": ["read all"]},
            {"match": "GET /jwt-admin", "auth": "jwt", "roles": ["admin,root", "support"]},
            {"match": "GET /jwt-main", "auth": "jwt", "issuers": ["main", "tenants", "opaque"]},
            {"match": "GET /mtls", "auth": "mtls"},
            {"match": "GET /any", "auth": "any"},
            {"match": "GET /any-read", "auth": "any", "scopes": ["read all"]},
            {"match": "GET /open/{proxy+}", "auth": "none"},
            {"match": "GET /open/admin", "auth": "jwt"},
        ],
    })
}

/// Returns the parts that a caller with these fields of the context gets.
async fn permitted(fields: &[(ContextField, &str)]) -> Vec<String> {
    let service = HttpServer::responding(|_| HttpReply::json(200, &json!({})));
    let names = [
        "public",
        "key",
        "key-read",
        "jwt",
        "jwt-read",
        "jwt-admin",
        "jwt-main",
        "mtls",
        "any",
        "any-read",
    ];
    let mut parts: serde_json::Map<String, Value> = names
        .iter()
        .map(|name| ((*name).to_owned(), json!({"get": format!("/{name}")})))
        .collect();
    parts.insert("unmatched".to_owned(), json!({"get": "/unmatched"}));
    // A service that ignores case reads this path as one whose rule requires more.
    parts.insert("ambiguous".to_owned(), json!({"get": "/open/ADMIN"}));
    let document = document(&service.url(), "GET /bff/a", json!({"parts": parts}));
    let composer = composer(&document, &policy()).await;

    let mut request = get("/bff/a");
    let none = [
        "auth", "key_id", "caller", "plan", "scopes", "roles", "user_id", "issuer",
    ];
    let none = none.map(|name| (ContextField::from_word(name).unwrap(), "-"));
    request.context = Some(context(&[&none[..], fields].concat()));
    let reply = composer.compose(&request).await;

    assert!(
        missing(&reply)
            .iter()
            .all(|(_, reason)| *reason == Missing::Forbidden)
    );
    let sent = service.requests().len();
    let permitted = reply.parts.iter().filter(|part| part.outcome.is_ok());
    let permitted: Vec<_> = permitted.map(|part| part.name.clone()).collect();
    assert_eq!(sent, permitted.len(), "a forbidden part was called");
    permitted
}

use ContextField::{Auth, Issuer, KeyId, Roles, Scopes, UserId};

#[tokio::test]
async fn caller_without_a_credential_gets_public_parts() {
    assert_eq!(permitted(&[(Auth, "none")]).await, ["public"]);
    // A kind of credential that this release does not know proves nothing.
    assert_eq!(
        permitted(&[(Auth, "passkey"), (UserId, "alice")]).await,
        ["public"]
    );
    assert_eq!(permitted(&[]).await, ["public"]);
}

#[tokio::test]
async fn key_gets_the_parts_of_its_scopes() {
    let key = [(Auth, "api_key"), (KeyId, "k")];
    assert_eq!(permitted(&key).await, ["public", "key", "any"]);

    let scopes = [&key[..], &[(Scopes, "write read%20all")]].concat();
    assert_eq!(
        permitted(&scopes).await,
        ["public", "key", "key-read", "any", "any-read"]
    );

    // Spaces separate scopes, and one that is not encoded is not ours.
    for other in ["read all", "read%20all%", "READ%20ALL", "read%20al"] {
        let other = [&key[..], &[(Scopes, other)]].concat();
        assert_eq!(permitted(&other).await, ["public", "key", "any"]);
    }
}

#[tokio::test]
async fn key_without_its_id_proves_nothing() {
    assert_eq!(permitted(&[(Auth, "api_key")]).await, ["public"]);
}

#[tokio::test]
async fn token_gets_the_parts_of_its_scopes_roles_and_issuer() {
    let token = [(Auth, "jwt"), (UserId, "alice"), (Issuer, MAIN)];
    assert_eq!(
        permitted(&token).await,
        ["public", "jwt", "jwt-main", "any"]
    );

    let more = [
        &token[..],
        &[(Scopes, "read%20all"), (Roles, "user,admin%2Croot")],
    ]
    .concat();
    assert_eq!(
        permitted(&more).await,
        [
            "public",
            "jwt",
            "jwt-read",
            "jwt-admin",
            "jwt-main",
            "any",
            "any-read"
        ]
    );
    // Commas separate roles.
    let roles = [&token[..], &[(Roles, "admin,root")]].concat();
    assert_eq!(
        permitted(&roles).await,
        ["public", "jwt", "jwt-main", "any"]
    );
}

#[tokio::test]
async fn issuer_must_be_one_that_the_rule_accepts() {
    for (auth, issuer, expected) in [
        (
            "jwt",
            "https://partner.example",
            &["public", "jwt", "any"][..],
        ),
        ("jwt", TENANT, &["public", "jwt", "jwt-main", "any"]),
        (
            "introspection",
            "https://opaque.example",
            &["public", "jwt", "jwt-main", "any"],
        ),
        // The policy has none of these issuers for this kind of token.
        ("introspection", MAIN, &["public"]),
        ("jwt", "https://opaque.example", &["public"]),
        (
            "jwt",
            "https://tenants.example/99999999-2222-3333-4444-555555555555/v2.0",
            &["public"],
        ),
        ("jwt", "https://other.example", &["public"]),
        ("jwt", "https://main.example%", &["public"]),
        ("jwt", "-", &["public"]),
    ] {
        let token = [(Auth, auth), (UserId, "alice"), (Issuer, issuer)];
        assert_eq!(permitted(&token).await, expected, "{auth} {issuer}");
    }
}

#[tokio::test]
async fn scopes_of_a_token_are_not_those_of_a_key_sent_with_it() {
    let both = [
        (Auth, "jwt"),
        (Issuer, MAIN),
        (KeyId, "k"),
        (Scopes, "read%20all"),
    ];
    assert_eq!(
        permitted(&both).await,
        [
            "public", "key", "jwt", "jwt-read", "jwt-main", "any", "any-read"
        ]
    );
}

#[tokio::test]
async fn certificate_gets_parts_for_certificates() {
    let certificate = [(Auth, "mtls"), (UserId, "CN=a"), (Issuer, "CN=ca")];
    assert_eq!(permitted(&certificate).await, ["public", "mtls", "any"]);
}
