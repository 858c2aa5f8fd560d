//! The form of tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn duplicate_header_parameters_are_refused() {
    let signer = Signer::of("ES256");
    let claims = claims().to_string();
    let cases = [
        r#"{"alg":"ES256","alg":"ES256","kid":"ES256"}"#,
        r#"{"alg":"none","alg":"ES256","kid":"ES256"}"#,
        r#"{"alg":"ES256","kid":"other","kid":"ES256"}"#,
        r#"{"alg":"ES256","kid":"ES256","\u006bid":"ES256"}"#,
        r#"{"alg":"ES256","kid":"ES256","x":{"y":1,"y":2}}"#,
    ];
    assert_refused(cases.map(|header| (header.to_owned(), signer.raw(header, &claims)))).await;
}

#[tokio::test]
async fn unsupported_header_parameters_are_refused() {
    let signer = Signer::of("ES256");
    let mut cases = Vec::new();
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("crit", json!("exp")),
        ("crit", json!(null)),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
    ] {
        cases.push((
            format!("{name} {value}"),
            signer.with_header(|header| header[name] = value),
        ));
    }
    assert_refused(cases).await;
}

#[tokio::test]
async fn only_configured_types_are_accepted() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_for_signer(&signer);
    for (typ, expected) in [
        ("JWT", "ok"),
        ("jwt", "ok"),
        ("at+jwt", "ok"),
        ("AT+JWT", "ok"),
        ("application/at+jwt", "ok"),
        ("logout+jwt", "401"),
        ("dpop+jwt", "401"),
        ("id_token", "401"),
        ("JOSE", "401"),
        ("", "401"),
    ] {
        let token = signer.with_header(|header| header["typ"] = typ.into());
        assert_eq!(
            reason_of(&authorizer, bearer_event(&token)).await,
            expected,
            "{typ}"
        );
    }
    let without = signer.with_header(|header| drop(header.as_object_mut().unwrap().remove("typ")));
    assert_eq!(reason_of(&authorizer, bearer_event(&without)).await, "ok");
    let strict = authorizer_for_issuer(&signer, |issuer| issuer["types"] = json!(["at+jwt"]));
    assert_eq!(reason_of(&strict, bearer_event(&without)).await, "401");
}

#[tokio::test]
async fn token_must_have_three_base64url_segments() {
    let good = Signer::of("ES256").with(|_| ());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let cases = [
        header.to_owned(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{payload}.{payload}"),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}=.{signature}"),
        format!("{good}="),
        format!("{good}=="),
        format!("{header}.{payload}\n.{signature}"),
        format!("{header}. {payload}.{signature}"),
        format!("{header}.{payload}+.{signature}"),
        format!("{header}.{payload}.{signature}/"),
        json!({"payload": payload, "protected": header, "signature": signature}).to_string(),
    ];
    assert_refused(cases.map(|token| (token.clone(), token))).await;
}

#[tokio::test]
async fn token_longer_than_api_gateway_allows_is_refused() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_for_signer(&signer);
    let padded = |length: usize| signer.with(|claims| claims["x"] = "x".repeat(length).into());
    let (longest, longer) = (padded(7_300), padded(7_440));
    assert!(
        longest.len() <= 10_240 && longer.len() > 10_240,
        "{} {}",
        longest.len(),
        longer.len()
    );
    assert_eq!(reason_of(&authorizer, bearer_event(&longest)).await, "ok");
    assert_eq!(reason_of(&authorizer, bearer_event(&longer)).await, "401");
}

#[tokio::test]
async fn ecdsa_signature_must_have_the_jws_form() {
    let good = Signer::of("ES256").with(|_| ());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let (r, s) = bytes.split_at(32);
    let mut der = vec![0x30, 70, 0x02, 33, 0];
    der.extend_from_slice(r);
    der.extend_from_slice(&[0x02, 33, 0]);
    der.extend_from_slice(s);
    let zero = vec![0; 32];
    let order = [vec![0xff; 4], vec![0; 4], vec![0xff; 24]].concat();
    let cases = [
        der,
        [&zero, s].concat(),
        [r, &zero].concat(),
        [zero.clone(), zero.clone()].concat(),
        [&order, s].concat(),
        [r, &order].concat(),
        bytes[..63].to_vec(),
        [&bytes[..], &[0]].concat(),
        [&[0], &bytes[..]].concat(),
        [s, r].concat(),
    ];
    assert_refused(cases.map(|bytes| {
        (
            format!("{bytes:02x?}"),
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(bytes)),
        )
    }))
    .await;
}
