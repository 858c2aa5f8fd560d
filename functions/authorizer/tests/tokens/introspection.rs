//! Opaque tokens: scenarios 72 and 73.

use authorizer::Authorizer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::provider::{Provider, Reply};
use crate::support::*;

const PATH: &str = "/introspect";

fn asking(provider: &Provider, change: impl FnOnce(&mut Value)) -> Authorizer {
    let mut policy = policy(&Signer::of("ES256").jwks());
    policy["introspection"] = json!({"endpoint": provider.url(PATH), "client_id": "tollgate", "client_secret": "s p",
        "default_plan": "pro"});
    change(&mut policy["introspection"]);
    authorizer(&policy)
}

fn active() -> Value {
    json!({"active": true, "sub": "alice", "scope": "orders:read", "exp": noon().as_second() + 3_600})
}

async fn answering(answer: &Value) -> (Provider, Authorizer) {
    let provider = Provider::start().await;
    provider.reply(PATH, Reply::json(answer));
    let authorizer = asking(&provider, |_| ());
    (provider, authorizer)
}

#[tokio::test]
async fn an_active_token_names_its_user() {
    let (provider, authorizer) = answering(&active()).await;
    let context = context(&authorizer, bearing("opaque")).await;
    assert_eq!(
        [&context["auth"], &context["user_id"], &context["scopes"], &context["plan"]],
        ["introspection", "alice", "orders:read", "pro"]
    );
    let request = provider.last(PATH).to_lowercase();
    let credentials = STANDARD.encode("tollgate:s%20p").to_lowercase();
    assert!(request.starts_with("post /introspect "), "{request}");
    assert!(request.contains(&format!("authorization: basic {credentials}")), "{request}");
    assert!(request.ends_with("token=opaque&token_type_hint=access_token"), "{request}");
}

#[tokio::test]
async fn what_is_not_active_or_not_for_us_is_401() {
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
        with("scope", json!(1)),
        with("iss", json!(1)),
        with("cnf", json!({"x5t#S256": "x"})),
        json!({"active": true}),
    ] {
        let (_, authorizer) = answering(&answer).await;
        assert_eq!(said(&authorizer, bearing("opaque")).await, "401", "{answer}");
    }
}

#[tokio::test]
async fn issuer_and_audience_are_held_against_the_policy_where_it_names_them() {
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
        whole.as_object_mut().unwrap().extend(answer.as_object().unwrap().clone());
        provider.reply(PATH, Reply::json(&whole));
        let authorizer = asking(&provider, |policy| {
            policy["issuer"] = "https://a".into();
            policy["audiences"] = json!(["us"]);
        });
        assert_eq!(said(&authorizer, bearing("opaque")).await, expected, "{answer}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_say_is_our_fault_and_nothing_is_remembered() {
    let (provider, authorizer) = answering(&active()).await;
    for reply in [
        Reply::status("500 Internal Server Error"),
        Reply::status("401 Unauthorized"),
        Reply { headers: "location: http://127.0.0.1/\r\n".to_owned(), ..Reply::status("302 Found") },
        Reply::bytes(b"<html>".to_vec()),
        Reply::json(&json!({})),
        Reply::json(&json!({"active": "true"})),
        Reply::bytes(br#"{"active":true,"active":true}"#.to_vec()),
    ] {
        provider.reply(PATH, reply);
        let told = said(&authorizer, bearing("opaque")).await;
        assert!(told.starts_with("introspection: "), "{told}");
    }
    provider.reply(PATH, Reply::json(&active()));
    assert_eq!(said(&authorizer, bearing("opaque")).await, "ok");
}

#[tokio::test]
async fn answers_are_remembered_good_ones_for_long_and_bad_ones_for_short() {
    let (provider, authorizer) = answering(&active()).await;
    for (seconds, requests) in [(0, 1), (1, 1), (299, 1), (300, 2)] {
        assert_eq!(said_at(&authorizer, bearing("good"), after(seconds)).await, "ok");
        assert_eq!(provider.requests(PATH), requests, "{seconds}");
    }
    provider.reply(PATH, Reply::json(&json!({"active": false})));
    for (seconds, requests) in [(301, 3), (302, 3), (310, 3), (311, 4)] {
        assert_eq!(said_at(&authorizer, bearing("bad"), after(seconds)).await, "401");
        assert_eq!(provider.requests(PATH), requests, "{seconds}");
    }
}

#[tokio::test]
async fn a_remembered_token_still_meets_its_end() {
    let mut answer = active();
    answer["exp"] = (noon().as_second() + 10).into();
    let (provider, authorizer) = answering(&answer).await;
    for (seconds, expected) in [(0, "ok"), (40, "ok"), (41, "401")] {
        assert_eq!(said_at(&authorizer, bearing("opaque"), after(seconds)).await, expected, "{seconds}");
    }
    assert_eq!(provider.requests(PATH), 1);
}

#[tokio::test]
async fn a_jwt_is_never_shown_to_the_server_whoever_issued_it() {
    let (provider, authorizer) = answering(&active()).await;
    let signer = Signer::of("ES256");
    let unknown = signer.with(|claims| claims["iss"] = "https://unknown.example".into());
    let encrypted = "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.a.b.c.d";
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0.";
    for token in [&unknown, &signer.with(|claims| claims["exp"] = 1.into()), encrypted, unsigned] {
        assert_eq!(said(&authorizer, bearing(token)).await, "401");
    }
    assert_eq!(said(&authorizer, bearing(&signer.with(|_| ()))).await, "ok");
    assert_eq!(provider.requests(PATH), 0);
}

#[tokio::test]
async fn without_introspection_an_opaque_token_is_401() {
    assert_eq!(said(&trusting(&Signer::of("ES256")), bearing("opaque")).await, "401");
}
