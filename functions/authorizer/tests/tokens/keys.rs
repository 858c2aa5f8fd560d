//! Algorithms and signing keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::*;

#[tokio::test]
async fn token_of_each_algorithm_is_accepted() {
    for algorithm in ALGORITHMS {
        let signer = Signer::of(algorithm);
        assert_eq!(
            reason_of(
                &authorizer_for_signer(&signer),
                bearer_event(&signer.with(|_| ()))
            )
            .await,
            "ok",
            "{algorithm}"
        );
    }
}

#[tokio::test]
async fn wrong_algorithm_or_key_is_refused() {
    for (index, algorithm) in ALGORITHMS.into_iter().enumerate() {
        let (signer, other) = (
            Signer::of(algorithm),
            Signer::of(ALGORITHMS[(index + 1) % ALGORITHMS.len()]),
        );
        let authorizer = authorizer_for_signer(&signer);
        for name in ALGORITHMS.into_iter().filter(|name| *name != algorithm) {
            let renamed = signer.with_header(|header| header["alg"] = name.into());
            assert_eq!(
                reason_of(&authorizer, bearer_event(&renamed)).await,
                "401",
                "{algorithm} as {name}"
            );
        }
        let stolen = other.named(algorithm);
        assert_eq!(
            reason_of(&authorizer, bearer_event(&stolen.with(|_| ()))).await,
            "401",
            "{algorithm}, another key"
        );
    }
}

#[tokio::test]
async fn unsigned_token_is_refused() {
    let signer = Signer::of("ES256");
    let mut cases = Vec::new();
    for name in ["none", "None", "nOnE", "NONE"] {
        let token = signer.with_header(|header| header["alg"] = name.into());
        let (signed, _) = token.rsplit_once('.').unwrap();
        cases.push((format!("{name}, no signature"), format!("{signed}.")));
        cases.push((format!("{name}, a signature"), token.clone()));
    }
    assert_refused(cases).await;
}

#[tokio::test]
async fn public_key_is_not_used_as_a_shared_secret() {
    let signer = Signer::of("RS256");
    let authorizer = authorizer_for_signer(&signer);
    let secret = signer.jwk()["n"].as_str().unwrap().to_owned();
    for secret in [
        secret.as_bytes().to_vec(),
        URL_SAFE_NO_PAD.decode(&secret).unwrap(),
    ] {
        let header = json!({"alg": "HS256", "kid": "RS256"}).to_string();
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims().to_string())
        );
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &secret);
        let tag = URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes()));
        assert_eq!(
            reason_of(&authorizer, bearer_event(&format!("{signed}.{tag}"))).await,
            "401"
        );
    }
}

#[tokio::test]
async fn unconfigured_algorithm_is_refused() {
    let signer = Signer::of("RS256");
    let authorizer = authorizer_for_issuer(&signer, |issuer| {
        issuer["algorithms"] = json!(["PS256", "ES256"])
    });
    assert_eq!(
        reason_of(&authorizer, bearer_event(&signer.with(|_| ()))).await,
        "401"
    );
}

#[tokio::test]
async fn key_with_another_alg_is_refused() {
    let signer = Signer::of("RS256");
    let mut jwk = signer.jwk();
    for (alg, expected) in [("RS256", "ok"), ("PS256", "401"), ("RS512", "401")] {
        jwk["alg"] = alg.into();
        let authorizer = authorizer(&policy(&json!({"keys": [jwk]})));
        assert_eq!(
            reason_of(&authorizer, bearer_event(&signer.with(|_| ()))).await,
            expected,
            "{alg}"
        );
    }
}

#[tokio::test]
async fn keys_in_the_token_are_ignored() {
    let (ours, theirs) = (Signer::of("ES256"), Signer::fresh("ES256"));
    let authorizer = authorizer_for_signer(&ours);
    for (name, value) in [
        ("jwk", theirs.jwk()),
        ("jku", json!("https://attacker.example/jwks")),
        ("x5u", json!("https://attacker.example/certificate")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
    ] {
        let theirs = theirs.with_header(|header| header[name] = value.clone());
        assert_eq!(
            reason_of(&authorizer, bearer_event(&theirs)).await,
            "401",
            "{name}"
        );
        let ours = ours.with_header(|header| header[name] = value);
        assert_eq!(
            reason_of(&authorizer, bearer_event(&ours)).await,
            "ok",
            "{name}"
        );
    }
}

#[tokio::test]
async fn kid_must_be_a_string_in_the_set() {
    let signer = Signer::of("ES256");
    let with = |kid: Value| signer.with_header(|header| header["kid"] = kid);
    let without = signer.with_header(|header| drop(header.as_object_mut().unwrap().remove("kid")));
    let mut cases = vec![("none".to_owned(), without)];
    for kid in [
        json!("other"),
        json!(""),
        json!(1),
        json!(null),
        json!(["ES256"]),
        json!("es256"),
        json!("ES256 "),
    ] {
        cases.push((kid.to_string(), with(kid)));
    }
    assert_refused(cases).await;
}

#[tokio::test]
async fn shared_kid_is_refused_unless_the_algorithms_differ() {
    let (one, other, rsa) = (
        Signer::of("ES256"),
        Signer::fresh("ES256"),
        Signer::of("RS256"),
    );
    let mut rsa_jwk = rsa.jwk();
    rsa_jwk["kid"] = "ES256".into();
    let third = Signer::fresh("third");
    for (keys, expected) in [
        (json!([one.jwk(), other.jwk(), third.jwk()]), "401"),
        (json!([one.jwk(), one.jwk()]), "ok"),
        (json!([rsa_jwk, one.jwk()]), "ok"),
    ] {
        let authorizer = authorizer(&policy(&json!({"keys": keys})));
        assert_eq!(
            reason_of(&authorizer, bearer_event(&one.with(|_| ()))).await,
            expected
        );
    }
}

#[tokio::test]
async fn keys_not_for_verifying_are_ignored() {
    let (signer, other) = (Signer::of("ES256"), Signer::fresh("other"));
    for (member, value) in [
        ("use", json!("enc")),
        ("use", json!(null)),
        ("key_ops", json!(["sign"])),
        ("key_ops", json!([])),
        ("key_ops", json!("verify")),
        ("alg", json!("ES384")),
        ("alg", json!("ECDH-ES")),
        ("alg", json!(1)),
        ("crv", json!("P-384")),
        ("crv", json!("secp256k1")),
        ("kty", json!("RSA")),
        ("d", json!("AAAA")),
        ("x", json!("AAAA")),
        ("y", signer.jwk()["x"].clone()),
    ] {
        let mut jwk = signer.jwk();
        jwk[member] = value.clone();
        let authorizer = authorizer(&policy(&json!({"keys": [jwk, other.jwk()]})));
        assert_eq!(
            reason_of(&authorizer, bearer_event(&signer.with(|_| ()))).await,
            "401",
            "{member} {value}"
        );
        assert_eq!(
            reason_of(&authorizer, bearer_event(&other.with(|_| ()))).await,
            "ok",
            "{member} {value}"
        );
    }
    let mut jwk = signer.jwk();
    (jwk["use"], jwk["key_ops"], jwk["alg"]) = ("sig".into(), json!(["verify"]), "ES256".into());
    let authorizer = authorizer(&policy(&json!({"keys": [jwk]})));
    assert_eq!(
        reason_of(&authorizer, bearer_event(&signer.with(|_| ()))).await,
        "ok"
    );
}

#[tokio::test]
async fn weak_or_oversized_rsa_keys_are_ignored() {
    let (signer, other) = (Signer::of("RS256"), Signer::fresh("other"));
    let big = |bits: usize| {
        let mut modulus = vec![0xff; bits / 8];
        modulus[0] = 0x80;
        URL_SAFE_NO_PAD.encode(modulus)
    };
    for (member, value) in [
        ("n", big(1_024)),
        ("n", big(2_040)),
        ("n", big(8_200)),
        ("e", "AQ".to_owned()),
        ("e", "Ag".to_owned()),
    ] {
        let mut jwk = signer.jwk();
        jwk[member] = value.clone().into();
        let authorizer = authorizer(&policy(&json!({"keys": [jwk, other.jwk()]})));
        assert_eq!(
            reason_of(&authorizer, bearer_event(&signer.with(|_| ()))).await,
            "401",
            "{member} {value}"
        );
    }
}

#[tokio::test]
async fn shared_secret_in_a_key_set_is_ignored() {
    let other = Signer::fresh("other");
    let set = json!({"keys": [{"kty": "oct", "kid": "s", "k": "c2VjcmV0"}, other.jwk()]});
    let authorizer = authorizer(&policy(&set));
    let header = json!({"alg": "HS256", "kid": "s"}).to_string();
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims().to_string())
    );
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"secret");
    let tag = URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes()));
    assert_eq!(
        reason_of(&authorizer, bearer_event(&format!("{signed}.{tag}"))).await,
        "401"
    );
}
