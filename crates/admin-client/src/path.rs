//! Paths of the admin API.

use std::fmt;
use std::ops::Deref;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Every character that is not unreserved (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// An encoded path below `/_tollgate/v1`, with or without a query. It begins with `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiPath(String);

/// Returns the path with these segments, each of them encoded.
///
/// ```
/// let path = admin_client::path(&["keys", "acme"]).query(&[("plan", "a b")]);
/// assert_eq!(&*path, "/keys/acme?plan=a%20b");
/// ```
#[must_use]
pub fn path(segments: &[&str]) -> ApiPath {
    let mut text = String::new();
    for segment in segments {
        text.push('/');
        text.extend(utf8_percent_encode(segment, RESERVED));
    }
    ApiPath(text)
}

/// True if no segment of an encoded path is empty, `.` or `..`. Proxies resolve such segments, and the
/// request would be about another object.
pub(crate) fn is_plain(path: &str) -> bool {
    let mut segments = path.split('/').skip(1);
    path.starts_with('/') && segments.all(|segment| !matches!(segment, "" | "." | ".."))
}

impl ApiPath {
    /// Appends parameters to the query, with names and values encoded.
    #[must_use]
    pub fn query(mut self, parameters: &[(&str, &str)]) -> Self {
        for (name, value) in parameters {
            self.0.push(if self.0.contains('?') { '&' } else { '?' });
            self.0.extend(utf8_percent_encode(name, RESERVED));
            self.0.push('=');
            self.0.extend(utf8_percent_encode(value, RESERVED));
        }
        self
    }

    /// Returns a path that is encoded already.
    pub(crate) fn encoded(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Deref for ApiPath {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for ApiPath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApiPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_dots_are_not_plain() {
        for name in [".", "..", ""] {
            assert!(!is_plain(&path(&["policies", name])), "{name}");
            assert!(!is_plain(&path(&["policies", name, "candidate"])), "{name}");
        }
        assert!(is_plain(&path(&["policies", "v1..2", "candidate"])));
        assert!(is_plain("/keys"));
    }

    #[test]
    fn reserved_characters_are_encoded() {
        let path = path(&["callers", "ip", "a/b?c%d"])
            .query(&[("metadata.crm", "ä&=")])
            .query(&[("limit", "5")]);
        assert_eq!(
            &*path,
            "/callers/ip/a%2Fb%3Fc%25d?metadata.crm=%C3%A4%26%3D&limit=5"
        );
    }
}
