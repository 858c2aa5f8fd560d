//! The explanation of a token agrees with the decision about it.

use authorizer::{CheckResult, TokenExplanation};
use serde_json::{Value, json};

use crate::provider::{Provider, Reply};
use crate::support::*;

async fn explained(authorizer: &TestAuthorizer, token: &str) -> TokenExplanation {
    authorizer.at(noon()).explain(token, &[]).await.unwrap()
}

async fn explained_for(
    authorizer: &TestAuthorizer,
    token: &str,
    method: &str,
    path: &str,
) -> TokenExplanation {
    let request = [(method.to_owned(), path.to_owned())];
    let explanation = authorizer.at(noon()).explain(token, &request).await;
    explanation.unwrap()
}

fn signer() -> Signer {
    Signer::of("ES256")
}

fn authorizer_with(change: impl FnOnce(&mut Value)) -> TestAuthorizer {
    let mut policy = policy(&signer().jwks());
    policy["issuers"][0]["name"] = "corp".into();
    policy["issuers"][0]["required_claims"] = json!({"/realm/kind": ["user", "service"]});
    change(&mut policy);
    authorizer(&policy)
}

fn valid(change: impl FnOnce(&mut Value)) -> String {
    signer().with(|claims| {
        claims["realm"] = json!({"kind": "user"});
        change(claims);
    })
}

fn names(explanation: &TokenExplanation, result: CheckResult) -> Vec<&'static str> {
    let checks = explanation.checks.iter();
    checks
        .filter(|check| check.result == result)
        .map(|check| check.check)
        .collect()
}

fn text<'e>(explanation: &'e TokenExplanation, name: &str) -> &'e str {
    let check = explanation.checks.iter().find(|check| check.check == name);
    &check
        .unwrap_or_else(|| panic!("{name}: {explanation:?}"))
        .text
}

#[tokio::test]
async fn front_is_named_but_not_checked() {
    let mut policy = policy(&signer().jwks());
    policy["front"] = json!({"secret": "env:FRONT"});
    let secret = "0123456789abcdef0123456789abcdef";
    let authorizer = authorizer_with_environment(&policy, &[("FRONT", secret)]);

    let explanation = explained_for(&authorizer, &signer().with(|_| ()), "GET", "/orders").await;
    assert!(explanation.accepted, "{explanation:?}");
    assert_eq!(names(&explanation, CheckResult::Skipped), ["front"]);
    assert!(!format!("{explanation:?}").contains(secret));
}

#[tokio::test]
async fn every_check_of_a_valid_token_passes() {
    let authorizer = authorizer_with(|_| ());
    let explanation = explained(&authorizer, &valid(|_| ())).await;
    assert_eq!(
        names(&explanation, CheckResult::Passed),
        [
            "form",
            "issuer",
            "audience",
            "algorithm",
            "type",
            "kid",
            "key",
            "signature",
            "times",
            "required claim",
            "user",
            "plan",
            "scopes",
            "roles",
        ]
    );
    assert_eq!(explanation.checks.len(), 14);
    assert!(explanation.accepted);
    assert_eq!(
        (explanation.reason, explanation.detail.as_deref()),
        ("ok", None)
    );
    assert_eq!(explanation.issuer.as_deref(), Some("corp"));

    for (name, expected) in [
        (
            "issuer",
            "`iss` is \"https://issuer.example\", entry `corp`",
        ),
        (
            "audience",
            "`aud` is \"https://api.example\", accepted: `https://api.example`",
        ),
        ("key", "key \"ES256\", in the policy"),
        (
            "required claim",
            "`/realm/kind` is \"user\", accepted: `\"user\"`, `\"service\"`",
        ),
        ("user", "`sub` is \"alice\""),
        ("plan", "`pro`, `plan` is \"pro\""),
        ("scopes", "`orders:read`, from `scope`"),
        ("roles", "none, `roles` is missing"),
    ] {
        assert_eq!(text(&explanation, name), expected);
    }
    let times = text(&explanation, "times");
    assert!(
        times.starts_with("issued 0 s ago, expires in 1 h; clock tolerance 30 s"),
        "{times}"
    );
}

#[tokio::test]
async fn failed_check_has_the_detail_of_the_refusal() {
    let authorizer = authorizer_with(|policy| {
        policy["issuers"][0]["types"] = json!(["at+jwt"]);
        policy["issuers"][0]["algorithms"] = json!(["ES256", "ES384"]);
    });
    let now = noon().as_second();
    let set = |name: &'static str, value: Value| valid(move |claims| claims[name] = value);
    let header = |name: &'static str, value: Value| {
        let mut header = signer().header();
        header[name] = value;
        let mut claims = claims();
        claims["realm"] = json!({"kind": "user"});
        signer().raw(&header.to_string(), &claims.to_string())
    };
    let forged = Signer::fresh("ES256").token(&{
        let mut claims = claims();
        claims["realm"] = json!({"kind": "user"});
        claims
    });

    for (token, check, detail) in [
        ("opaque".to_owned(), "form", "opaque"),
        ("e30.e30.".to_owned(), "form", "form"),
        ("e".repeat(20_000), "form", "too_long"),
        (header("crit", json!(["exp"])), "form", "header:crit"),
        (set("iss", Value::Null), "issuer", "issuer_missing"),
        (
            set("iss", "https://issuer.example/".into()),
            "issuer",
            "issuer_unknown",
        ),
        (set("aud", json!(["a", "b"])), "audience", "audience"),
        (header("alg", "RS256".into()), "algorithm", "algorithm"),
        (header("alg", "none".into()), "algorithm", "algorithm"),
        (header("typ", "JWT".into()), "type", "type"),
        (header("kid", "other".into()), "key", "kid_unknown"),
        (forged, "signature", "signature"),
        (set("exp", (now - 3_600).into()), "times", "expired"),
        (set("exp", Value::Null), "times", "claim:exp"),
        (set("nbf", (now + 3_600).into()), "times", "not_before"),
        (set("exp", (now + 864_000).into()), "times", "lifetime"),
        (
            set("realm", json!({"kind": "x"})),
            "required claim",
            "claim:realm.kind",
        ),
        (set("sub", json!(7)), "user", "claim:sub"),
        (set("plan", json!(7)), "plan", "claim:plan"),
        (set("cnf", json!({"jkt": "x"})), "certificate", "claim:cnf"),
    ] {
        let explanation = explained(&authorizer, &token).await;
        assert!(!explanation.accepted, "{check}");
        assert_eq!(
            explanation.detail.as_deref(),
            Some(detail),
            "{explanation:?}"
        );

        let failed = explanation
            .checks
            .iter()
            .find(|it| it.result == CheckResult::Failed);
        let failed = failed.unwrap();
        assert_eq!(
            (failed.check, failed.detail.as_deref()),
            (check, Some(detail))
        );
        assert_eq!(failed.reason, Some(explanation.reason), "{detail}");
    }
}

#[tokio::test]
async fn usual_mistakes_are_named() {
    let authorizer =
        authorizer_with(|policy| policy["issuers"][0]["roles_claim"] = "realm.roles".into());
    for (token, expected) in [
        ("null", "`jq`"),
        ("{\"access_token\":\"a.b.c\"}", "a JSON document"),
        ("Bearer a.b.c", "without `Authorization: Bearer`"),
        ("eyJhbGciOiJkaXIifQ.a.b.c.d", "encrypted"),
        ("tg_0123456789", "`api_keys.bearer`"),
    ] {
        let explanation = explained(&authorizer, token).await;
        let text = text(&explanation, "form");
        assert!(text.contains(expected), "{token}: {text}");
    }

    let now = noon().as_second();
    let milliseconds = valid(|claims| claims["exp"] = ((now + 60) * 1_000).into());
    let explanation = explained(&authorizer, &milliseconds).await;
    assert!(
        text(&explanation, "times").contains("milliseconds"),
        "{explanation:?}"
    );
    assert_eq!(names(&explanation, CheckResult::Failed), ["times"]);

    let explanation = explained(&authorizer, &valid(|_| ())).await;
    let roles = text(&explanation, "roles");
    assert!(
        roles.contains("a nested claim is written `/realm/roles`"),
        "{roles}"
    );
}

#[tokio::test]
async fn checks_continue_after_a_failure() {
    let authorizer = authorizer_with(|_| ());
    let now = noon().as_second();
    let token = valid(|claims| {
        claims["aud"] = "another".into();
        claims["exp"] = (now - 7_260).into();
        claims["iat"] = (now - 10_860).into();
        claims["realm"] = json!({"kind": "robot"});
    });

    let explanation = explained(&authorizer, &token).await;
    assert_eq!(
        names(&explanation, CheckResult::Failed),
        ["audience", "times", "required claim"]
    );
    assert!(text(&explanation, "times").contains("expired 2 h 1 min ago"));
    assert_eq!(text(&explanation, "signature"), "made by this key");
    assert_eq!(explanation.detail.as_deref(), Some("audience"));
}

#[tokio::test]
async fn issuer_that_differs_in_a_slash_is_pointed_out() {
    let authorizer = authorizer_with(|_| ());
    for (iss, differs) in [
        ("https://issuer.example/", true),
        ("https://other.example", false),
    ] {
        let token = valid(|claims| claims["iss"] = iss.into());
        let explanation = explained(&authorizer, &token).await;
        let text = text(&explanation, "issuer");
        assert!(text.contains("trusted: `https://issuer.example`"), "{text}");
        assert_eq!(
            text.ends_with("only the slash at the end differs"),
            differs,
            "{text}"
        );
    }
}

#[tokio::test]
async fn dropped_scopes_and_refused_plans_are_named() {
    let authorizer = authorizer_with(|policy| {
        policy["issuers"][0]["allowed_scopes"] = json!(["orders:read"]);
        policy["issuers"][0]["allowed_plans"] = json!(["free"]);
    });
    let token = valid(|claims| claims["scope"] = "orders:read orders:write".into());

    let explanation = explained(&authorizer, &token).await;
    assert_eq!(
        text(&explanation, "scopes"),
        "`orders:read`; dropped by `allowed_scopes`: `orders:write`, from `scope`"
    );
    assert_eq!(names(&explanation, CheckResult::Failed), ["plan"]);
    assert_eq!(explanation.reason, "plan_not_allowed");
    assert!(!explanation.accepted);
}

#[tokio::test]
async fn rule_of_a_request_is_checked() {
    let authorizer = authorizer_with(|_| ());
    let token = valid(|_| ());
    for (method, path, accepted, reason, expected) in [
        (
            "GET",
            "/orders",
            true,
            "ok",
            "GET /orders: rule `ANY /{proxy+}` accepts the token",
        ),
        (
            "GET",
            "/%6frders?page=1",
            true,
            "ok",
            "GET /%6frders?page=1: rule `ANY /{proxy+}` accepts the token",
        ),
        (
            "GET",
            "/",
            false,
            "no_rule",
            "GET /: no rule matches the method and the path",
        ),
        (
            "GET",
            "/admin/users",
            false,
            "insufficient_scope",
            "GET /admin/users: rule `ANY /admin/{proxy+}`: scope `admin:read` is missing",
        ),
        (
            "GET",
            "/keys/1",
            false,
            "missing_credentials",
            "GET /keys/1: rule `ANY /keys/{proxy+}` reads no token",
        ),
        (
            "GET",
            "/a/../admin",
            false,
            "malformed_path",
            "GET /a/../admin: the path contains `..`",
        ),
    ] {
        let explanation = explained_for(&authorizer, &token, method, path).await;
        assert_eq!(text(&explanation, "rule"), expected);
        assert_eq!(
            (explanation.accepted, explanation.reason),
            (accepted, reason),
            "{path}"
        );
    }

    let expired = valid(|claims| claims["exp"] = 1.into());
    let explanation = explained_for(&authorizer, &expired, "GET", "/orders").await;
    assert_eq!(names(&explanation, CheckResult::Skipped), ["rule"]);
}

#[tokio::test]
async fn revocation_is_explained_after_all_other_checks() {
    let provider = Provider::start().await;
    let authorizer = authorizer_with(|policy| {
        policy["issuers"][0]["revocation"] = "introspection".into();
        policy["introspection"] = json!({"endpoint": provider.url("/introspect"), "issuer": ISSUER,
            "client_id": "tollgate", "client_secret": "secret", "default_plan": "free"});
    });
    provider.reply("/introspect", Reply::json(&json!({"active": false})));

    let explanation = explained(&authorizer, &valid(|_| ())).await;
    assert_eq!(names(&explanation, CheckResult::Failed), ["revocation"]);
    assert_eq!(explanation.detail.as_deref(), Some("inactive"));

    let expired = valid(|claims| claims["exp"] = 1.into());
    let explanation = explained(&authorizer, &expired).await;
    assert_eq!(names(&explanation, CheckResult::Skipped), ["revocation"]);
    assert_eq!(provider.requests("/introspect"), 1);
}

#[tokio::test]
async fn opaque_token_is_explained_by_introspection() {
    let provider = Provider::start().await;
    let authorizer = authorizer_with(|policy| {
        policy["introspection"] = json!({"endpoint": provider.url("/introspect"),
            "client_id": "tollgate", "client_secret": "secret", "default_plan": "free",
            "audiences": [AUDIENCE], "token_pattern": "opaque-.*"});
    });
    let active = json!({"active": true, "sub": "alice", "scope": "orders:read", "aud": AUDIENCE});
    provider.reply("/introspect", Reply::json(&active));
    let explanation = explained(&authorizer, "opaque-1").await;
    assert!(explanation.accepted, "{explanation:?}");
    assert_eq!(text(&explanation, "user"), "`sub` is \"alice\"");
    assert_eq!(text(&explanation, "scopes"), "`orders:read`, from `scope`");

    let other = json!({"active": true, "sub": "alice", "aud": "other", "exp": 1});
    provider.reply("/introspect", Reply::json(&other));
    let explanation = explained(&authorizer, "opaque-3").await;
    assert_eq!(
        names(&explanation, CheckResult::Failed),
        ["times", "audience"]
    );
    assert_eq!(explanation.detail.as_deref(), Some("expired"));
    let accepted = "`aud` is \"other\", accepted: `https://api.example`";
    assert_eq!(text(&explanation, "audience"), accepted);

    provider.reply("/introspect", Reply::json(&json!({"active": false})));
    let explanation = explained(&authorizer, "opaque-2").await;
    assert_eq!(names(&explanation, CheckResult::Failed), ["introspection"]);
    assert_eq!(explanation.detail.as_deref(), Some("inactive"));

    let requests = provider.requests("/introspect");
    let explanation = explained(&authorizer, "other").await;
    assert_eq!(names(&explanation, CheckResult::Failed), ["introspection"]);
    assert_eq!(explanation.detail.as_deref(), Some("pattern"));
    assert_eq!(provider.requests("/introspect"), requests);
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_fail_the_check_of_the_key() {
    let provider = Provider::start().await;
    let authorizer = authorizer_with(|policy| {
        let issuer = policy["issuers"][0].as_object_mut().unwrap();
        issuer.remove("jwks");
        issuer.insert("jwks_uri".to_owned(), provider.url("/none").into());
    });
    let explanation = explained(&authorizer, &valid(|_| ())).await;
    assert_eq!(names(&explanation, CheckResult::Failed), ["key"]);
    assert_eq!(explanation.reason, "keys_unavailable");
}
