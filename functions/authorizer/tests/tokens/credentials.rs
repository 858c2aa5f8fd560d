//! Credentials on their own and together, and what comes of them: scenarios 54 to 59.

use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn the_context_names_the_user() {
    let signer = Signer::of("ES256");
    let token = signer.with(|claims| {
        claims["email"] = "alice@example.com".into();
        claims["email_verified"] = true.into();
        claims["roles"] = json!(["admin", "on call"]);
        claims["plan"] = "pro".into();
        claims["scope"] = "orders:read  orders:write".into();
    });
    let context = context(&trusting(&signer), bearing(&token)).await;
    for (name, expected) in [
        ("user_id", "alice"),
        ("issuer", ISSUER),
        ("email", "alice@example.com"),
        ("roles", "admin,on%20call"),
        ("plan", "pro"),
        ("scopes", "orders:read orders:write"),
        ("auth", "jwt"),
        ("key_id", "-"),
        ("decision", "allowed"),
        ("reason", "ok"),
    ] {
        assert_eq!(context[name], expected, "{name}");
    }
}

#[tokio::test]
async fn an_email_address_counts_if_it_is_verified_or_the_policy_trusts_its_issuer() {
    let signer = Signer::of("ES256");
    let (trusting, doubting) = (
        trusting_with(&signer, |issuer| issuer["trust_email"] = true.into()),
        trusting(&signer),
    );
    let by_email = |trust: bool| {
        trusting_with(&signer, |issuer| {
            (issuer["user_claim"], issuer["trust_email"]) = ("email".into(), trust.into());
        })
    };
    let (users_trusted, users_doubted) = (by_email(true), by_email(false));
    const ADDRESS: &str = "ceo@corp.example";
    for (verified, if_trusted, otherwise) in [
        (json!(true), true, true),
        // As Cognito and Apple write it.
        (json!("true"), true, true),
        (json!(null), true, false),
        (json!(false), false, false),
        (json!("false"), false, false),
        (json!(1), false, false),
    ] {
        let token = signer.with(|claims| {
            (claims["email"], claims["email_verified"]) = (ADDRESS.into(), verified.clone())
        });
        for (authorizer, counts) in [(&trusting, if_trusted), (&doubting, otherwise)] {
            let expected = if counts { ADDRESS } else { "-" };
            assert_eq!(
                context(authorizer, bearing(&token)).await["email"],
                expected,
                "{verified}"
            );
        }
        for (authorizer, counts) in [(&users_trusted, if_trusted), (&users_doubted, otherwise)] {
            let expected = if counts { "ok" } else { "401" };
            assert_eq!(
                said(authorizer, bearing(&token)).await,
                expected,
                "{verified}"
            );
        }
    }
    let without = signer.with(|claims| claims["email"] = ADDRESS.into());
    assert_eq!(
        context(&trusting, bearing(&without)).await["email"],
        ADDRESS
    );
    assert_eq!(context(&doubting, bearing(&without)).await["email"], "-");
    assert_eq!(said(&users_doubted, bearing(&without)).await, "401");
    assert_eq!(
        context(&users_trusted, bearing(&without)).await["user_id"],
        ADDRESS
    );
}

#[tokio::test]
async fn a_subject_cannot_pretend_to_be_nobody_or_to_be_more_than_one_header() {
    let signer = Signer::of("ES256");
    let authorizer = trusting(&signer);
    for (subject, expected) in [
        ("-", "%2D"),
        ("a\r\nx-tollgate-plan: pro", "a%0D%0Ax-tollgate-plan:%20pro"),
        ("J\u{fc}rgen", "J%C3%BCrgen"),
        ("%2D", "%252D"),
    ] {
        let token = signer.with(|claims| claims["sub"] = subject.into());
        assert_eq!(
            context(&authorizer, bearing(&token)).await["user_id"],
            expected
        );
    }
}

#[tokio::test]
async fn the_scheme_is_bearer_in_any_case_and_no_other() {
    let signer = Signer::of("ES256");
    let (authorizer, token) = (trusting(&signer), signer.with(|_| ()));
    for (value, expected) in [
        (format!("Bearer {token}"), "ok"),
        (format!("bearer {token}"), "ok"),
        (format!("BEARER {token}"), "ok"),
        (format!("Basic {token}"), "401"),
        (format!("DPoP {token}"), "401"),
        (token.clone(), "401"),
        ("Bearer".to_owned(), "401"),
        ("Bearer ".to_owned(), "401"),
        (format!("Bearer {token},Bearer {token}"), "401"),
        (String::new(), "401"),
    ] {
        let event = event("/orders", json!({"authorization": value}));
        assert_eq!(said(&authorizer, event).await, expected, "{value}");
    }
}

#[tokio::test]
async fn a_token_and_a_key_both_have_to_hold_and_the_keys_plan_is_charged() {
    let signer = Signer::of("ES256");
    let authorizer = trusting(&signer);
    let good = format!(
        "Bearer {}",
        signer.with(|claims| claims["plan"] = "free".into())
    );
    let bad = format!("Bearer {}", signer.with(|claims| claims["exp"] = 1.into()));
    for path in ["/orders", "/jwt/orders"] {
        for (token, key, expected) in [
            (&good, PRO, "ok"),
            (&bad, PRO, "401"),
            (&good, "no-such-key-no-such-key", "401"),
            (&good, "short", "401"),
        ] {
            let event = event(path, json!({"authorization": token, "x-api-key": key}));
            assert_eq!(said(&authorizer, event).await, expected, "{path} {key}");
        }
    }
    let context = context(
        &authorizer,
        event("/orders", json!({"authorization": good, "x-api-key": PRO})),
    )
    .await;
    assert_eq!(
        [
            &context["plan"],
            &context["key_id"],
            &context["user_id"],
            &context["auth"],
            &context["scopes"]
        ],
        ["pro", "local-pro", "alice", "jwt", "orders:read"]
    );
}

#[tokio::test]
async fn a_rule_takes_the_credentials_that_it_names() {
    let signer = Signer::of("ES256");
    let authorizer = trusting(&signer);
    let token = format!("Bearer {}", signer.with(|_| ()));
    for (path, headers, expected) in [
        ("/jwt/x", json!({"x-api-key": PRO}), "401"),
        ("/jwt/x", json!({"authorization": token}), "ok"),
        ("/keys/x", json!({"authorization": token}), "401"),
        (
            "/keys/x",
            json!({"authorization": "Basic YTpi", "x-api-key": PRO}),
            "ok",
        ),
        ("/orders", json!({"authorization": token}), "ok"),
        ("/orders", json!({}), "401"),
    ] {
        assert_eq!(
            said(&authorizer, event(path, headers.clone())).await,
            expected,
            "{path} {headers}"
        );
    }
}

#[tokio::test]
async fn a_token_in_the_query_or_a_cookie_is_not_looked_at() {
    let signer = Signer::of("ES256");
    let token = signer.with(|_| ());
    let mut event = event(
        "/orders",
        json!({"cookie": format!("access_token={token}")}),
    );
    event["rawQueryString"] = format!("access_token={token}").into();
    event["queryStringParameters"] = json!({"access_token": token});
    event["cookies"] = json!([format!("access_token={token}")]);
    assert_eq!(said(&trusting(&signer), event).await, "401");
}

#[tokio::test]
async fn a_user_has_limits_of_its_own() {
    let signer = Signer::of("ES256");
    let authorizer = trusting(&signer);
    let of = |subject: &str| {
        bearing(
            &signer
                .with(|claims| (claims["sub"], claims["plan"]) = (subject.into(), "free".into())),
        )
    };
    for _ in 0..5 {
        assert_eq!(
            context(&authorizer, of("alice")).await["decision"],
            "allowed"
        );
    }
    assert_eq!(
        context(&authorizer, of("alice")).await["decision"],
        "throttled"
    );
    assert_eq!(context(&authorizer, of("bob")).await["decision"], "allowed");
}

#[tokio::test]
async fn a_plan_that_does_not_exist_is_forbidden_and_not_named() {
    let signer = Signer::of("ES256");
    let token = signer.with(|claims| claims["plan"] = "no such\nplan".into());
    let context = context(&trusting(&signer), bearing(&token)).await;
    assert_eq!(
        (&context["reason"], &context["plan"]),
        (&json!("unknown_plan"), &json!("-"))
    );
}

#[tokio::test]
async fn a_token_seen_before_still_meets_its_end() {
    let signer = Signer::of("ES256");
    let (authorizer, event) = (trusting(&signer), bearing(&signer.with(|_| ())));
    for (seconds, expected) in [
        (0, "ok"),
        (1, "ok"),
        (3_630, "ok"),
        (3_631, "401"),
        (2, "ok"),
    ] {
        assert_eq!(
            said_at(&authorizer, event.clone(), after(seconds)).await,
            expected,
            "{seconds}"
        );
    }
}

#[tokio::test]
async fn a_clock_before_1970_is_our_fault() {
    let signer = Signer::of("ES256");
    let told = said_at(
        &trusting(&signer),
        bearing(&signer.with(|_| ())),
        "1969-12-31T23:59:59Z".parse().unwrap(),
    )
    .await;
    assert_eq!(told, "the system clock is before 1970-01-01");
}

/// Browsers ask before they send anything with credentials, and without them.
#[tokio::test]
async fn a_preflight_passes_and_whatever_only_looks_like_one_does_not() {
    let authorizer = trusting(&Signer::of("ES256"));
    let asking = json!({"origin": "https://app.example", "access-control-request-method": "POST"});
    for (method, path, headers, expected) in [
        ("OPTIONS", "/orders", asking.clone(), "ok"),
        ("OPTIONS", "/admin/users", asking.clone(), "ok"),
        ("OPTIONS", "/a//b", asking.clone(), "malformed_path"),
        ("GET", "/orders", asking.clone(), "401"),
        (
            "OPTIONS",
            "/orders",
            json!({"origin": "https://app.example"}),
            "401",
        ),
        (
            "OPTIONS",
            "/orders",
            json!({"access-control-request-method": "POST"}),
            "401",
        ),
        (
            "OPTIONS",
            "/orders",
            json!({"origin": "a", "access-control-request-method": "POST", "x-api-key": "k"}),
            "401",
        ),
        (
            "OPTIONS",
            "/orders",
            json!({"origin": "a", "access-control-request-method": "POST", "authorization": "x"}),
            "401",
        ),
    ] {
        let mut event = event(path, headers.clone());
        event["requestContext"]["http"]["method"] = method.into();
        assert_eq!(
            said(&authorizer, event).await,
            expected,
            "{method} {path} {headers}"
        );
    }
    let mut event = event("/orders", asking);
    event["requestContext"]["http"]["method"] = "OPTIONS".into();
    let context = context(&authorizer, event).await;
    assert_eq!(
        [&context["auth"], &context["user_id"], &context["plan"]],
        ["none", "-", "-"]
    );
}
