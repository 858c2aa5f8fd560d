//! Credentials alone and in combination.

use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn context_names_the_user() {
    let signer = Signer::of("ES256");
    let token = signer.with(|claims| {
        claims["email"] = "alice@example.com".into();
        claims["email_verified"] = true.into();
        claims["roles"] = json!(["admin", "on call"]);
        claims["plan"] = "pro".into();
        claims["scope"] = "orders:read  orders:write".into();
    });
    let context = context(&authorizer_for_signer(&signer), bearer_event(&token)).await;
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
async fn unverified_email_counts_only_if_the_policy_trusts_the_issuer() {
    let signer = Signer::of("ES256");
    let (trusting, doubting) = (
        authorizer_for_issuer(&signer, |issuer| issuer["trust_email"] = true.into()),
        authorizer_for_signer(&signer),
    );
    let by_email = |trust: bool| {
        authorizer_for_issuer(&signer, |issuer| {
            (issuer["user_claim"], issuer["trust_email"]) = ("email".into(), trust.into());
        })
    };
    let (users_trusted, users_doubted) = (by_email(true), by_email(false));
    const ADDRESS: &str = "ceo@corp.example";
    for (verified, if_trusted, otherwise) in [
        (json!(true), true, true),
        // The form of Cognito and Apple.
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
                context(authorizer, bearer_event(&token)).await["email"],
                expected,
                "{verified}"
            );
        }
        for (authorizer, counts) in [(&users_trusted, if_trusted), (&users_doubted, otherwise)] {
            let expected = if counts { "ok" } else { "401" };
            assert_eq!(
                reason_of(authorizer, bearer_event(&token)).await,
                expected,
                "{verified}"
            );
        }
    }
    let without = signer.with(|claims| claims["email"] = ADDRESS.into());
    assert_eq!(
        context(&trusting, bearer_event(&without)).await["email"],
        ADDRESS
    );
    assert_eq!(
        context(&doubting, bearer_event(&without)).await["email"],
        "-"
    );
    assert_eq!(
        reason_of(&users_doubted, bearer_event(&without)).await,
        "401"
    );
    assert_eq!(
        context(&users_trusted, bearer_event(&without)).await["user_id"],
        ADDRESS
    );
}

#[tokio::test]
async fn subject_is_encoded_for_headers() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_for_signer(&signer);
    for (subject, expected) in [
        ("-", "%2D"),
        ("a\r\nx-tollgate-plan: pro", "a%0D%0Ax-tollgate-plan:%20pro"),
        ("J\u{fc}rgen", "J%C3%BCrgen"),
        ("%2D", "%252D"),
    ] {
        let token = signer.with(|claims| claims["sub"] = subject.into());
        assert_eq!(
            context(&authorizer, bearer_event(&token)).await["user_id"],
            expected
        );
    }
}

#[tokio::test]
async fn only_the_bearer_scheme_is_accepted() {
    let signer = Signer::of("ES256");
    let (authorizer, token) = (authorizer_for_signer(&signer), signer.with(|_| ()));
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
        assert_eq!(reason_of(&authorizer, event).await, expected, "{value}");
    }
}

#[tokio::test]
async fn token_and_key_must_both_be_valid_and_the_key_is_charged() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_for_signer(&signer);
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
            assert_eq!(
                reason_of(&authorizer, event).await,
                expected,
                "{path} {key}"
            );
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
async fn rule_accepts_only_its_credentials() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_for_signer(&signer);
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
            reason_of(&authorizer, event(path, headers.clone())).await,
            expected,
            "{path} {headers}"
        );
    }
}

#[tokio::test]
async fn token_in_query_or_cookie_is_ignored() {
    let signer = Signer::of("ES256");
    let token = signer.with(|_| ());
    let mut event = event(
        "/orders",
        json!({"cookie": format!("access_token={token}")}),
    );
    event["rawQueryString"] = format!("access_token={token}").into();
    event["queryStringParameters"] = json!({"access_token": token});
    event["cookies"] = json!([format!("access_token={token}")]);
    assert_eq!(
        reason_of(&authorizer_for_signer(&signer), event).await,
        "401"
    );
}

#[tokio::test]
async fn each_user_has_separate_limits() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_for_signer(&signer);
    let of = |subject: &str| {
        bearer_event(
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
async fn unknown_plan_of_a_token_is_forbidden_and_not_logged() {
    let signer = Signer::of("ES256");
    let token = signer.with(|claims| claims["plan"] = "no such\nplan".into());
    let context = context(&authorizer_for_signer(&signer), bearer_event(&token)).await;
    assert_eq!(
        (&context["reason"], &context["plan"]),
        (&json!("unknown_plan"), &json!("-"))
    );
}

#[tokio::test]
async fn remembered_token_still_expires() {
    let signer = Signer::of("ES256");
    let (authorizer, event) = (
        authorizer_for_signer(&signer),
        bearer_event(&signer.with(|_| ())),
    );
    for (seconds, expected) in [
        (0, "ok"),
        (1, "ok"),
        (3_630, "ok"),
        (3_631, "401"),
        (2, "ok"),
    ] {
        assert_eq!(
            reason_at(&authorizer, event.clone(), after(seconds)).await,
            expected,
            "{seconds}"
        );
    }
}

#[tokio::test]
async fn changed_token_is_refused_while_the_original_is_remembered() {
    let signer = Signer::of("ES256");
    let (authorizer, token) = (authorizer_for_signer(&signer), signer.with(|_| ()));
    assert_eq!(reason_of(&authorizer, bearer_event(&token)).await, "ok");

    for position in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[position] = if changed[position] == b'A' {
            b'B'
        } else {
            b'A'
        };
        let changed = String::from_utf8(changed).unwrap();
        let reason = reason_of(&authorizer, bearer_event(&changed)).await;
        assert_eq!(reason, "401", "{position}");
    }
    for changed in [&token[1..], &token[..token.len() - 1], &format!("{token}A")] {
        assert_eq!(reason_of(&authorizer, bearer_event(changed)).await, "401");
    }
}

#[tokio::test]
async fn clock_before_1970_is_a_fault() {
    let signer = Signer::of("ES256");
    let reason = reason_at(
        &authorizer_for_signer(&signer),
        bearer_event(&signer.with(|_| ())),
        "1969-12-31T23:59:59Z".parse().unwrap(),
    )
    .await;
    assert_eq!(reason, "the system clock is before 1970-01-01");
}

/// Browsers send preflight requests without credentials.
#[tokio::test]
async fn only_real_preflight_requests_are_allowed() {
    let authorizer = authorizer_for_signer(&Signer::of("ES256"));
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
            reason_of(&authorizer, event).await,
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
