//! Versions of documents, and what a request demands of them.

use sha2::{Digest as _, Sha256};

use crate::api_key::hex;

/// Tells one state of a document from every other: a hash of it, so that a document that is deleted
/// and made anew is not taken for the one before, and that every release's items have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(String);

impl Version {
    /// The version of a document as it is stored.
    #[must_use]
    pub(crate) fn of(document: &str) -> Self {
        Self(hex(&Sha256::digest(document.as_bytes())[..16]))
    }

    /// A version that somebody was told; any text will do, and most match nothing.
    #[must_use]
    pub fn told(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// 32 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a write demands of what is there (RFC 9110, section 13.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    #[default]
    None,
    /// `If-None-Match: *`: there is nothing yet.
    Absent,
    /// `If-Match: *`: there is something.
    Present,
    /// `If-Match`: it is one of these.
    Matches(Vec<Version>),
}

impl Condition {
    /// Whether it holds for what is there.
    #[must_use]
    pub fn holds(&self, current: Option<&Version>) -> bool {
        match self {
            Self::None => true,
            Self::Absent => current.is_none(),
            Self::Present => current.is_some(),
            Self::Matches(versions) => current.is_some_and(|current| versions.contains(current)),
        }
    }
}

/// A document with its version.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionedDocument<T> {
    /// The document.
    pub document: T,
    /// Its version.
    pub version: Version,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_about_what_is_there_and_nothing_else() {
        let (one, two) = (Version::of("1"), Version::of("2"));
        let matches = Condition::Matches(vec![Version::told(one.as_str())]);
        for (condition, of_none, of_one, of_two) in [
            (Condition::None, true, true, true),
            (Condition::Absent, true, false, false),
            (Condition::Present, false, true, true),
            (matches, false, true, false),
        ] {
            let found = [None, Some(&one), Some(&two)].map(|current| condition.holds(current));
            assert_eq!(found, [of_none, of_one, of_two], "{condition:?}");
        }
    }
}
