//! A set of public keys, taken key by key: one that cannot be used is left out, with its reason.
//!
//! Source: RFC 7517 and 7518; RFC 8037 for Ed25519.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ParsedPublicKey, VerificationAlgorithm,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

use crate::algorithm::algorithm;
use crate::base64url::decode_base64url;

/// No issuer has as many; one that says so is broken.
const MOST: usize = 100;

/// Why a key is left out that many providers publish in addition to their signing keys.
pub const ENCRYPTION: &str = "not for signatures (`use`)";
/// The parameters of a JWK that are secret (RFC 7518, sections 6.2.2, 6.3.2 and 6.4; RFC 8037).
pub const PRIVATE_PARAMETERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why keys are left out of which a token would not say which one it means.
const SHARED_KID: &str = "shares its `kid` with another key of the same algorithm";

/// A key that tokens can be verified with.
pub struct Key {
    /// The name by which tokens refer to it.
    pub kid: String,
    /// The algorithms of its signatures.
    pub algorithms: Vec<Algorithm>,
    /// The key itself.
    pub verifying: DecodingKey,
    /// What makes it this key and no other.
    material: Vec<u8>,
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Key")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.kid == other.kid
            && self.algorithms == other.algorithms
            && self.material == other.material
    }
}

/// Keys of one issuer.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<Arc<Key>>,
}

/// Why there is no set. Never holds anything of the document.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Not a JWK set.
    #[error("not a JSON object with a list `keys`")]
    Shape,
    /// More keys than any issuer has.
    #[error("more than {MOST} keys")]
    TooMany,
    /// No usable key; the most telling reason, if there is any key.
    #[error("without a key that can be used{}", telling_reason(.0))]
    Empty(Option<&'static str>),
}

fn telling_reason(reason: &Option<&'static str>) -> String {
    reason
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default()
}

impl KeySet {
    /// Reads a JWK set. `log` is called with the index of each key that is left out, and the
    /// reason.
    ///
    /// # Errors
    /// [`KeySetError`] if no key is usable.
    pub fn parse(document: &[u8], log: impl Fn(usize, &'static str)) -> Result<Self, KeySetError> {
        let document = strict_json::object(document).ok_or(KeySetError::Shape)?;
        let list = document
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(KeySetError::Shape)?;
        if list.len() > MOST {
            return Err(KeySetError::TooMany);
        }
        let (mut keys, mut left_out) = (Vec::new(), Vec::new());
        for (index, key) in list.iter().enumerate() {
            match Key::read(key) {
                Ok(key) => keys.push((index, Arc::new(key))),
                Err(reason) => left_out.push((index, reason)),
            }
        }

        let (keys, ambiguous) = unambiguous(keys);
        left_out.extend(ambiguous.into_iter().map(|index| (index, SHARED_KID)));
        left_out.sort_unstable();
        left_out
            .iter()
            .for_each(|(index, reason)| log(*index, reason));

        let reason = left_out.iter().map(|(_, reason)| *reason);
        let telling = reason
            .clone()
            .find(|reason| *reason != ENCRYPTION)
            .or_else(|| reason.clone().next());
        if keys.is_empty() {
            Err(KeySetError::Empty(telling))
        } else {
            Ok(Self { keys })
        }
    }

    /// True if a key has this name.
    #[must_use]
    pub fn has(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid == kid)
    }

    /// The key with this name and algorithm.
    #[must_use]
    pub fn key(&self, kid: &str, algorithm: Algorithm) -> Option<&Arc<Key>> {
        self.keys
            .iter()
            .find(|key| key.kid == kid && key.algorithms.contains(&algorithm))
    }

    /// True if the very same key is still in the set.
    #[must_use]
    pub fn holds(&self, key: &Arc<Key>) -> bool {
        self.keys
            .iter()
            .any(|held| Arc::ptr_eq(held, key) || held == key)
    }

    /// True if signatures of any of these algorithms can be verified.
    pub(crate) fn serves(&self, algorithms: &[Algorithm]) -> bool {
        self.keys.iter().any(|key| {
            key.algorithms
                .iter()
                .any(|algorithm| algorithms.contains(algorithm))
        })
    }
}

/// The keys that a `kid` and an algorithm tell apart, and the places of the others. The same key
/// twice is one.
fn unambiguous(keys: Vec<(usize, Arc<Key>)>) -> (Vec<Arc<Key>>, Vec<usize>) {
    let overlap = |one: &Key, other: &Key| {
        one.kid == other.kid
            && one
                .algorithms
                .iter()
                .any(|algorithm| other.algorithms.contains(algorithm))
    };
    let clear = |key: &Key| {
        keys.iter()
            .all(|(_, other)| !overlap(key, other) || key.material == other.material)
    };

    let (clear, shared): (Vec<_>, Vec<_>) = keys.iter().cloned().partition(|(_, key)| clear(key));
    (
        clear.into_iter().map(|(_, key)| key).collect(),
        shared.into_iter().map(|(index, _)| index).collect(),
    )
}

impl Key {
    fn read(value: &Value) -> Result<Self, &'static str> {
        let members = value.as_object().ok_or("not an object")?;
        // RFC 7517, section 5: what is not understood is left out, and so is a secret that became
        // public.
        if is_private(members) {
            return Err("a secret");
        }
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let kid = text("kid")
            .filter(|kid| !kid.is_empty())
            .ok_or("without a `kid`")?;
        check_purpose(members)?;
        let (possible, verifying, material) = match (text("kty"), text("crv")) {
            (Some("RSA"), _) => rsa(members)?,
            (Some("EC"), Some("P-256")) => {
                elliptic(members, &ECDSA_P256_SHA256_FIXED, 32, Algorithm::ES256)?
            }
            (Some("EC"), Some("P-384")) => {
                elliptic(members, &ECDSA_P384_SHA384_FIXED, 48, Algorithm::ES384)?
            }
            (Some("OKP"), Some("Ed25519")) => ed25519(members)?,
            _ => return Err("of a kind that is not supported"),
        };
        let algorithms = match members.get("alg") {
            None => possible,
            Some(name) => vec![
                name.as_str()
                    .and_then(algorithm)
                    .filter(|algorithm| possible.contains(algorithm))
                    .ok_or("of an `alg` that is not supported, or not for this kind of key")?,
            ],
        };
        Ok(Self {
            kid: kid.to_owned(),
            algorithms,
            verifying,
            material,
        })
    }
}

fn is_private(members: &Map<String, Value>) -> bool {
    PRIVATE_PARAMETERS
        .iter()
        .any(|name| members.contains_key(*name))
}

/// Returns the place of the first key with a private part in a JWK set.
pub(crate) fn private_key(set: &Value) -> Option<usize> {
    let keys = set.get("keys")?.as_array()?;
    keys.iter()
        .position(|key| key.as_object().is_some_and(is_private))
}

fn check_purpose(members: &Map<String, Value>) -> Result<(), &'static str> {
    if members.get("use").is_some_and(|purpose| purpose != "sig") {
        return Err(ENCRYPTION);
    }
    let verifies = |operations: &Value| {
        operations
            .as_array()
            .is_some_and(|list| list.iter().any(|one| one == "verify"))
    };
    if members
        .get("key_ops")
        .is_some_and(|operations| !verifies(operations))
    {
        return Err("not for verifying (`key_ops`)");
    }
    Ok(())
}

type Read = (Vec<Algorithm>, DecodingKey, Vec<u8>);

fn bytes(members: &Map<String, Value>, name: &str) -> Result<Vec<u8>, &'static str> {
    members
        .get(name)
        .and_then(Value::as_str)
        .and_then(decode_base64url)
        .ok_or("without its parameters in base64url")
}

/// RFC 8725, section 3.5: at least 2,048 bits. More than 8,192 cost too much to verify.
fn rsa(members: &Map<String, Value>) -> Result<Read, &'static str> {
    let strip = |bytes: Vec<u8>| {
        bytes
            .into_iter()
            .skip_while(|byte| *byte == 0)
            .collect::<Vec<u8>>()
    };
    let (modulus, exponent) = (strip(bytes(members, "n")?), strip(bytes(members, "e")?));
    let bits = modulus.first().map_or(0, |first| {
        modulus.len() * 8 - first.leading_zeros() as usize
    });
    if !(2_048..=8_192).contains(&bits) || modulus.last().is_none_or(|last| last % 2 == 0) {
        return Err("RSA with a modulus that is even or not of 2,048 to 8,192 bits");
    }
    if exponent.len() > 8 || exponent.last().is_none_or(|last| last % 2 == 0) || exponent == [1] {
        return Err("RSA with an exponent that is 1, even or too large");
    }
    let verifying = DecodingKey::from_rsa_raw_components(&modulus, &exponent);
    let algorithms = [
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
    ];
    Ok((algorithms.to_vec(), verifying, [modulus, exponent].concat()))
}

fn elliptic(
    members: &Map<String, Value>,
    curve: &'static dyn VerificationAlgorithm,
    length: usize,
    algorithm: Algorithm,
) -> Result<Read, &'static str> {
    let (x, y) = (bytes(members, "x")?, bytes(members, "y")?);
    if x.len() != length || y.len() != length {
        return Err("EC with coordinates of a wrong length");
    }
    let point = [vec![4], x, y].concat();
    ParsedPublicKey::new(curve, &point).map_err(|_| "EC with a point that is not on its curve")?;
    Ok((vec![algorithm], DecodingKey::from_ec_der(&point), point))
}

fn ed25519(members: &Map<String, Value>) -> Result<Read, &'static str> {
    let point = bytes(members, "x")?;
    if point.len() != 32 {
        return Err("Ed25519 with a point of a wrong length");
    }
    Ok((
        vec![Algorithm::EdDSA],
        DecodingKey::from_ed_der(&point),
        point,
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn point(x: &str, y: &str) -> Value {
        json!({"kty": "EC", "crv": "P-256", "kid": "1", "x": x, "y": y})
    }

    /// The P-256 examples of RFC 7517, appendix A.1, and RFC 7515, appendix A.3.
    fn points() -> [Value; 2] {
        [
            point(
                "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
                "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
            ),
            point(
                "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            ),
        ]
    }

    fn parsed(keys: Value) -> (Result<KeySet, KeySetError>, Vec<(usize, &'static str)>) {
        let left_out = std::cell::RefCell::new(Vec::new());
        let text = json!({ "keys": keys }).to_string();
        let set = KeySet::parse(text.as_bytes(), |index, reason| {
            left_out.borrow_mut().push((index, reason))
        });
        (set, left_out.into_inner())
    }

    #[test]
    fn two_keys_that_share_a_kid_are_left_out_and_named() {
        let [one, other] = points();
        let (set, left_out) = parsed(json!([one, other]));
        assert_eq!(set.unwrap_err(), KeySetError::Empty(Some(SHARED_KID)));
        assert_eq!(left_out, [(0, SHARED_KID), (1, SHARED_KID)]);

        let (set, left_out) = parsed(json!([one, one]));
        assert!(set.unwrap().has("1") && left_out.is_empty());
    }

    #[test]
    fn a_key_for_encryption_does_not_hide_the_reason_that_matters() {
        let encryption = json!({"kty": "RSA", "kid": "2", "use": "enc", "n": "AQAB", "e": "AQAB"});
        let (set, left_out) =
            parsed(json!([encryption, {"kty": "EC", "crv": "secp256k1", "kid": "3"}]));
        assert_eq!(
            set.unwrap_err(),
            KeySetError::Empty(Some("of a kind that is not supported"))
        );
        assert_eq!(left_out.len(), 2);

        let (set, left_out) = parsed(json!([encryption, points()[0]]));
        assert!(set.unwrap().has("1"));
        assert_eq!(left_out, [(0, ENCRYPTION)]);
    }
}
