//! Names that Tollgate accepts, made from names of Kong.

use std::collections::HashSet;

use sha2::{Digest as _, Sha256};

/// The longest id of a key and name of a plan.
const MAX_NAME_BYTES: usize = 64;
/// The room for a number at the end of a name that occurs several times.
const NUMBER_BYTES: usize = 8;

/// Names that differ from each other.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    /// Returns a new name of 2 to 64 lower-case letters, digits, `_` and `-`, as similar to `text`
    /// as possible.
    pub(super) fn new_name(&mut self, text: &str) -> String {
        let base = plain(text);
        let mut name = base.clone();
        let mut number = 2;
        while !self.0.insert(name.clone()) {
            name = format!("{base}-{number}");
            number += 1;
        }
        name
    }
}

/// Returns a text in lower case, with `-` in place of other characters.
fn plain(text: &str) -> String {
    let mut name = String::new();
    for letter in text.chars() {
        let letter = letter.to_ascii_lowercase();
        if letter.is_ascii_alphanumeric() || (letter == '_' && !name.is_empty()) {
            name.push(letter);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }

    name.truncate(MAX_NAME_BYTES - NUMBER_BYTES);
    let name = name.trim_end_matches('-');
    if name.len() >= 2 {
        return name.to_owned();
    }
    format!(
        "kong-{}",
        if name.is_empty() {
            digest(text)
        } else {
            name.to_owned()
        }
    )
}

/// Returns the first digits of the SHA-256 of a text, in hex.
pub(super) fn digest(text: &str) -> String {
    sha256(text)[..16].to_owned()
}

/// Returns the SHA-256 of a text, as 64 hexadecimal digits.
pub(super) fn sha256(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_valid_and_differ() {
        let mut names = Names::default();
        assert_eq!(names.new_name("Acme, Inc."), "acme-inc");
        assert_eq!(names.new_name("acme inc"), "acme-inc-2");
        assert_eq!(names.new_name("bob@example.com"), "bob-example-com");
        assert_eq!(names.new_name("X"), "kong-x");
        assert!(names.new_name("日本").starts_with("kong-"));
        let long = names.new_name(&"a".repeat(200));
        assert!(long.len() <= 64);
        assert_eq!(names.new_name(&"a".repeat(200)), format!("{long}-2"));
    }
}
