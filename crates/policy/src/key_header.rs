//! The header that carries API keys (`KEY_HEADER`). The gateway removes this header before the
//! backend, so the policy may not name another one.

use std::fmt;
use std::str::FromStr;

use outcome::BACKEND_HEADER_PREFIX;

/// Headers that have another meaning to proxies or backends.
const RESERVED: [&str; 13] = [
    "accept",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];
const RESERVED_PREFIXES: [&str; 4] = ["proxy-", "x-amz", "x-forwarded-", BACKEND_HEADER_PREFIX];

/// The name of the header that carries API keys, in lower case. The default is `x-api-key`, the
/// only header that every release removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyHeader(String);

/// A name that cannot be the header of API keys.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid header name `{0}`, expected a header that carries nothing else, such as x-api-key"
)]
pub struct KeyHeaderError(String);

impl KeyHeader {
    /// Returns the header for a value of `KEY_HEADER`. A missing or empty value is the default.
    ///
    /// ```
    /// use policy::KeyHeader;
    ///
    /// let header = KeyHeader::from_setting(Some("X-Access-Key".to_owned()))?;
    /// assert_eq!(header.as_str(), "x-access-key");
    /// # Ok::<(), policy::KeyHeaderError>(())
    /// ```
    ///
    /// # Errors
    /// [`KeyHeaderError`] if the value is not a header name or the header has another meaning.
    pub fn from_setting(value: Option<String>) -> Result<Self, KeyHeaderError> {
        value
            .filter(|name| !name.is_empty())
            .map_or_else(|| Ok(Self::default()), |name| name.parse())
    }

    /// Returns the name in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for KeyHeader {
    fn default() -> Self {
        Self("x-api-key".to_owned())
    }
}

impl fmt::Display for KeyHeader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for KeyHeader {
    type Err = KeyHeaderError;

    fn from_str(name: &str) -> Result<Self, KeyHeaderError> {
        let is_name = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        let lower = name.to_ascii_lowercase();
        let is_reserved = RESERVED.contains(&lower.as_str())
            || RESERVED_PREFIXES
                .iter()
                .any(|prefix| lower.starts_with(prefix));

        if is_name && !is_reserved {
            Ok(Self(lower))
        } else {
            Err(KeyHeaderError(name.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(value: Option<&str>) -> Result<String, KeyHeaderError> {
        KeyHeader::from_setting(value.map(str::to_owned)).map(|header| header.to_string())
    }

    #[test]
    fn default_is_x_api_key() {
        for absent in [None, Some("")] {
            assert_eq!(configured(absent).as_deref(), Ok("x-api-key"));
        }
        assert_eq!(
            configured(Some("X-Access-Key")).as_deref(),
            Ok("x-access-key")
        );
    }

    #[test]
    fn reserved_and_malformed_names_are_invalid() {
        for name in [
            "a b",
            "a:",
            "ä",
            "Authorization",
            "Connection",
            "x-tollgate-plan",
            "X-Forwarded-For",
        ] {
            assert_eq!(
                configured(Some(name)),
                Err(KeyHeaderError(name.to_owned())),
                "{name}"
            );
        }
    }
}
