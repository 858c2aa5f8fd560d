//! Opaque tokens, and the authorization server that verifies them.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use registry::{Block, BlockTarget, Condition};
use serde_json::{Value, json};

use crate::provider::{Provider, Reply};
use crate::support::*;

const PATH: &str = "/introspect";

fn authorizer_using(provider: &Provider, change: impl FnOnce(&mut Value)) -> TestAuthorizer {
    let mut policy = policy(&Signer::of("ES256").jwks());
    policy["introspection"] = json!({"endpoint": provider.url(PATH), "client_id": "tollgate", "client_secret": "s p",
        "default_plan": "pro"});
    change(&mut policy["introspection"]);
    authorizer(&policy)
}

fn active() -> Value {
    json!({"active": true, "sub": "alice", "scope": "orders:read", "exp": noon().as_second() + 3_600})
}

async fn provider_returning(answer: &Value) -> (Provider, TestAuthorizer) {
    let provider = Provider::start().await;
    provider.reply(PATH, Reply::json(answer));
    let authorizer = authorizer_using(&provider, |_| ());
    (provider, authorizer)
}

#[tokio::test]
async fn active_token_names_its_user() {
    let (provider, authorizer) = provider_returning(&active()).await;
    let context = context(&authorizer, bearer_event("opaque")).await;
    assert_eq!(
        [
            &context["auth"],
            &context["user_id"],
            &context["scopes"],
            &context["plan"]
        ],
        ["introspection", "alice", "orders:read", "pro"]
    );
    let request = provider.last(PATH).to_lowercase();
    let credentials = STANDARD.encode("tollgate:s+p").to_lowercase();
    assert!(request.starts_with("post /introspect "), "{request}");
    assert!(
        request.contains(&format!("authorization: basic {credentials}")),
        "{request}"
    );
    assert!(
        request.ends_with("token=opaque&token_type_hint=access_token"),
        "{request}"
    );
    for header in [
        "user-agent: tollgate/",
        "accept: application/json\r\n",
        "accept-encoding: identity\r\n",
    ] {
        assert!(request.contains(header), "{header}: {request}");
    }
}

#[tokio::test]
async fn inactive_or_foreign_token_is_401() {
    let good = active();
    let with = |name: &str, value: Value| {
        let mut answer = good.clone();
        answer[name] = value;
        answer
    };
    for answer in [
        json!({"active": false}),
        with("active", json!(false)),
        with("exp", json!(noon().as_second() - 31)),
        with("exp", json!("soon")),
        with("nbf", json!(noon().as_second() + 31)),
        with("sub", json!(1)),
        with("iss", json!(1)),
        with("cnf", json!({"x5t#S256": "x"})),
        with("cnf", json!(null)),
        with("exp", json!(null)),
        with("nbf", json!(null)),
        with("sub", json!(null)),
        json!({"active": true}),
    ] {
        let (_, authorizer) = provider_returning(&answer).await;
        assert_eq!(
            reason_of(&authorizer, bearer_event("opaque")).await,
            "401",
            "{answer}"
        );
    }
}

#[tokio::test]
async fn refresh_token_is_refused() {
    // Servers report active refresh tokens too (RFC 7662, section 2.1). Ory Hydra says so in
    // `token_use`, and its first versions in `token_type`.
    for (field, value, expected) in [
        ("token_use", "access_token", "ok"),
        ("token_type", "Bearer", "ok"),
        ("token_use", "refresh_token", "401"),
        ("token_type", "refresh_token", "401"),
        ("token_type", "Refresh_Token", "401"),
    ] {
        let mut answer = active();
        answer[field] = value.into();
        let (_, authorizer) = provider_returning(&answer).await;
        assert_eq!(
            reason_of(&authorizer, bearer_event("opaque")).await,
            expected,
            "{answer}"
        );
    }
}

#[tokio::test]
async fn configured_issuer_and_audience_are_checked() {
    for (answer, expected) in [
        (json!({"iss": "https://a", "aud": "us"}), "ok"),
        (json!({"iss": "https://a", "aud": ["x", "us"]}), "ok"),
        (json!({"iss": "https://b", "aud": "us"}), "401"),
        (json!({"aud": "us"}), "401"),
        (json!({"iss": "https://a"}), "401"),
        (json!({"iss": "https://a", "aud": "them"}), "401"),
    ] {
        let provider = Provider::start().await;
        let mut whole = active();
        whole
            .as_object_mut()
            .unwrap()
            .extend(answer.as_object().unwrap().clone());
        provider.reply(PATH, Reply::json(&whole));
        let authorizer = authorizer_using(&provider, |policy| {
            policy["issuer"] = "https://a".into();
            policy["audiences"] = json!(["us"]);
        });
        assert_eq!(
            reason_of(&authorizer, bearer_event("opaque")).await,
            expected,
            "{answer}"
        );
    }
}

#[tokio::test]
async fn detail_names_the_cause_of_a_refusal() {
    let now = noon().as_second();
    let with = |change: Value| {
        let mut response = json!({"active": true, "iss": "https://a", "aud": "us", "sub": "alice"});
        let change = change.as_object().unwrap().clone();
        response.as_object_mut().unwrap().extend(change);
        Reply::json(&response)
    };
    let refused = Reply {
        status: "400 Bad Request",
        ..with(json!({"error": "invalid_request"}))
    };
    for (reply, reason, detail) in [
        (
            Reply::json(&json!({"active": false})),
            "invalid_token",
            "inactive",
        ),
        (refused, "invalid_token", "refused_by_server"),
        (with(json!({"exp": now - 31})), "token_expired", "expired"),
        (
            with(json!({"nbf": now + 31})),
            "invalid_claims",
            "not_before",
        ),
        (with(json!({"iss": "MARK"})), "invalid_claims", "issuer"),
        (with(json!({"aud": "MARK"})), "invalid_claims", "audience"),
        (with(json!({"sub": 7})), "invalid_claims", "claim:sub"),
    ] {
        let provider = Provider::start().await;
        provider.reply(PATH, reply);
        let authorizer = authorizer_using(&provider, |policy| {
            policy["issuer"] = "https://a".into();
            policy["name"] = "opaque".into();
            policy["audiences"] = json!(["us"]);
            policy["token_pattern"] = "oat_[a-z]+".into();
        });

        for (token, reason, detail) in [
            ("oat_x", reason, detail),
            ("MARK", "invalid_token", "pattern"),
        ] {
            let line = log_line(&authorizer, bearer_event(token)).await;
            assert_eq!(
                [&line["reason"], &line["detail"], &line["issuer"]],
                [reason, detail, "opaque"],
                "{line}"
            );
            assert!(!line.to_string().contains("MARK"), "{line}");
        }
    }
}

#[tokio::test]
async fn claims_of_a_response_are_found_by_reference() {
    let provider = Provider::start().await;
    // A token of a client has no user.
    let response = json!({"active": true, "client_id": "billing", "permissions": ["orders:read"],
        "realm_access": {"roles": ["staff", "order admin"]}, "account": {"tier": "gold"}});
    provider.reply(PATH, Reply::json(&response));
    let authorizer = authorizer_using(&provider, |policy| {
        policy["user_claim"] = json!(["sub", "client_id"]);
        policy["scopes_claim"] = "permissions".into();
        policy["roles_claim"] = "/realm_access/roles".into();
        policy["plan_claim"] = "/account/tier".into();
        policy["plans"] = json!({"gold": "pro"});
        policy["default_plan"] = "free".into();
    });
    let context = context(&authorizer, bearer_event("opaque")).await;
    let fields = ["user_id", "scopes", "roles", "plan"].map(|name| context[name].as_str());
    assert_eq!(
        fields.map(Option::unwrap_or_default),
        ["billing", "orders:read", "staff,order%20admin", "pro"]
    );
}

#[tokio::test]
async fn unusable_response_is_500_and_not_remembered() {
    let (provider, authorizer) = provider_returning(&active()).await;
    for reply in [
        Reply::status("500 Internal Server Error"),
        Reply::status("403 Forbidden"),
        Reply::status("404 Not Found"),
        Reply {
            headers: "location: http://127.0.0.1/\r\n".to_owned(),
            ..Reply::status("302 Found")
        },
        Reply::bytes(b"<html>".to_vec()),
        Reply::json(&json!({})),
        Reply::json(&json!({"active": "true"})),
        Reply::bytes(br#"{"active":true,"active":true}"#.to_vec()),
    ] {
        provider.reply(PATH, reply);
        let reason = reason_of(&authorizer, bearer_event("opaque")).await;
        assert!(reason.starts_with("introspection: "), "{reason}");
    }
    provider.reply(PATH, Reply::json(&active()));
    assert_eq!(reason_of(&authorizer, bearer_event("opaque")).await, "ok");
}

#[tokio::test]
async fn refused_token_is_401_and_remembered() {
    let error = |status, code: &str| Reply {
        status,
        ..Reply::json(&json!({ "error": code }))
    };
    for reply in [
        error("400 Bad Request", "invalid_request"),
        error("401 Unauthorized", "invalid_token"),
        error("404 Not Found", "not_found"),
        Reply::status("422 Unprocessable Content"),
    ] {
        let (provider, authorizer) = provider_returning(&active()).await;
        provider.reply(PATH, reply);
        for _ in 0..3 {
            assert_eq!(
                reason_of(&authorizer, bearer_event("odd~token")).await,
                "401"
            );
        }
        assert_eq!(provider.requests(PATH), 1);
    }
}

#[tokio::test]
async fn refused_client_credentials_are_a_fault() {
    let error = |status, code: &str| Reply {
        status,
        ..Reply::json(&json!({ "error": code }))
    };
    for reply in [
        error("401 Unauthorized", "invalid_client"),
        error("400 Bad Request", "invalid_client"),
        Reply::status("401 Unauthorized"),
    ] {
        let (provider, authorizer) = provider_returning(&active()).await;
        provider.reply(PATH, reply);
        let reason = reason_of(&authorizer, bearer_event("opaque")).await;
        assert!(
            reason.starts_with("introspection: the server refuses the client id or secret: "),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn concurrent_requests_share_one_introspection() {
    for (status, expected) in [
        ("200 OK", "ok"),
        ("503 Service Unavailable", "introspection: status 503"),
    ] {
        let (provider, authorizer) = provider_returning(&active()).await;
        provider.reply(
            PATH,
            Reply {
                status,
                delay: Duration::from_millis(100),
                ..Reply::json(&active())
            },
        );
        let authorizer = Arc::new(authorizer);
        let requests: Vec<_> = (0..100)
            .map(|_| {
                let authorizer = Arc::clone(&authorizer);
                tokio::spawn(async move { reason_of(&authorizer, bearer_event("opaque")).await })
            })
            .collect();
        for request in requests {
            assert_eq!(request.await.unwrap(), expected);
        }
        assert_eq!(provider.requests(PATH), 1);
    }
}

#[tokio::test]
async fn forged_tokens_are_limited_and_do_not_affect_known_ones() {
    let (provider, authorizer) = provider_returning(&active()).await;
    assert_eq!(reason_of(&authorizer, bearer_event("known")).await, "ok");
    // All requests must begin before the first response, also on a busy machine.
    let slow = Reply {
        delay: Duration::from_secs(2),
        ..Reply::json(&json!({"active": false}))
    };
    provider.reply(PATH, slow);
    let authorizer = Arc::new(authorizer);
    let flood: Vec<_> = (0..300)
        .map(|number| {
            let authorizer = Arc::clone(&authorizer);
            tokio::spawn(async move {
                reason_of(&authorizer, bearer_event(&format!("made-up-{number}"))).await
            })
        })
        .collect();
    let mut refused = 0;
    for request in flood {
        match request.await.unwrap().as_str() {
            "401" => refused += 1,
            reason => assert_eq!(reason, "introspection: 64 calls are in flight"),
        }
    }
    assert_eq!((provider.most_in_flight(), refused), (64, 64));
    assert_eq!(reason_of(&authorizer, bearer_event("known")).await, "ok");
}

#[tokio::test]
async fn busy_server_is_called_once_per_token() {
    let (provider, authorizer) = provider_returning(&active()).await;
    provider.reply(PATH, Reply::status("429 Too Many Requests"));
    for number in 1..=3 {
        let reason = reason_of(&authorizer, bearer_event(&format!("token-{number}"))).await;
        assert_eq!(reason, "introspection: status 429");
        assert_eq!(provider.requests(PATH), number);
    }
}

#[tokio::test]
async fn breaker_opens_if_the_server_is_down() {
    let (provider, authorizer) = provider_returning(&active()).await;
    assert_eq!(reason_of(&authorizer, bearer_event("known")).await, "ok");
    provider.reply(PATH, Reply::status("503 Service Unavailable"));
    for number in 0..60 {
        let reason = reason_of(&authorizer, bearer_event(&format!("token-{number}"))).await;
        assert!(reason.starts_with("introspection: "), "{reason}");
    }
    assert!(provider.requests(PATH) <= 10, "{}", provider.requests(PATH));
    assert_eq!(reason_of(&authorizer, bearer_event("known")).await, "ok");
}

#[tokio::test]
async fn invalid_tokens_do_not_open_the_breaker() {
    let (provider, authorizer) = provider_returning(&active()).await;
    provider.reply(PATH, Reply::status("400 Bad Request"));
    for number in 0..20 {
        assert_eq!(
            reason_of(&authorizer, bearer_event(&format!("odd-{number}"))).await,
            "401"
        );
    }
    provider.reply(PATH, Reply::json(&active()));
    assert_eq!(reason_of(&authorizer, bearer_event("good")).await, "ok");
}

#[tokio::test]
async fn token_that_does_not_match_the_pattern_is_401_without_a_call() {
    let provider = Provider::start().await;
    provider.reply(PATH, Reply::json(&active()));
    let authorizer = authorizer_using(&provider, |policy| {
        policy["token_pattern"] = "oat_[A-Za-z0-9]{4}".into()
    });
    for token in ["made-up", "oat_Ab3", "oat_Ab3dx", "xoat_Ab3d", "OAT_Ab3d"] {
        assert_eq!(
            reason_of(&authorizer, bearer_event(token)).await,
            "401",
            "{token}"
        );
    }
    assert_eq!(provider.requests(PATH), 0);
    assert_eq!(reason_of(&authorizer, bearer_event("oat_Ab3d")).await, "ok");
}

#[tokio::test]
async fn accepted_tokens_are_cached_longer_than_refused_ones() {
    let (provider, authorizer) = provider_returning(&active()).await;
    for (seconds, requests) in [(0, 1), (1, 1), (299, 1), (300, 2)] {
        assert_eq!(
            reason_at(&authorizer, bearer_event("good"), after(seconds)).await,
            "ok"
        );
        assert_eq!(provider.requests(PATH), requests, "{seconds}");
    }
    provider.reply(PATH, Reply::json(&json!({"active": false})));
    for (seconds, requests) in [(301, 3), (302, 3), (310, 3), (311, 4)] {
        assert_eq!(
            reason_at(&authorizer, bearer_event("bad"), after(seconds)).await,
            "401"
        );
        assert_eq!(provider.requests(PATH), requests, "{seconds}");
    }
}

#[tokio::test]
async fn remembered_opaque_token_still_expires() {
    let mut answer = active();
    answer["exp"] = (noon().as_second() + 10).into();
    let (provider, authorizer) = provider_returning(&answer).await;
    for (seconds, expected) in [(0, "ok"), (40, "ok"), (41, "401")] {
        assert_eq!(
            reason_at(&authorizer, bearer_event("opaque"), after(seconds)).await,
            expected,
            "{seconds}"
        );
    }
    assert_eq!(provider.requests(PATH), 1);
}

#[tokio::test]
async fn jwt_is_never_sent_to_the_server() {
    let (provider, authorizer) = provider_returning(&active()).await;
    let signer = Signer::of("ES256");
    let unknown = signer.with(|claims| claims["iss"] = "https://unknown.example".into());
    let encrypted = "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.a.b.c.d";
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0.";
    for token in [
        &unknown,
        &signer.with(|claims| claims["exp"] = 1.into()),
        encrypted,
        unsigned,
    ] {
        assert_eq!(reason_of(&authorizer, bearer_event(token)).await, "401");
    }
    assert_eq!(
        reason_of(&authorizer, bearer_event(&signer.with(|_| ()))).await,
        "ok"
    );
    assert_eq!(provider.requests(PATH), 0);
}

#[tokio::test]
async fn opaque_token_without_introspection_is_401() {
    assert_eq!(
        reason_of(
            &authorizer_for_signer(&Signer::of("ES256")),
            bearer_event("opaque")
        )
        .await,
        "401"
    );
}

#[tokio::test]
async fn block_stops_the_user_and_the_issuer_of_an_opaque_token() {
    let mut active = active();
    active["iss"] = ISSUER.into();
    let (_provider, authorizer) = provider_returning(&active).await;
    let context = context(&authorizer, bearer_event("opaque")).await;
    assert_eq!(context["reason"], "ok");

    let issuer = context["issuer"].as_str().unwrap().to_owned();
    let subject = limits::Caller::from_subject(&issuer, "alice").to_string();
    let issuer_id = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&issuer);
    for (kind, id) in [
        ("sub", subject.trim_start_matches("sub#")),
        ("issuer", &*issuer_id),
    ] {
        let target = BlockTarget::parse(kind, id).unwrap();
        let block = Block {
            target: target.clone(),
            until: None,
            note: None,
            created_at: noon(),
        };
        let admin = authorizer.store().admin();
        let put = admin.put_block(&block, &Condition::None, noon());
        put.await.unwrap();
        let reason = reason_of(&authorizer, bearer_event("opaque")).await;
        assert_eq!(reason, "blocked", "{kind}");

        let delete = admin.delete_block(&target, &Condition::None, noon());
        delete.await.unwrap();
        let reason = reason_of(&authorizer, bearer_event("opaque")).await;
        assert_eq!(reason, "ok", "{kind}");
    }
}
