//! The name of the program that created an object.
//!
//! Plans and policies store it as an attribute of their item, next to the document, because earlier
//! releases reject a plan with an unknown field. Keys store it in their record. An earlier release
//! ignores the name, and removes it when it writes the object.

use serde::{Deserialize, Serialize};

/// The greatest number of characters of a name.
const MAX_CHARACTERS: usize = 64;

/// The name of the program that created a plan, a policy or a key, such as one `tollgate.yaml`.
/// Later changes keep it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ManagedBy(String);

impl ManagedBy {
    /// Returns a name of 1 to 64 lower-case letters, digits and `-`. `None` for any other text.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_name = (1..=MAX_CHARACTERS).contains(&name.len()) && name.bytes().all(is_plain);
        is_name.then(|| Self(name.to_owned()))
    }

    /// Returns a name that was stored. It is not checked.
    pub(crate) fn stored(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_1_to_64_lower_case_letters_digits_and_hyphens() {
        for name in ["a", "0", "-", "production-1", &"a".repeat(64)] {
            assert_eq!(ManagedBy::new(name).unwrap().as_str(), name);
        }
        for name in ["", "A", "a_b", "a b", "a.b", "ü", "a, b", &"a".repeat(65)] {
            assert_eq!(ManagedBy::new(name), None, "{name}");
        }
    }
}
