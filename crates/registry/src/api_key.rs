//! API keys, which are found by their SHA-256 and never stored in plain text.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use limits::Nanos;

/// The SHA-256 of an API key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Returns the hash of a key as a client sends it.
    ///
    /// # Errors
    /// [`KeyError::Shape`] unless the key has 20 to 128 visible ASCII characters (the lengths of
    /// API Gateway) and no comma, which joins two headers of one name.
    pub fn of(key: &str) -> Result<Self, KeyError> {
        let plain = key
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b',');
        if !plain || !(20..=128).contains(&key.len()) {
            return Err(KeyError::Shape);
        }
        Ok(Self(Sha256::digest(key.as_bytes()).into()))
    }

    /// Returns the hash as 64 lower-case hexadecimal digits, as in the name of its item.
    pub(crate) fn hex(&self) -> String {
        hex(&self.0)
    }

    /// Reads a hash from 64 hexadecimal digits.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        from_hex(text).map(Self)
    }
}

/// Reads 32 bytes from 64 hexadecimal digits.
pub(crate) fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(*pair.first()?)? << 4 | digit(*pair.last()?)?;
    }
    Some(bytes)
}

/// Returns two lower-case hexadecimal digits per byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

impl Serialize for KeyHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.hex())
    }
}

impl<'de> Deserialize<'de> for KeyHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_hex(&text)
            .ok_or_else(|| de::Error::custom("not a SHA-256 in hexadecimal digits"))
    }
}

/// Shows enough of a hash to distinguish two keys in a log, and too little to find a key.
impl fmt::Debug for KeyHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "KeyHash({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// A key, as decisions use it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ApiKey {
    /// The id of the key in logs, headers and usage. It survives a rotation.
    pub key_id: String,
    /// The plan that is charged.
    pub plan: String,
    /// True if the key may be used.
    pub enabled: bool,
    /// The instant from which on the key may not be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The user of the key: the `user_id` of its requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The scopes that rules may require.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
}

/// The status of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStatus {
    /// The key may be used.
    Good,
    /// The key is disabled.
    Disabled,
    /// The key has expired.
    Expired,
}

/// The reason why a key is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The secret is invalid. It is not repeated, because it may be the secret of another key.
    #[error("a key is 20 to 128 visible ASCII characters without a comma")]
    Shape,
    /// A field contains characters that are not allowed in a header.
    #[error(
        "{member} is 1 to {longest} printable ASCII characters without quote and backslash, and not `-`"
    )]
    Member {
        /// The name of the field.
        member: &'static str,
        /// The greatest length, in bytes.
        longest: usize,
    },
    /// The scope contains a space or a character that RFC 6749 does not allow.
    #[error("`{0}` is not a scope: printable ASCII without space, quote or backslash")]
    Scope(String),
}

impl ApiKey {
    /// Returns the status at `now`. Expiry is checked here, because a store may delete a key late.
    #[must_use]
    pub fn standing(&self, now: Nanos) -> KeyStatus {
        if !self.enabled {
            return KeyStatus::Disabled;
        }
        match self.expires_at {
            Some(end) if end.as_nanosecond() <= now => KeyStatus::Expired,
            _ => KeyStatus::Good,
        }
    }

    /// # Errors
    /// [`KeyError`] for the first field that cannot be sent to a backend as a header.
    pub fn check(&self) -> Result<(), KeyError> {
        self.mistakes()
            .into_iter()
            .next()
            .map_or(Ok(()), |(_, error)| Err(error))
    }

    /// Returns every field that is sent to a backend as a header, with its name.
    #[must_use]
    pub fn mistakes(&self) -> Vec<(&'static str, KeyError)> {
        let mut mistakes = Vec::new();
        mistakes.extend(
            check_member("key_id", &self.key_id, 128)
                .err()
                .map(|error| ("key_id", error)),
        );
        let subject = self
            .subject
            .as_ref()
            .map_or(Ok(()), |subject| check_member("subject", subject, 256));
        mistakes.extend(subject.err().map(|error| ("subject", error)));
        let scope = self.scopes.iter().find(|scope| !is_scope(scope));
        mistakes.extend(scope.map(|scope| ("scopes", KeyError::Scope(scope.clone()))));
        mistakes
    }
}

/// True for `-`, which means "absent" in the headers at the backend and therefore cannot be a name.
fn check_member(member: &'static str, value: &str, longest: usize) -> Result<(), KeyError> {
    // API Gateway writes values into its access log without escaping them.
    let plain =
        |byte: u8| (byte == b' ' || byte.is_ascii_graphic()) && byte != b'"' && byte != b'\\';
    let printable = value.bytes().all(plain);
    let trimmed = value.trim() == value && value != "-";
    if printable && trimmed && (1..=longest).contains(&value.len()) {
        Ok(())
    } else {
        Err(KeyError::Member { member, longest })
    }
}

/// True for a scope-token of RFC 6749, section 3.3.
fn is_scope(text: &str) -> bool {
    !text.is_empty()
        && text != "-"
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ApiKey {
        ApiKey {
            key_id: "k1".to_owned(),
            plan: "free".to_owned(),
            enabled: true,
            expires_at: None,
            subject: None,
            scopes: Vec::new(),
        }
    }

    #[test]
    fn only_what_can_be_a_key_has_a_hash() {
        for text in [
            "",
            &"k".repeat(19),
            &"k".repeat(129),
            "twenty characters xx",
            "nul\0nul\0nul\0nul\0nul\0",
            "key,key,key,key,key,key",
            "schlüssel-schlüssel-1",
        ] {
            assert_eq!(KeyHash::of(text), Err(KeyError::Shape), "{text:?}");
        }
        assert!(KeyHash::of(&"k".repeat(20)).is_ok());
        assert!(KeyHash::of(&"k".repeat(128)).is_ok());
    }

    #[test]
    fn neither_a_key_nor_its_whole_hash_shows_in_a_log() {
        let shown = format!("{:?}", KeyHash::of("local-free-key-000000000001").unwrap());
        assert!(shown.len() < 20, "{shown}");
        assert_eq!(
            KeyHash::of("secret")
                .unwrap_err()
                .to_string()
                .find("secret"),
            None
        );
    }

    #[test]
    fn a_hash_is_read_as_it_was_written() {
        let hash = KeyHash::of("local-free-key-000000000001").unwrap();
        assert_eq!(KeyHash::from_hex(&hash.hex()), Some(hash));
        for text in ["", "0", &"g".repeat(64), &"0".repeat(65), &"é".repeat(32)] {
            assert_eq!(KeyHash::from_hex(text), None, "{text}");
        }
    }

    #[test]
    fn a_key_ends_at_the_instant_it_expires() {
        let end = Timestamp::from_second(100).unwrap();
        let key = ApiKey {
            expires_at: Some(end),
            ..key()
        };
        assert_eq!(key.standing(end.as_nanosecond() - 1), KeyStatus::Good);
        assert_eq!(key.standing(end.as_nanosecond()), KeyStatus::Expired);
    }

    #[test]
    fn a_disabled_key_is_disabled_before_it_is_expired() {
        let key = ApiKey {
            enabled: false,
            expires_at: Some(Timestamp::UNIX_EPOCH),
            ..key()
        };
        assert_eq!(key.standing(1), KeyStatus::Disabled);
    }

    #[test]
    fn members_that_would_break_a_header_are_refused() {
        for subject in [
            "",
            "-",
            "a\r\nb",
            "ü",
            " a",
            "a\"b",
            "a\\b",
            &"x".repeat(257),
        ] {
            assert!(
                ApiKey {
                    subject: Some(subject.to_owned()),
                    ..key()
                }
                .check()
                .is_err(),
                "{subject:?}"
            );
        }
        for scope in ["", "a b", "a\"b", "a\\b", "-"] {
            assert!(
                ApiKey {
                    scopes: vec![scope.to_owned()],
                    ..key()
                }
                .check()
                .is_err(),
                "{scope:?}"
            );
        }
        assert!(
            ApiKey {
                subject: Some("alice@example.com".to_owned()),
                scopes: vec!["orders:read".to_owned()],
                ..key()
            }
            .check()
            .is_ok()
        );
    }
}
