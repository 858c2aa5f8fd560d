//! Versions of documents, and the conditions of requests.

use sha2::{Digest as _, Sha256};

use crate::ManagedBy;
use crate::api_key::hex;

/// The version of a document: a hash of it. A document that is deleted and created again with other
/// content has another version, and the items of every release have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(String);

impl Version {
    /// Returns the version of a stored document.
    #[must_use]
    pub(crate) fn of(document: &str) -> Self {
        Self(hex(&Sha256::digest(document.as_bytes())[..16]))
    }

    /// Returns the version that a client sent. Any string is accepted, and most match no document.
    #[must_use]
    pub fn told(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Returns 32 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The condition of a write (RFC 9110, section 13.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// No condition.
    #[default]
    None,
    /// `If-None-Match: *`: the document does not exist.
    Absent,
    /// `If-Match: *`: the document exists.
    Present,
    /// `If-Match`: the document has one of these versions.
    Matches(Vec<Version>),
}

impl Condition {
    /// Returns true if the stored document meets the condition.
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
    /// The version of the document.
    pub version: Version,
}

/// A plan or a policy as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedDocument<T> {
    /// The document.
    pub document: T,
    /// The version of the document.
    pub version: Version,
    /// The program that created it, if it gave its name. It is not a part of the version.
    pub managed_by: Option<ManagedBy>,
}

impl<T> NamedDocument<T> {
    /// Returns the document with its version.
    #[must_use]
    pub fn versioned(self) -> VersionedDocument<T> {
        VersionedDocument {
            document: self.document,
            version: self.version,
        }
    }
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
