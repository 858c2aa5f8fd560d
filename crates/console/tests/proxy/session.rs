//! The one-time code and the session of a page.

use std::time::Duration;

use console::proxy::{CODE_LIFETIME, SESSION_IDLE_TIMEOUT};
use serde_json::json;

use crate::setup::{PLANS, SESSION, Setup, TARGET};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn code_is_exchanged_once() {
    let setup = Setup::start().await;
    let code = setup.code();

    let first = setup.exchange(&code).await;
    assert_eq!(first.status, 200);
    assert_eq!(first.json()["idle_s"], 1_800);
    assert_eq!(first.headers["cache-control"], "no-store");
    setup.proxy.opened().await;

    // For example in a second browser, to which another program gave the file.
    let second = setup.exchange(&code).await;
    assert_eq!(second.status, 401);
    assert!(second.detail().contains("was used already"), "{second:?}");
}

#[tokio::test]
async fn late_wrong_or_replaced_code_is_refused_with_the_same_text() {
    let setup = Setup::start().await;
    let late = setup.code();
    setup.wait(CODE_LIFETIME);
    let replaced = setup.code();
    let valid = setup.code();

    let mut texts = Vec::new();
    for code in [
        &late,
        &replaced,
        "",
        "x",
        &valid[..42],
        &format!("{valid}a"),
    ] {
        let reply = setup.exchange(code).await;
        assert_eq!(reply.status, 401, "{code}");
        texts.push(reply.detail());
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert_eq!(setup.exchange(&valid).await.status, 200);
}

#[tokio::test]
async fn code_is_only_accepted_in_the_body_of_the_page() {
    let setup = Setup::start().await;
    let code = setup.code();
    let body = json!({"code": code});
    let call = || setup.sent_by_page("POST", SESSION, "local");

    let without_header = call().with("x-tollgate-console", None).json(&body);
    assert_eq!(without_header.send(setup.address).await.status, 403);
    let other_origin = call()
        .with("origin", Some("https://evil.example"))
        .json(&body);
    assert_eq!(other_origin.send(setup.address).await.status, 403);
    let other_host = call().with("host", Some("evil.example")).json(&body);
    assert_eq!(other_host.send(setup.address).await.status, 403);

    let in_query = setup.sent_by_page("POST", &format!("{SESSION}?code={code}"), "local");
    assert_eq!(in_query.send(setup.address).await.status, 400);
    let as_session = setup.sent_by_page("GET", TARGET, &code);
    assert_eq!(as_session.send(setup.address).await.status, 401);
    for body in [
        json!({}),
        json!([&code]),
        json!({"code": code, "more": 1}),
        json!({"code": 1}),
    ] {
        assert_eq!(
            call().json(&body).send(setup.address).await.status,
            400,
            "{body}"
        );
    }
    assert_eq!(
        call().json(&body).send(setup.address).await.status,
        200,
        "still valid"
    );
}

#[tokio::test]
async fn request_without_a_valid_session_is_refused() {
    let setup = Setup::start().await;
    let session = setup.session().await;
    let code = setup.code();
    for wrong in [
        "",
        "local",
        &session[..42],
        &format!("{session}a"),
        &session.to_lowercase(),
        &code,
    ] {
        for target in [
            TARGET,
            PLANS,
            SESSION,
            "/orders",
            "/_tollgate/v1/../../orders",
        ] {
            let reply = setup
                .sent_by_page("GET", target, wrong)
                .send(setup.address)
                .await;
            assert_eq!(reply.status, 401, "{target} {wrong}: {reply:?}");
            assert_eq!(reply.headers["x-tollgate-console-session"], "ended");
        }
    }
    let without = setup
        .sent_by_page("GET", PLANS, &session)
        .with("x-tollgate-console", None);
    assert_eq!(without.send(setup.address).await.status, 401);
    assert!(setup.server.requests().is_empty());
}

#[tokio::test]
async fn session_ends_after_thirty_minutes_without_activity() {
    let setup = Setup::start().await;
    let session = setup.session().await;
    let status = async |is_idle: bool| {
        let call = setup.sent_by_page("GET", TARGET, &session);
        let call = call.with("x-tollgate-console-idle", is_idle.then_some("1"));
        call.send(setup.address).await.status
    };

    setup.wait(SESSION_IDLE_TIMEOUT - SECOND);
    assert_eq!(status(false).await, 200);
    setup.wait(SESSION_IDLE_TIMEOUT - SECOND);
    assert_eq!(status(true).await, 200, "activity has extended it");
    setup.wait(SECOND);
    assert_eq!(status(true).await, 401, "polling has not extended it");
    assert_eq!(status(false).await, 401, "it does not begin again");
}

#[tokio::test]
async fn page_can_end_its_session() {
    let setup = Setup::start().await;
    let (first, second) = (setup.session().await, setup.session().await);
    let end = setup.sent_by_page("DELETE", SESSION, &first);
    assert_eq!(end.send(setup.address).await.status, 204);

    for (session, expected) in [(&first, 401), (&second, 200)] {
        let call = setup.sent_by_page("GET", TARGET, session);
        assert_eq!(call.send(setup.address).await.status, expected);
    }
}

#[tokio::test]
async fn fifth_session_ends_the_oldest_one() {
    let setup = Setup::start().await;
    let mut sessions = Vec::new();
    for _ in 0..5 {
        sessions.push(setup.session().await);
        setup.wait(SECOND);
    }
    for (index, session) in sessions.iter().enumerate() {
        let reply = setup
            .sent_by_page("GET", TARGET, session)
            .send(setup.address)
            .await;
        assert_eq!(reply.status, if index == 0 { 401 } else { 200 }, "{index}");
    }
}

#[tokio::test]
async fn secrets_are_not_in_debug_output() {
    let setup = Setup::start().await;
    let session = setup.session().await;
    let code = setup.code();
    let text = format!("{:?}", setup.proxy);
    assert!(!text.contains(&session) && !text.contains(&code), "{text}");
}
