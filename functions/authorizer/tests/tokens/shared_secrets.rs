//! Tokens that are signed with a secret: HS256, HS384 and HS512.

use serde_json::{Value, json};

use crate::provider::{Provider, Reply};
use crate::support::*;

/// The longest secret that an algorithm requires, 64 bytes.
const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const NEXT: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

fn hmac_policy(secret: Value, algorithm: &str) -> Value {
    let mut policy = policy(&Value::Null);
    let issuer = &mut policy["issuers"][0];
    issuer.as_object_mut().unwrap().remove("jwks");
    issuer["secret"] = secret;
    issuer["algorithms"] = json!([algorithm]);
    policy
}

#[tokio::test]
async fn token_of_each_algorithm_is_accepted_with_or_without_a_kid() {
    let algorithms = ["HS256", "HS384", "HS512"];
    for algorithm in algorithms {
        let policy = hmac_policy("env:SECRET".into(), algorithm);
        let authorizer = authorizer_with_environment(&policy, &[("SECRET", SECRET)]);
        let signer = Signer::with_secret(algorithm, SECRET.as_bytes());
        let without_kid = signer.with_header(|header| {
            header.as_object_mut().unwrap().remove("kid");
        });
        for token in [signer.with(|_| ()), without_kid] {
            let reason = reason_of(&authorizer, bearer_event(&token)).await;
            assert_eq!(reason, "ok", "{algorithm}");
        }

        let wrong_key = Signer::with_secret(algorithm, NEXT.as_bytes()).with(|_| ());
        let others = algorithms.into_iter().filter(|other| *other != algorithm);
        let other_algorithms =
            others.map(|other| Signer::with_secret(other, SECRET.as_bytes()).with(|_| ()));
        let asymmetric = ["RS256", "ES256", "ES512", "EdDSA"]
            .map(|other| Signer::of(other).with_header(|header| header["alg"] = algorithm.into()));
        for token in other_algorithms.chain(asymmetric).chain([wrong_key]) {
            let reason = reason_of(&authorizer, bearer_event(&token)).await;
            assert_eq!(reason, "401", "{algorithm}");
        }
    }
}

#[tokio::test]
async fn both_secrets_are_accepted_during_a_rotation() {
    let policy = hmac_policy(json!(["env:SECRET", {"base64url": "env:NEXT"}]), "HS256");
    let next = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA";
    let authorizer = authorizer_with_environment(&policy, &[("SECRET", SECRET), ("NEXT", next)]);
    for secret in [SECRET.as_bytes(), b"fedcba9876543210fedcba9876543210"] {
        let token = Signer::with_secret("HS256", secret).with(|_| ());
        assert_eq!(reason_of(&authorizer, bearer_event(&token)).await, "ok");
    }
    for secret in [next.as_bytes(), NEXT.as_bytes(), b""] {
        let token = Signer::with_secret("HS256", secret).with(|_| ());
        assert_eq!(reason_of(&authorizer, bearer_event(&token)).await, "401");
    }
}

/// An authorizer whose issuer's secret is a parameter of Systems Manager.
async fn with_stored_secret(aws: &Provider) -> TestAuthorizer {
    let policy = hmac_policy("ssm:/issuer/secret".into(), "HS256");
    let url = aws.url("");
    authorizer_with_environment(&policy, &aws_environment(&url))
}

#[tokio::test]
async fn replaced_secret_is_read_again_and_the_old_one_is_refused() {
    let aws = Provider::start().await;
    aws.reply("/", parameter(SECRET));
    let authorizer = with_stored_secret(&aws).await;
    authorizer.at(noon()).load_policy().await.unwrap();
    let old = bearer_event(&Signer::with_secret("HS256", SECRET.as_bytes()).with(|_| ()));
    let new = bearer_event(&Signer::with_secret("HS256", NEXT.as_bytes()).with(|_| ()));
    assert_eq!(reason_at(&authorizer, old.clone(), after(1)).await, "ok");

    aws.reply("/", parameter(NEXT));
    assert_eq!(reason_at(&authorizer, new.clone(), after(9)).await, "401");
    assert_eq!(aws.requests("/"), 1);
    assert_eq!(reason_at(&authorizer, new, after(10)).await, "ok");
    assert_eq!(reason_at(&authorizer, old, after(11)).await, "401");
    assert_eq!(aws.requests("/"), 2);
}

#[tokio::test]
async fn old_secret_is_read_again_before_it_is_used() {
    let aws = Provider::start().await;
    aws.reply("/", parameter(SECRET));
    let authorizer = with_stored_secret(&aws).await;
    authorizer.at(noon()).load_policy().await.unwrap();
    let token = |at: i64| {
        let signer = Signer::with_secret("HS256", SECRET.as_bytes());
        let now = noon().as_second() + at;
        bearer_event(&signer.with(|claims| {
            claims["iat"] = now.into();
            claims["exp"] = (now + 60).into();
        }))
    };

    aws.reply("/", parameter(NEXT));
    let replaced = reason_at(&authorizer, token(3_600), after(3_600)).await;
    assert_eq!(replaced, "401");

    aws.reply("/", parameter(SECRET));
    assert_eq!(
        reason_at(&authorizer, token(7_200), after(7_200)).await,
        "ok"
    );
    aws.reply("/", Reply::status("503 Service Unavailable"));
    let outage = reason_at(&authorizer, token(50_000), after(50_000)).await;
    assert_eq!(outage, "ok");
    let day = 7_200 + 86_400;
    let problem = reason_at(&authorizer, token(day), after(day)).await;
    assert!(
        problem.contains("cannot read ssm:/issuer/secret"),
        "{problem}"
    );
}

#[tokio::test]
async fn short_secret_is_an_error_at_startup_that_does_not_contain_it() {
    let aws = Provider::start().await;
    aws.reply("/", parameter("MARKsecret"));
    let authorizer = with_stored_secret(&aws).await;
    let error = authorizer.at(noon()).load_policy().await.unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("ssm:/issuer/secret: the secret has 10 bytes"),
        "{error}"
    );
    assert!(!error.contains("MARK"), "{error}");
}

#[tokio::test]
async fn unavailable_secret_is_our_failure_and_not_a_refusal() {
    let aws = Provider::start().await;
    aws.reply("/", Reply::status("503 Service Unavailable"));
    let authorizer = with_stored_secret(&aws).await;
    authorizer.at(noon()).load_policy().await.unwrap();
    let token = Signer::with_secret("HS256", SECRET.as_bytes()).with(|_| ());
    let problem = reason_at(&authorizer, bearer_event(&token), after(20)).await;
    assert!(
        problem.contains("cannot read ssm:/issuer/secret"),
        "{problem}"
    );
}
