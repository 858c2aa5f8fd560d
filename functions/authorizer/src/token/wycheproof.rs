//! Every JWS case of Wycheproof (<https://github.com/C2SP/wycheproof>), against the layer that parses
//! tokens and verifies signatures. Most payloads are not JSON, so claims are not checked.

use policy::{KeySet, Kid};
use serde_json::Value;

use super::jws::Jws;

fn is_valid(key: &Value, token: &str) -> bool {
    let set = serde_json::json!({"keys": [key]}).to_string();
    let Ok(set) = KeySet::parse(set.as_bytes(), Kid::Optional, |_, _| ()) else {
        return false;
    };
    let Ok(jws) = Jws::parse(token) else {
        return false;
    };
    jws.algorithm.is_some_and(|algorithm| {
        set.candidates(jws.kid.as_deref(), algorithm)
            .any(|key| key.verifies(algorithm, jws.signed, jws.signature))
    })
}

const SECRET: &str = "a shared secret: never trusted from a key set";
const P521: &str = "ES512: not supported";
const OTHER_ALG: &str = "the key's `alg` is PS256, the token's PS384";
const NOT_BASE64URL: &str = "a shared secret, and a `?` in base64url, which upstream accepts";

/// Valid cases that are refused here, with the reason.
const EXCEPTIONS: [(u64, &str); 14] = [
    (1, SECRET),
    (346, OTHER_ALG),
    (347, P521),
    (348, SECRET),
    (350, OTHER_ALG),
    (351, P521),
    (352, SECRET),
    (357, SECRET),
    (358, SECRET),
    (359, SECRET),
    (372, NOT_BASE64URL),
    (373, NOT_BASE64URL),
    (376, SECRET),
    (377, SECRET),
];

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
            let expected = test["result"] == "valid";
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
