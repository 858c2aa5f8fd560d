//! Every JWS case of Wycheproof (<https://github.com/C2SP/wycheproof>), against the layer that
//! reads tokens and their signatures. The payloads are mostly not JSON, so claims are not looked
//! at.

use policy::KeySet;
use serde_json::Value;

use super::jws::Jws;

fn verified(key: &Value, token: &str) -> bool {
    let set = serde_json::json!({"keys": [key]}).to_string();
    let Ok(set) = KeySet::parse(set.as_bytes(), |_, _| ()) else {
        return false;
    };
    let Ok(jws) = Jws::parse(token) else {
        return false;
    };
    set.key(&jws.kid, jws.algorithm)
        .is_some_and(|key| jws.is_signed_by(key))
}

const SECRET: &str = "a shared secret: never trusted from a key set";
const P521: &str = "ES512: not supported";
const OTHER_ALG: &str = "the key's `alg` is PS256, the token's PS384";
const SPARE: &str = "a shared secret; and a `?` inside base64url, which upstream calls valid";

/// Cases that are valid there and refused here, and why.
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
    (372, SPARE),
    (373, SPARE),
    (376, SECRET),
    (377, SECRET),
];

#[test]
fn every_case_is_judged_as_wycheproof_does_but_for_the_listed_exceptions() {
    let text = include_str!("../../../../tests/vectors/wycheproof/json_web_signature_test.json");
    let document: Value = serde_json::from_str(text).unwrap();
    let (mut cases, mut excepted) = (0, Vec::new());
    for group in document["testGroups"].as_array().unwrap() {
        let key = group.get("public").unwrap_or(&group["private"]);
        for test in group["tests"].as_array().unwrap() {
            cases += 1;
            let (case, valid) = (test["tcId"].as_u64().unwrap(), test["result"] == "valid");
            let ours = verified(key, test["jws"].as_str().unwrap_or_default());
            if ours != valid {
                let listed = EXCEPTIONS.iter().any(|(exception, _)| *exception == case);
                assert!(listed && valid, "case {case}: {} {test}", group["comment"]);
                excepted.push(case);
            }
        }
    }
    assert_eq!(cases, 401);
    assert_eq!(excepted, EXCEPTIONS.map(|(case, _)| case));
}
