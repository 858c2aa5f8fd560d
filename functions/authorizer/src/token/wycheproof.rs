//! Every JWS case of Wycheproof (<https://github.com/C2SP/wycheproof>), against the layer that parses
//! tokens and verifies signatures. Most payloads are not JSON, so claims are not checked.

use policy::{Algorithm, IssuerSecret, KeySet, Kid, SecretReference};
use serde_json::Value;

use super::jws::Jws;
use crate::issuer_keys::has_signed;

fn is_valid(key: &Value, token: &str) -> bool {
    let Ok(jws) = Jws::parse(token) else {
        return false;
    };
    let Some(algorithm) = jws.algorithm else {
        return false;
    };

    if key["kty"] == "oct" {
        return is_valid_with_secret(key, &jws, algorithm);
    }
    let set = serde_json::json!({"keys": [key]}).to_string();
    let Ok(set) = KeySet::parse(set.as_bytes(), Kid::Optional, |_, _| ()) else {
        return false;
    };
    set.candidates(jws.kid.as_deref(), algorithm)
        .any(|key| key.verifies(algorithm, jws.signed, jws.signature))
}

/// Checks a token as that of an issuer with a secret, whose only algorithm is that of the key.
fn is_valid_with_secret(key: &Value, jws: &Jws<'_>, algorithm: Algorithm) -> bool {
    let (Some(text), Some(name)) = (key["k"].as_str(), key["alg"].as_str()) else {
        return false;
    };
    let expected = Algorithm::from_name(name);
    let secret = IssuerSecret {
        reference: SecretReference::Known(text.into()),
        is_base64url: true,
        min_bytes: expected
            .and_then(Algorithm::min_secret_bytes)
            .unwrap_or_default(),
    };
    expected == Some(algorithm) && has_signed(&secret, text, jws, algorithm)
}

const UNKNOWN_ALG: &str = "the key's `alg` is `ES521`, which is no algorithm";
const OTHER_ALG: &str = "the key's `alg` is PS256, the token's PS384";
const NOT_BASE64URL: &str = "a `?` in base64url, which upstream accepts";

/// Valid cases that are refused here, with the reason.
const EXCEPTIONS: [(u64, &str); 6] = [
    (346, OTHER_ALG),
    (347, UNKNOWN_ALG),
    (350, OTHER_ALG),
    (351, UNKNOWN_ALG),
    (372, NOT_BASE64URL),
    (373, NOT_BASE64URL),
];

/// Invalid cases whose text is that of the valid case 357. They lost their padding upstream.
const COPIES_OF_A_VALID_CASE: [u64; 2] = [367, 370];

#[test]
fn wycheproof_cases_pass_except_for_the_listed_ones() {
    let text = include_str!("../../../../tests/vectors/wycheproof/json_web_signature_test.json");
    let document: Value = serde_json::from_str(text).unwrap();
    let (mut cases, mut excepted) = (0, Vec::new());

    for group in document["testGroups"].as_array().unwrap() {
        let key = group.get("public").unwrap_or(&group["private"]);
        for test in group["tests"].as_array().unwrap() {
            cases += 1;
            let case = test["tcId"].as_u64().unwrap();
            let expected = test["result"] == "valid" || is_copy(&group["tests"], test);
            let is_accepted = is_valid(key, test["jws"].as_str().unwrap_or_default());
            if is_accepted != expected {
                let is_listed = EXCEPTIONS.iter().any(|(exception, _)| *exception == case);
                assert!(
                    is_listed && expected,
                    "case {case}: {} {test}",
                    group["comment"]
                );
                excepted.push(case);
            }
        }
    }
    assert_eq!(cases, 401);
    assert_eq!(excepted, EXCEPTIONS.map(|(case, _)| case));
}

fn is_copy(tests: &Value, test: &Value) -> bool {
    let is_listed = test["tcId"]
        .as_u64()
        .is_some_and(|case| COPIES_OF_A_VALID_CASE.contains(&case));
    let original = tests
        .as_array()
        .unwrap()
        .iter()
        .find(|test| test["tcId"] == 357);
    is_listed && original.is_none_or(|original| original["jws"] == test["jws"])
}
