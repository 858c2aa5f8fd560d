//! Ids of keys from their names.

use std::fmt::Write as _;

use registry::is_chosen_key_id;
use sha2::{Digest as _, Sha256};
use unicode_normalization::UnicodeNormalization as _;

/// The most characters of an id.
const MAX_CHARACTERS: usize = 64;

/// Returns the id of a key with this name: its letters and digits in lower case and without accents,
/// with `-` for other characters. A name without such an id, such as one in another script, gets
/// `key-` and 12 digits of its SHA-256. The same name always has the same id.
pub(super) fn id_of_name(name: &str) -> String {
    let mut id = String::new();
    for character in name.nfkd().flat_map(char::to_lowercase) {
        if character.is_ascii_alphanumeric() {
            id.push(character);
        } else if !unicode_normalization::char::is_combining_mark(character) && !id.ends_with('-') {
            id.push('-');
        }
    }

    let id = id.trim_matches('-');
    let id = id.get(..MAX_CHARACTERS).unwrap_or(id).trim_end_matches('-');
    if is_chosen_key_id(id) && has_no_other_script(name) {
        id.to_owned()
    } else {
        hashed(name)
    }
}

/// False if letters would be lost, so that different names would have the same id.
fn has_no_other_script(name: &str) -> bool {
    let mut letters = name.nfkd().filter(|it| it.is_alphanumeric());
    letters.all(|letter| letter.is_ascii())
}

fn hashed(name: &str) -> String {
    let mut id = "key-".to_owned();
    for byte in Sha256::digest(name.as_bytes()).iter().take(6) {
        // Writing to a string cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_has_the_letters_and_digits_of_the_name() {
        for (name, id) in [
            ("Acme Inc.", "acme-inc"),
            ("  Müller & Söhne GmbH ", "muller-sohne-gmbh"),
            ("ops@acme.example", "ops-acme-example"),
            ("Team №1", "team-no1"),
            ("already-valid_id", "already-valid-id"),
        ] {
            assert_eq!(id_of_name(name), id);
        }
    }

    #[test]
    fn name_without_an_id_gets_a_hash() {
        let names = [
            "",
            "X",
            "日本",
            "東京",
            "Acme 日本",
            "Acme 東京",
            "import",
            "--",
        ];
        let ids: Vec<_> = names.iter().map(|name| id_of_name(name)).collect();
        for id in &ids {
            assert!(id.starts_with("key-") && is_chosen_key_id(id), "{id}");
            assert_eq!(id.len(), 16);
            assert_eq!(ids.iter().filter(|other| *other == id).count(), 1);
        }
        assert_eq!(id_of_name("日本"), id_of_name("日本"));
    }

    #[test]
    fn long_name_is_cut() {
        let id = id_of_name(&format!("{}-b", "a".repeat(63)));
        assert_eq!(id, "a".repeat(63));
        assert!(is_chosen_key_id(&id_of_name(&"ab ".repeat(400))));
    }
}
