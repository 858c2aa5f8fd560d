//! Fetching of signing keys: how often, how long keys are used, and what does not replace them. The
//! clock is set by the tests.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::provider::{Provider, Reply};
use crate::support::*;

const JWKS: &str = "/jwks";
const DISCOVERY: &str = "/.well-known/openid-configuration";
const UNAVAILABLE: &str = "cannot fetch the issuer's signing keys";

/// An authorizer whose issuer publishes its keys at this provider.
fn authorizer_using(provider: &Provider) -> TestAuthorizer {
    let mut policy = policy(&Value::Null);
    policy["issuers"][0].as_object_mut().unwrap().remove("jwks");
    policy["issuers"][0]["jwks_uri"] = provider.url(JWKS).into();
    authorizer(&policy)
}

async fn provider_with_keys(signer: &Signer) -> (Provider, TestAuthorizer) {
    let provider = Provider::start().await;
    provider.reply(JWKS, Reply::json(&signer.jwks()));
    let authorizer = authorizer_using(&provider);
    (provider, authorizer)
}

/// An event with a token that is valid for a day, so that only its key matters.
fn long_lived_event(signer: &Signer) -> Value {
    bearer_event(&signer.with(|claims| claims["exp"] = (noon().as_second() + 86_400).into()))
}

#[tokio::test]
async fn keys_are_fetched_before_the_first_request() {
    let signer = Signer::fresh("1");
    let (provider, authorizer) = provider_with_keys(&signer).await;
    authorizer.at(noon()).preload().await;
    assert_eq!(provider.requests(JWKS), 1);
    assert_eq!(
        reason_of(&authorizer, long_lived_event(&signer)).await,
        "ok"
    );
    assert_eq!(provider.requests(JWKS), 1);
}

#[tokio::test]
async fn concurrent_requests_share_one_fetch() {
    let signer = Signer::fresh("1");
    let (provider, authorizer) = provider_with_keys(&signer).await;
    provider.reply(
        JWKS,
        Reply {
            delay: Duration::from_millis(100),
            ..Reply::json(&signer.jwks())
        },
    );
    let authorizer = Arc::new(authorizer);
    let requests: Vec<_> = (0..100)
        .map(|_| {
            let (authorizer, event) = (Arc::clone(&authorizer), long_lived_event(&signer));
            tokio::spawn(async move { reason_of(&authorizer, event).await })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.unwrap(), "ok");
    }
    assert_eq!(provider.requests(JWKS), 1);
}

#[tokio::test]
async fn unknown_kids_fetch_once_per_interval() {
    let signer = Signer::fresh("1");
    let (provider, authorizer) = provider_with_keys(&signer).await;
    authorizer.at(noon()).preload().await;
    for (seconds, fetches) in [(1, 2), (9, 2), (10, 2), (11, 3), (20, 3), (21, 4)] {
        for number in 0..20 {
            let unknown = long_lived_event(&Signer::fresh(&format!("{seconds}-{number}")));
            assert_eq!(reason_at(&authorizer, unknown, after(seconds)).await, "401");
        }
        assert_eq!(provider.requests(JWKS), fetches, "{seconds}");
    }
}

#[tokio::test]
async fn new_key_is_accepted_just_after_a_fetch() {
    let (old, new) = (Signer::fresh("old"), Signer::fresh("new"));
    let (provider, authorizer) = provider_with_keys(&old).await;
    authorizer.at(noon()).preload().await;
    provider.reply(JWKS, Reply::json(&json!({"keys": [old.jwk(), new.jwk()]})));
    assert_eq!(
        reason_at(&authorizer, long_lived_event(&new), after(1)).await,
        "ok"
    );
    assert_eq!(
        reason_at(&authorizer, long_lived_event(&old), after(1)).await,
        "ok"
    );
    assert_eq!(provider.requests(JWKS), 2);
}

#[tokio::test]
async fn revoked_key_invalidates_remembered_tokens() {
    let (revoked, new) = (Signer::fresh("revoked"), Signer::fresh("new"));
    let (provider, authorizer) = provider_with_keys(&revoked).await;
    assert_eq!(
        reason_of(&authorizer, long_lived_event(&revoked)).await,
        "ok"
    );
    provider.reply(JWKS, Reply::json(&new.jwks()));
    assert_eq!(
        reason_at(&authorizer, long_lived_event(&new), after(60)).await,
        "ok"
    );
    assert_eq!(
        reason_at(&authorizer, long_lived_event(&revoked), after(61)).await,
        "401"
    );
    // A different key with the same `kid`.
    let again = Signer::fresh("new");
    provider.reply(JWKS, Reply::json(&again.jwks()));
    assert_eq!(
        reason_at(&authorizer, long_lived_event(&new), after(3_700)).await,
        "401"
    );
    assert_eq!(
        reason_at(&authorizer, long_lived_event(&again), after(3_700)).await,
        "ok"
    );
}

#[tokio::test]
async fn keys_are_refreshed_in_the_background() {
    let signer = Signer::fresh("1");
    let (provider, authorizer) = provider_with_keys(&signer).await;
    authorizer.at(noon()).preload().await;
    provider.reply(
        JWKS,
        Reply {
            delay: Duration::from_secs(600),
            ..Reply::json(&signer.jwks())
        },
    );
    for _ in 0..5 {
        assert_eq!(
            reason_at(&authorizer, long_lived_event(&signer), after(600)).await,
            "ok"
        );
    }
    while provider.requests(JWKS) < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        reason_at(&authorizer, long_lived_event(&signer), after(601)).await,
        "ok"
    );
    assert_eq!(provider.requests(JWKS), 2);
}

#[tokio::test]
async fn old_keys_are_used_for_a_day_if_fetches_fail() {
    let signer = Signer::fresh("1");
    let (provider, authorizer) = provider_with_keys(&signer).await;
    authorizer.at(noon()).preload().await;
    provider.reply(JWKS, Reply::status("500 Internal Server Error"));
    for hours in 1..24 {
        assert_eq!(
            reason_at(&authorizer, long_lived_event(&signer), after(hours * 3_600)).await,
            "ok",
            "{hours}"
        );
    }
    assert_eq!(
        reason_at(&authorizer, long_lived_event(&signer), after(86_400)).await,
        UNAVAILABLE
    );
}

#[tokio::test]
async fn one_bad_response_at_cold_start_is_retried() {
    for bad in [
        Reply::status("503 Service Unavailable"),
        Reply::status("500 Internal Server Error"),
        Reply {
            delay: Duration::from_secs(600),
            ..Reply::status("200 OK")
        },
    ] {
        let (signer, provider) = (Signer::fresh("1"), Provider::start().await);
        provider.reply_once(JWKS, bad);
        provider.reply(JWKS, Reply::json(&signer.jwks()));
        assert_eq!(
            reason_of(&authorizer_using(&provider), long_lived_event(&signer)).await,
            "ok"
        );
        assert_eq!(provider.requests(JWKS), 2);
    }
}

#[tokio::test]
async fn response_after_1500_ms_at_cold_start_is_awaited() {
    let (signer, provider) = (Signer::fresh("1"), Provider::start().await);
    provider.reply(
        JWKS,
        Reply {
            delay: Duration::from_millis(1_500),
            ..Reply::json(&signer.jwks())
        },
    );
    assert_eq!(
        reason_of(&authorizer_using(&provider), long_lived_event(&signer)).await,
        "ok"
    );
    assert_eq!(provider.requests(JWKS), 1);
}

#[tokio::test]
async fn without_keys_failed_fetch_is_retried_after_one_second() {
    let (signer, provider) = (Signer::fresh("1"), Provider::start().await);
    provider.reply(JWKS, Reply::status("404 Not Found"));
    let authorizer = authorizer_using(&provider);
    authorizer.at(noon()).preload().await;
    for _ in 0..10 {
        assert_eq!(
            reason_at(&authorizer, long_lived_event(&signer), noon()).await,
            UNAVAILABLE
        );
    }
    assert_eq!(provider.requests(JWKS), 1);
    provider.reply(JWKS, Reply::json(&signer.jwks()));
    assert_eq!(
        reason_at(&authorizer, long_lived_event(&signer), after(1)).await,
        "ok"
    );
}

#[tokio::test]
async fn fetch_has_a_user_agent_and_accepts_no_compression() {
    let signer = Signer::fresh("1");
    let (provider, authorizer) = provider_with_keys(&signer).await;
    assert_eq!(
        reason_of(&authorizer, long_lived_event(&signer)).await,
        "ok"
    );
    let request = provider.last(JWKS).to_lowercase();
    for header in [
        "user-agent: tollgate/",
        "accept: application/json\r\n",
        "accept-encoding: identity\r\n",
    ] {
        assert!(request.contains(header), "{header}: {request}");
    }
}

#[tokio::test]
async fn compressed_key_set_is_read() {
    use std::io::Write as _;

    let signer = Signer::fresh("1");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder
        .write_all(signer.jwks().to_string().as_bytes())
        .unwrap();
    let compressed = Reply::bytes(encoder.finish().unwrap());
    let (provider, authorizer) = provider_with_keys(&signer).await;
    provider.reply(
        JWKS,
        Reply {
            headers: "content-encoding: gzip\r\n".to_owned(),
            ..compressed
        },
    );
    assert_eq!(
        reason_of(&authorizer, long_lived_event(&signer)).await,
        "ok"
    );
}

#[tokio::test]
async fn unreachable_provider_is_a_fault() {
    let (signer, listener) = (
        Signer::fresh("1"),
        std::net::TcpListener::bind("127.0.0.1:0").unwrap(),
    );
    let mut policy = policy(&Value::Null);
    policy["issuers"][0].as_object_mut().unwrap().remove("jwks");
    policy["issuers"][0]["jwks_uri"] =
        format!("http://{}/jwks", listener.local_addr().unwrap()).into();
    drop(listener);
    assert_eq!(
        reason_of(&authorizer(&policy), long_lived_event(&signer)).await,
        UNAVAILABLE
    );
}

#[tokio::test]
async fn slow_provider_times_out() {
    let (signer, provider) = (Signer::fresh("1"), Provider::start().await);
    provider.reply(
        JWKS,
        Reply {
            delay: Duration::from_secs(600),
            ..Reply::json(&signer.jwks())
        },
    );
    let began = std::time::Instant::now();
    assert_eq!(
        reason_of(&authorizer_using(&provider), long_lived_event(&signer)).await,
        UNAVAILABLE
    );
    assert!(
        began.elapsed() < Duration::from_secs(6),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn invalid_key_set_does_not_replace_good_keys() {
    let signer = Signer::fresh("1");
    let (provider, authorizer) = provider_with_keys(&signer).await;
    authorizer.at(noon()).preload().await;
    let elsewhere = Provider::start().await;
    elsewhere.reply(JWKS, Reply::json(&Signer::fresh("2").jwks()));
    let good = signer.jwks().to_string();
    let many: Vec<Value> = (0..101)
        .map(|number| Signer::fresh(&number.to_string()).jwk())
        .collect();
    let redirect = Reply {
        headers: format!("location: {}\r\n", elsewhere.url(JWKS)),
        ..Reply::status("302 Found")
    };
    let huge = format!("{}{}", " ".repeat(300 * 1_024), good);
    let broken = [
        ("empty", Reply::bytes(Vec::new())),
        ("no keys", Reply::json(&json!({"keys": []}))),
        ("no list", Reply::json(&json!({"keys": {}}))),
        ("no member", Reply::json(&json!({}))),
        (
            "a secret",
            Reply::json(&json!({"keys": [{"kty": "oct", "kid": "1", "k": "c2VjcmV0"}]})),
        ),
        ("HTML", Reply::bytes(b"<html>sign in</html>".to_vec())),
        (
            "half",
            Reply::bytes(good.as_bytes()[..good.len() / 2].to_vec()),
        ),
        (
            "twice",
            Reply::bytes(format!(r#"{{"keys":[],"keys":{}}}"#, signer.jwks()["keys"]).into_bytes()),
        ),
        (
            "gzip",
            Reply {
                headers: "content-encoding: gzip\r\n".to_owned(),
                ..Reply::bytes(vec![0x1f, 0x8b, 8, 0])
            },
        ),
        ("too many", Reply::json(&json!({"keys": many}))),
        ("huge", Reply::bytes(huge.into_bytes())),
        ("redirect", redirect),
        ("not modified", Reply::status("304 Not Modified")),
        (
            "error",
            Reply {
                status: "500 Internal Server Error",
                ..Reply::json(&Signer::fresh("2").jwks())
            },
        ),
        (
            "forbidden",
            Reply {
                status: "403 Forbidden",
                ..Reply::json(&Signer::fresh("2").jwks())
            },
        ),
    ];
    let mut fetches = 1;
    for (number, (case, reply)) in (1..).zip(broken) {
        fetches += if reply.status.starts_with('5') { 2 } else { 1 };
        provider.reply(JWKS, reply);
        let now = after(number * 60);
        assert_eq!(
            reason_at(&authorizer, long_lived_event(&Signer::fresh("2")), now).await,
            "401",
            "{case}"
        );
        assert_eq!(
            reason_at(&authorizer, long_lived_event(&signer), now).await,
            "ok",
            "{case}"
        );
        assert_eq!(provider.requests(JWKS), fetches, "{case}");
    }
    assert_eq!(elsewhere.requests(JWKS), 0);
}

#[tokio::test]
async fn unusable_key_does_not_affect_the_others() {
    let signer = Signer::fresh("1");
    let (provider, authorizer) = provider_with_keys(&signer).await;
    let odd = json!([1, {}, {"kty": "EC", "crv": "P-521", "kid": "x"}, {"kty": "RSA", "kid": "y", "n": "AQAB", "e": "AQAB"}, signer.jwk()]);
    provider.reply(JWKS, Reply::json(&json!({"keys": odd, "more": true})));
    assert_eq!(
        reason_of(&authorizer, long_lived_event(&signer)).await,
        "ok"
    );
}

fn authorizer_with_discovery(provider: &Provider) -> (TestAuthorizer, String) {
    let issuer = provider.url("");
    let mut policy = policy(&Value::Null);
    policy["issuers"][0].as_object_mut().unwrap().remove("jwks");
    policy["issuers"][0]["issuer"] = issuer.clone().into();
    (authorizer(&policy), issuer)
}

#[tokio::test]
async fn keys_are_discovered() {
    let (signer, provider) = (Signer::fresh("1"), Provider::start().await);
    let (authorizer, issuer) = authorizer_with_discovery(&provider);
    provider.reply(
        DISCOVERY,
        Reply::json(&json!({"issuer": issuer, "jwks_uri": provider.url(JWKS), "other": 1})),
    );
    provider.reply(JWKS, Reply::json(&signer.jwks()));
    let token = bearer_event(&signer.with(|claims| claims["iss"] = issuer.into()));
    assert_eq!(reason_of(&authorizer, token).await, "ok");
}

#[tokio::test]
async fn misleading_discovery_document_is_refused() {
    let (signer, provider) = (Signer::fresh("1"), Provider::start().await);
    let (_, issuer) = authorizer_with_discovery(&provider);
    let keys = provider.url(JWKS);
    provider.reply(JWKS, Reply::json(&signer.jwks()));
    for document in [
        json!({"issuer": "https://other.example", "jwks_uri": keys}),
        json!({"issuer": format!("{issuer}/"), "jwks_uri": keys}),
        json!({"jwks_uri": keys}),
        json!({"issuer": issuer}),
        json!({"issuer": issuer, "jwks_uri": "http://192.0.2.1/jwks"}),
        json!({"issuer": issuer, "jwks_uri": "file:///etc/passwd"}),
        json!({"issuer": issuer, "jwks_uri": format!("http://u:p@{}/jwks", provider.address)}),
        json!([]),
    ] {
        provider.reply(DISCOVERY, Reply::json(&document));
        let (authorizer, issuer) = authorizer_with_discovery(&provider);
        let token = bearer_event(&signer.with(|claims| claims["iss"] = issuer.into()));
        assert_eq!(
            reason_of(&authorizer, token).await,
            UNAVAILABLE,
            "{document}"
        );
    }
    assert_eq!(provider.requests(JWKS), 0);
}
