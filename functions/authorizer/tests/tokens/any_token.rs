//! Arbitrary and damaged tokens are refused without a panic.

use std::sync::LazyLock;

use crate::support::*;
use proptest::prelude::*;
use serde_json::{Value, json};

struct Case {
    authorizer: TestAuthorizer,
    token: String,
}

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let case = |algorithm| {
        let signer = Signer::of(algorithm);
        Case {
            authorizer: authorizer(&policy(&signer.jwks())),
            token: signer.with(|_| ()),
        }
    };
    ["RS256", "PS256", "ES256", "ES384", "EdDSA"]
        .into_iter()
        .map(case)
        .collect()
});

fn reason_now(authorizer: &TestAuthorizer, event: Value) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(reason_of(authorizer, event))
}

#[test]
fn every_bit_of_a_token_is_significant() {
    for case in CASES.iter() {
        assert_eq!(
            reason_now(&case.authorizer, bearer_event(&case.token)),
            "ok"
        );
    }
    let case = &CASES[2];
    for bit in 0..case.token.len() * 8 {
        let mut bytes = case.token.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        // The value of a header is a string.
        let Ok(token) = String::from_utf8(bytes) else {
            continue;
        };
        assert_eq!(
            reason_now(&case.authorizer, bearer_event(&token)),
            "401",
            "bit {bit}"
        );
    }
}

proptest! {
    #[test]
    fn token_with_a_changed_bit_is_refused(case in 0..5_usize, bit in any::<prop::sample::Index>()) {
        let case = &CASES[case];
        let mut bytes = case.token.clone().into_bytes();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let token = String::from_utf8_lossy(&bytes);
        prop_assert_eq!(reason_now(&case.authorizer, bearer_event(&token)), "401");
    }

    #[test]
    fn truncated_or_spliced_token_is_refused(one in 0..5_usize, other in 0..5_usize, at in any::<prop::sample::Index>()) {
        let (one, other) = (&CASES[one], &CASES[other]);
        let at = at.index(one.token.len().min(other.token.len()));
        let spliced = format!("{}{}", &one.token[..at], &other.token[at..]);
        prop_assume!(spliced != one.token && spliced != other.token);
        prop_assert_eq!(reason_now(&one.authorizer, bearer_event(&spliced)), "401");
        prop_assert_eq!(reason_now(&one.authorizer, bearer_event(&one.token[..at])), "401");
    }

    #[test]
    fn arbitrary_authorization_header_is_refused(scheme in "(?i:bearer )?", value in any::<String>()) {
        let event = event("/orders", json!({"authorization": format!("{scheme}{value}")}));
        prop_assert_eq!(reason_now(&CASES[0].authorizer, event), "401");
    }

    #[test]
    fn arbitrary_token_segments_are_refused(header in "\\PC*", claims in "\\PC*", case in 0..5_usize) {
        let signers = ["RS256", "PS256", "ES256", "ES384", "EdDSA"];
        let token = Signer::of(signers[case]).raw(&header, &claims);
        prop_assert_eq!(reason_now(&CASES[case].authorizer, bearer_event(&token)), "401");
    }
}
