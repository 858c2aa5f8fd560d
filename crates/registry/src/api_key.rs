//! API keys, which are found by their SHA-256 and never stored in plain text.

use std::fmt;
use std::net::IpAddr;

use addresses::Network;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use limits::{Caller, Nanos};

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
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    /// Reads a hash from 64 hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
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
    /// The instant before which the key may not be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// The networks from which the key may be used. If there are none, it may be used from
    /// everywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_ips: Vec<Network>,
    /// The group whose keys share their limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
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
    /// The key may be used later.
    NotYetValid,
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
    /// The name of the group has another form.
    #[error(
        "expected 2 to 64 lower-case letters, digits, `_` or `-`, beginning with a letter or digit"
    )]
    Group,
    /// There are too many networks.
    #[error("there are at most {MAX_ALLOWED_IPS} networks")]
    Networks,
}

/// The greatest number of networks of a key.
pub const MAX_ALLOWED_IPS: usize = 32;

/// Ids of keys that are the names of other resources.
const RESERVED_KEY_IDS: [&str; 5] = ["import", "export", "bulk", "hashes", "lookup"];

/// True for an id that an administrator may choose for a new key.
#[must_use]
pub fn is_chosen_key_id(key_id: &str) -> bool {
    is_chosen_name(key_id) && !is_reserved_key_id(key_id)
}

/// True for the id of any key: 1 to 128 letters, digits, `.`, `_` and `-`, beginning with a letter or
/// digit. A key that comes from elsewhere keeps such an id.
#[must_use]
pub fn is_key_id(key_id: &str) -> bool {
    let is_plain = key_id
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    let begins = key_id
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    is_plain && begins && key_id.len() <= 128 && !is_reserved_key_id(key_id)
}

/// True for the name of another resource.
pub(crate) fn is_reserved_key_id(key_id: &str) -> bool {
    RESERVED_KEY_IDS.contains(&key_id)
}

/// True for the name of a group, and for the id of a key that an administrator chooses: 2 to 64
/// lower-case letters, digits, `_` and `-`, beginning with a letter or digit.
#[must_use]
pub fn is_chosen_name(name: &str) -> bool {
    let is_alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let begins = name.bytes().next().is_some_and(is_alphanumeric);
    let is_plain = name
        .bytes()
        .all(|byte| is_alphanumeric(byte) || b"_-".contains(&byte));
    begins && is_plain && (2..=64).contains(&name.len())
}

impl ApiKey {
    /// Returns an enabled key without restrictions.
    #[must_use]
    pub fn new(key_id: String, plan: String) -> Self {
        Self {
            key_id,
            plan,
            enabled: true,
            expires_at: None,
            not_before: None,
            allowed_ips: Vec::new(),
            group: None,
            subject: None,
            scopes: Vec::new(),
        }
    }

    /// Returns the caller whose limits the keys of the group share.
    #[must_use]
    pub fn group_caller(&self) -> Option<Caller> {
        let group = self.group.as_deref()?;
        Some(Caller::Group(group.into()))
    }

    /// True if the key may be used from this address. If the key is restricted to networks, an
    /// unknown address is not allowed.
    #[must_use]
    pub fn allows_address(&self, address: Option<IpAddr>) -> bool {
        let is_listed = |address| {
            self.allowed_ips
                .iter()
                .any(|network| network.contains(address))
        };
        self.allowed_ips.is_empty() || address.is_some_and(is_listed)
    }

    /// Returns the status at `now`. Expiry is checked here, because a store may delete a key late.
    #[must_use]
    pub fn standing(&self, now: Nanos) -> KeyStatus {
        if !self.enabled {
            return KeyStatus::Disabled;
        }
        if self
            .expires_at
            .is_some_and(|end| end.as_nanosecond() <= now)
        {
            return KeyStatus::Expired;
        }

        match self.not_before {
            Some(begin) if begin.as_nanosecond() > now => KeyStatus::NotYetValid,
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
        if self
            .group
            .as_deref()
            .is_some_and(|group| !is_chosen_name(group))
        {
            mistakes.push(("group", KeyError::Group));
        }
        if self.allowed_ips.len() > MAX_ALLOWED_IPS {
            mistakes.push(("allowed_ips", KeyError::Networks));
        }
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
        ApiKey::new("k1".to_owned(), "free".to_owned())
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
    fn key_is_valid_from_its_beginning_on() {
        let begin = Timestamp::from_second(100).unwrap();
        let key = ApiKey {
            not_before: Some(begin),
            ..key()
        };
        assert_eq!(
            key.standing(begin.as_nanosecond() - 1),
            KeyStatus::NotYetValid
        );
        assert_eq!(key.standing(begin.as_nanosecond()), KeyStatus::Good);
    }

    #[test]
    fn key_with_networks_is_refused_elsewhere_and_without_an_address() {
        let address = |text: &str| Some(text.parse().unwrap());
        let restricted = ApiKey {
            allowed_ips: vec![
                "192.0.2.0/24".parse().unwrap(),
                "2001:db8::/32".parse().unwrap(),
            ],
            ..key()
        };
        for allowed in ["192.0.2.9", "::ffff:192.0.2.9", "2001:db8::9"] {
            assert!(restricted.allows_address(address(allowed)), "{allowed}");
        }
        for refused in ["192.0.3.9", "2001:db9::9"] {
            assert!(!restricted.allows_address(address(refused)), "{refused}");
        }
        assert!(!restricted.allows_address(None));
        assert!(key().allows_address(None));
    }

    #[test]
    fn group_has_the_form_of_a_chosen_key_id() {
        let is_valid = |group: &str| {
            ApiKey {
                group: Some(group.to_owned()),
                ..key()
            }
            .check()
            .is_ok()
        };
        for group in ["ac", "acme-1", "0_a", &"a".repeat(64)] {
            assert!(is_valid(group), "{group}");
        }
        for group in ["", "a", "Acme", "-a", "_a", "a.b", "a#b", &"a".repeat(65)] {
            assert!(!is_valid(group), "{group}");
        }
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
