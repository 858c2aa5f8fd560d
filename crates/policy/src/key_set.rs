//! The public keys of an issuer. Keys that cannot be used are ignored, each with its reason.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::algorithm::Algorithm;
use crate::jwk::{ENCRYPTION, Key, is_private};

/// The most keys of a set. A larger document is invalid.
const MAX_KEYS: usize = 100;
/// The most keys that are tried for a token without a `kid`.
const MAX_TRIED_KEYS: usize = 16;

/// The reason why a key is ignored if tokens must have a `kid`.
const NO_KID: &str = "without a `kid`";

/// The reason why two keys are ignored: a token could mean either.
const SHARED_KID: &str = "shares its `kid` with another key of the same algorithm";

/// The requirement for the `kid` of tokens and keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Kid {
    /// A token must name its key.
    #[default]
    Required,
    /// For a token without a `kid`, up to 16 keys of a fitting type are tried.
    Optional,
}

/// The public keys of one issuer.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<Arc<Key>>,
}

/// The reason why there is no set. It contains nothing of the document.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// The document is not a JWK set.
    #[error("not a JSON object with a list `keys`")]
    Shape,
    /// The set has too many keys.
    #[error("more than {MAX_KEYS} keys")]
    TooMany,
    /// The set has no usable key. Contains the most relevant reason, if there is any key.
    #[error("without a key that can be used{}", main_reason(.0))]
    Empty(Option<&'static str>),
}

fn main_reason(reason: &Option<&'static str>) -> String {
    reason
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default()
}

impl KeySet {
    /// Reads a JWK set. Calls `log` with the index of each key that is ignored, and the reason.
    ///
    /// # Errors
    /// [`KeySetError`] if no key is usable.
    pub fn parse(
        document: &[u8],
        kid: Kid,
        log: impl Fn(usize, &'static str),
    ) -> Result<Self, KeySetError> {
        let document = strict_json::object(document).ok_or(KeySetError::Shape)?;
        let list = document
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(KeySetError::Shape)?;
        if list.len() > MAX_KEYS {
            return Err(KeySetError::TooMany);
        }

        let (mut keys, mut ignored) = (Vec::new(), Vec::new());
        for (index, key) in list.iter().enumerate() {
            match Key::read(key) {
                Ok(key) if key.kid.is_none() && kid == Kid::Required => {
                    ignored.push((index, NO_KID));
                }
                Ok(key) => keys.push((index, Arc::new(key))),
                Err(reason) => ignored.push((index, reason)),
            }
        }

        let (keys, ambiguous) = split_ambiguous(keys);
        ignored.extend(ambiguous.into_iter().map(|index| (index, SHARED_KID)));
        ignored.sort_unstable();
        ignored
            .iter()
            .for_each(|(index, reason)| log(*index, reason));

        let reason = ignored.iter().map(|(_, reason)| *reason);
        let main_reason = reason
            .clone()
            .find(|reason| *reason != ENCRYPTION)
            .or_else(|| reason.clone().next());
        if keys.is_empty() {
            Err(KeySetError::Empty(main_reason))
        } else {
            Ok(Self { keys })
        }
    }

    /// True if a key has this name.
    #[must_use]
    pub fn has(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    /// Returns the keys that a token with this `kid` and algorithm may be signed by. Without a
    /// `kid`, these are at most 16 of any name.
    pub fn candidates<'s>(
        &'s self,
        kid: Option<&'s str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'s Arc<Key>> {
        self.keys
            .iter()
            .filter(move |key| kid.is_none() || key.kid.as_deref() == kid)
            .filter(move |key| key.algorithms().any(|known| known == algorithm))
            .take(MAX_TRIED_KEYS)
    }

    /// True if the set contains an equal key.
    #[must_use]
    pub fn contains(&self, key: &Arc<Key>) -> bool {
        self.keys
            .iter()
            .any(|held| Arc::ptr_eq(held, key) || held == key)
    }

    /// True if signatures of any of these algorithms can be verified.
    #[must_use]
    pub fn serves(&self, algorithms: &[Algorithm]) -> bool {
        self.keys.iter().any(|key| {
            key.algorithms()
                .any(|algorithm| algorithms.contains(&algorithm))
        })
    }
}

/// Returns the keys that `kid` and algorithm identify, and the indexes of the others. Duplicates of
/// one key are not ambiguous.
fn split_ambiguous(keys: Vec<(usize, Arc<Key>)>) -> (Vec<Arc<Key>>, Vec<usize>) {
    let overlap = |one: &Key, other: &Key| {
        one.kid.is_some()
            && one.kid == other.kid
            && one
                .algorithms()
                .any(|algorithm| other.algorithms().any(|known| known == algorithm))
    };
    let is_unambiguous = |key: &Key| {
        keys.iter()
            .all(|(_, other)| !overlap(key, other) || key.material == other.material)
    };

    let (unambiguous, ambiguous): (Vec<_>, Vec<_>) = keys
        .iter()
        .cloned()
        .partition(|(_, key)| is_unambiguous(key));
    (
        unambiguous.into_iter().map(|(_, key)| key).collect(),
        ambiguous.into_iter().map(|(index, _)| index).collect(),
    )
}

/// Returns the index of the first private key in a JWK set.
pub(crate) fn private_key(set: &Value) -> Option<usize> {
    let keys = set.get("keys")?.as_array()?;
    keys.iter()
        .position(|key| key.as_object().is_some_and(is_private))
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
        let ignored = std::cell::RefCell::new(Vec::new());
        let text = json!({ "keys": keys }).to_string();
        let set = KeySet::parse(text.as_bytes(), Kid::Required, |index, reason| {
            ignored.borrow_mut().push((index, reason))
        });
        (set, ignored.into_inner())
    }

    #[test]
    fn keys_that_share_a_kid_are_ignored_and_logged() {
        let [one, other] = points();
        let (set, ignored) = parsed(json!([one, other]));
        assert_eq!(set.unwrap_err(), KeySetError::Empty(Some(SHARED_KID)));
        assert_eq!(ignored, [(0, SHARED_KID), (1, SHARED_KID)]);

        let (set, ignored) = parsed(json!([one, one]));
        assert!(set.unwrap().has("1") && ignored.is_empty());
    }

    #[test]
    fn keys_without_a_kid_are_used_only_if_it_is_optional() {
        let [mut one, other] = points();
        one.as_object_mut().unwrap().remove("kid");
        let (set, ignored) = parsed(json!([one, other]));
        assert_eq!(ignored, [(0, NO_KID)]);
        let algorithm = Algorithm::from_name("ES256").unwrap();
        assert_eq!(set.unwrap().candidates(None, algorithm).count(), 1);

        let text = json!({"keys": vec![one; 20]}).to_string();
        let set = KeySet::parse(text.as_bytes(), Kid::Optional, |_, _| ()).unwrap();
        assert_eq!(set.candidates(None, algorithm).count(), MAX_TRIED_KEYS);
        assert_eq!(set.candidates(Some("1"), algorithm).count(), 0);
    }

    #[test]
    fn encryption_key_does_not_hide_the_relevant_reason() {
        let encryption = json!({"kty": "RSA", "kid": "2", "use": "enc", "n": "AQAB", "e": "AQAB"});
        let (set, ignored) =
            parsed(json!([encryption, {"kty": "EC", "crv": "secp256k1", "kid": "3"}]));
        assert_eq!(
            set.unwrap_err(),
            KeySetError::Empty(Some("of a kind that is not supported"))
        );
        assert_eq!(ignored.len(), 2);

        let (set, ignored) = parsed(json!([encryption, points()[0]]));
        assert!(set.unwrap().has("1"));
        assert_eq!(ignored, [(0, ENCRYPTION)]);
    }
}
