//! The log line of each refusal: a detail that can be acted on, the issuer and the rule.

use serde_json::{Value, json};

use crate::support::*;

/// Returns the log line of a request.
async fn line(policy: &Value, event: Value) -> Value {
    response_and_line(&authorizer(policy), &event).await.1
}

fn bound_policy(signer: &Signer) -> Value {
    let mut policy = policy(&signer.jwks());
    let issuer = &mut policy["issuers"][0];
    issuer["name"] = "corp".into();
    issuer["required_claims"] = json!({"/realm/client": ["web", "app"]});
    issuer["roles_claim"] = "/realm/roles".into();
    policy["rules"] = json!([
        {"match": "ANY /admin/{proxy+}", "auth": "jwt", "roles": ["admin", "owner"]},
        {"match": "ANY /{proxy+}", "auth": "any"},
    ]);
    policy
}

fn changed(signer: &Signer, name: &str, value: Value) -> String {
    signer.with(|claims| {
        claims["realm"] = json!({"client": "web"});
        claims[name] = value;
    })
}

#[tokio::test]
async fn detail_names_the_requirement_of_the_issuer() {
    let signer = Signer::of("ES256");
    let policy = bound_policy(&signer);
    let now = noon().as_second();
    for (name, value, reason, detail) in [
        ("aud", json!("MARK"), "invalid_claims", "audience"),
        ("aud", Value::Null, "invalid_claims", "audience"),
        ("exp", json!(now - 31), "token_expired", "expired"),
        ("exp", json!("MARK"), "invalid_claims", "claim:exp"),
        ("exp", Value::Null, "invalid_claims", "claim:exp"),
        ("exp", json!(now + 90_001), "invalid_claims", "lifetime"),
        ("nbf", json!(now + 60), "invalid_claims", "not_before"),
        ("iat", json!(now + 60), "invalid_claims", "issued_at"),
        (
            "realm",
            json!({"client": "MARK"}),
            "invalid_claims",
            "claim:realm.client",
        ),
        ("sub", json!(7), "invalid_claims", "claim:sub"),
        (
            "sub",
            json!("MARK".repeat(100)),
            "invalid_claims",
            "claim:sub",
        ),
        ("plan", json!(["MARK"]), "invalid_claims", "claim:plan"),
        ("cnf", json!({"jkt": "MARK"}), "invalid_claims", "claim:cnf"),
    ] {
        let token = changed(&signer, name, value.clone());
        let line = line(&policy, bearer_event(&token)).await;
        assert_eq!(
            [&line["reason"], &line["detail"]],
            [reason, detail],
            "{name} {value}"
        );
        assert_eq!([&line["issuer"], &line["route"]], ["corp", "ANY /{proxy+}"]);
        assert!(!line.to_string().contains("MARK"), "{line}");
    }
}

#[tokio::test]
async fn detail_names_the_part_of_the_token_that_cannot_be_verified() {
    let signer = Signer::of("ES256");
    let policy = bound_policy(&signer);
    let good = changed(&signer, "x", json!(1));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let header = |name: &str, value: Value| {
        let name = name.to_owned();
        signer.with_header(move |header| header[name] = value)
    };
    for (token, detail, issuer) in [
        ("MARK".to_owned(), "opaque", Value::Null),
        (format!("{signed}.{signature}.MARK"), "form", Value::Null),
        (
            format!("{good}{}", "A".repeat(10_240)),
            "too_long",
            Value::Null,
        ),
        (header("crit", json!(["exp"])), "header:crit", Value::Null),
        (header("kid", json!(7)), "header:kid", Value::Null),
        (
            changed(&signer, "iss", json!("https://MARK")),
            "issuer_unknown",
            Value::Null,
        ),
        (
            changed(&signer, "iss", Value::Null),
            "issuer_missing",
            Value::Null,
        ),
        (header("alg", json!("none")), "algorithm", json!("corp")),
        (header("alg", json!("HS256")), "algorithm", json!("corp")),
        (header("typ", json!("MARK")), "type", json!("corp")),
        (header("kid", json!("MARK")), "kid_unknown", json!("corp")),
        (
            signer.with_header(|header| {
                header.as_object_mut().unwrap().remove("kid");
            }),
            "kid_missing",
            json!("corp"),
        ),
    ] {
        let line = line(&policy, bearer_event(&token)).await;
        assert_eq!(
            [&line["reason"], &line["detail"]],
            ["invalid_token", detail]
        );
        assert_eq!(line["issuer"], issuer, "{detail}");
        assert!(!line.to_string().contains("MARK"), "{line}");
    }

    let forged = Signer::fresh("ES256").with(|_| ());
    let line = line(&policy, bearer_event(&forged)).await;
    assert_eq!(
        [&line["reason"], &line["detail"]],
        ["invalid_signature", "signature"]
    );
}

#[tokio::test]
async fn caller_needs_one_of_the_roles_of_the_rule() {
    let signer = Signer::of("ES256");
    let policy = bound_policy(&signer);
    for (roles, reason) in [
        (json!(["reader", "owner"]), "ok"),
        (json!("admin"), "ok"),
        (json!({"admin": {"1": "corp"}}), "ok"),
        (json!(["reader"]), "missing_role"),
        (json!("admin owner"), "missing_role"),
        (json!(["Admin"]), "missing_role"),
        (json!([]), "missing_role"),
        (Value::Null, "missing_role"),
    ] {
        let token = signer.with(|claims| {
            claims["realm"] = json!({"client": "app", "roles": roles});
        });
        let headers = json!({"authorization": format!("Bearer {token}")});
        let line = line(&policy, event("/admin/users", headers)).await;
        assert_eq!(line["reason"], reason, "{roles}");
        if reason == "missing_role" {
            assert_eq!(line["detail"], "none of the roles `admin`, `owner`");
            assert_eq!(line["route"], "ANY /admin/{proxy+}");
        }
    }
}

#[tokio::test]
async fn detail_names_the_credential_that_is_missing_or_unusable() {
    let mut policy = policy(&Signer::of("ES256").jwks());
    policy["mtls"] = json!({"default_plan": "free"});
    policy["rules"] = json!([
        {"match": "GET /jwt", "auth": "jwt"},
        {"match": "GET /keys", "auth": "api_key"},
        {"match": "GET /mtls", "auth": "mtls"},
        {"match": "GET /any", "auth": "any"},
    ]);
    for (path, headers, reason, detail) in [
        (
            "/jwt",
            json!({"x-api-key": PRO}),
            "missing_credentials",
            "token_missing",
        ),
        ("/keys", json!({}), "missing_credentials", "api_key_missing"),
        (
            "/mtls",
            json!({}),
            "missing_credentials",
            "certificate_missing",
        ),
        (
            "/any",
            json!({}),
            "missing_credentials",
            "credential_missing",
        ),
        (
            "/any",
            json!({"authorization": "Basic MARK"}),
            "malformed_credentials",
            "scheme",
        ),
        (
            "/any",
            json!({"x-api-key": "MARK"}),
            "malformed_credentials",
            "api_key_form",
        ),
        (
            "/any",
            json!({"x-api-key": "MARK-MARK-MARK-MARK-MARK"}),
            "unknown_key",
            "not_found",
        ),
    ] {
        let line = line(&policy, event(path, headers)).await;
        assert_eq!(
            [&line["reason"], &line["detail"]],
            [reason, detail],
            "{path}"
        );
        assert!(!line.to_string().contains("MARK"), "{line}");
    }
}

#[tokio::test]
async fn detail_of_a_throttled_request_names_the_limit() {
    let signer = Signer::of("ES256");
    let mut policy = policy(&signer.jwks());
    policy["issuers"][0]
        .as_object_mut()
        .unwrap()
        .remove("plan_claim");
    let authorizer = authorizer(&policy);
    let event = bearer_event(&signer.with(|_| ()));

    let mut throttled = Value::Null;
    for _ in 0..10 {
        let (_, line) = response_and_line(&authorizer, &event).await;
        if line["decision"] == "throttled" {
            throttled = line;
        }
    }
    assert_eq!(
        [&throttled["reason"], &throttled["detail"]],
        ["rate_exceeded", "burst"]
    );
}

#[tokio::test]
async fn list_that_is_mapped_to_different_plans_is_refused() {
    let signer = Signer::of("ES256");
    let mut policy = policy(&signer.jwks());
    let issuer = &mut policy["issuers"][0];
    issuer["plan_claim"] = "groups".into();
    issuer["plans"] = json!({"gold": "pro", "vip": "pro", "basic": "free"});
    for (groups, reason, plan) in [
        (json!(["staff", "gold", "vip"]), "ok", "pro"),
        (json!(["staff"]), "ok", "free"),
        (json!(["basic", "gold"]), "no_plan", "-"),
        (json!(["gold", "basic"]), "no_plan", "-"),
    ] {
        let token = signer.with(|claims| claims["groups"] = groups.clone());
        let line = line(&policy, bearer_event(&token)).await;
        assert_eq!([&line["reason"], &line["plan"]], [reason, plan], "{groups}");
    }
}
