//! Names of plans and ids of keys, made from free text.

use std::collections::{HashMap, HashSet};

use registry::{is_chosen_key_id, is_key_id};

/// The length of the longest name of a plan, and of the longest id that an operator chooses.
const MAX_CHARS: usize = 64;

/// Names that are in use. `Gold` and `gold` are the same name, because people confuse them.
#[derive(Debug, Default)]
pub(crate) struct Names {
    used: HashSet<String>,
    /// The last number that was added to a name. Without it, many equal names take quadratic time.
    numbers: HashMap<String, usize>,
}

impl Names {
    /// Returns a name of a plan like `text`. If it is in use, `id` is added to it.
    pub(crate) fn plan(&mut self, text: &str, id: &str) -> String {
        let slug = Some(slug(text)).filter(|slug| !slug.is_empty());
        let name = slug.unwrap_or_else(|| cut(format!("plan-{}", self::slug(id)), 0));
        if self.used.insert(name.clone()) {
            return name;
        }
        let id = self::slug(id);
        let longer = format!("{}-{id}", cut(name, id.len() + 1));
        self.unused(cut(longer, 0))
    }

    /// Returns an id of a key like `text`, or like `fallback` if `text` has no usable characters.
    /// A key that takes over a secret (`is_moved`) keeps a valid id unchanged.
    pub(crate) fn key(&mut self, text: &str, fallback: &str, is_moved: bool) -> String {
        let is_valid = if is_moved {
            is_key_id
        } else {
            is_chosen_key_id
        };
        if is_valid(text) && self.used.insert(text.to_ascii_lowercase()) {
            return text.to_owned();
        }

        let slug = slug(text).replace('.', "-");
        let id = [slug, fallback.to_owned()];
        let id = id.into_iter().find(|id| is_chosen_key_id(id));
        self.unused(id.unwrap_or_else(|| "key-1".to_owned()))
    }

    /// Returns the name, with a number if it is in use.
    fn unused(&mut self, name: String) -> String {
        if self.used.insert(name.clone()) {
            return name;
        }
        loop {
            let number = self.numbers.entry(name.clone()).or_insert(1);
            *number += 1;
            let suffix = format!("-{number}");
            let numbered = format!("{}{suffix}", cut(name.clone(), suffix.len()));
            if self.used.insert(numbered.clone()) {
                return numbered;
            }
        }
    }
}

/// Returns the lower-case letters and digits of a text, with `-` for all other characters.
fn slug(text: &str) -> String {
    let mut slug = String::new();
    for character in text.chars().take(1_024) {
        let character = character.to_ascii_lowercase();
        if character.is_ascii_alphanumeric() || "._".contains(character) {
            slug.push(character);
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    cut(slug.trim_matches(['-', '.', '_']).to_owned(), 0)
}

/// Returns the name, cut so that `reserve` characters fit behind it.
fn cut(mut name: String, reserve: usize) -> String {
    // The name is ASCII.
    name.truncate(MAX_CHARS.saturating_sub(reserve));
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plan_names_are_readable_and_unique() {
        let mut names = Names::default();
        for (text, id, expected) in [
            ("Basic", "c7y23b", "basic"),
            ("basic", "glvrsr", "basic-glvrsr"),
            ("Basic", "glvrsr", "basic-glvrsr-2"),
            ("  Premium (EU) plan! ", "a", "premium-eu-plan"),
            ("日本", "x1", "plan-x1"),
            ("", "x1", "plan-x1-x1"),
            ("v1.5_beta", "a", "v1.5_beta"),
        ] {
            let name = names.plan(text, id);
            assert_eq!(name, expected);
            assert!(limits::check_name(&name).is_ok());
        }
        let long = "x".repeat(2_000);
        for _ in 0..3 {
            assert!(limits::check_name(&names.plan(&long, "c7y23b")).is_ok());
        }
    }

    #[test]
    fn moved_keys_keep_their_id() {
        let mut names = Names::default();
        let id = "8bklk8bl1k3sB38D9B3l0enyWT8c09B30lkq0blk";
        assert_eq!(names.key(id, "key-1", true), id);
        let lower = id.to_ascii_lowercase();
        assert_eq!(names.key(id, "key-1", false), format!("{lower}-2"));
    }

    #[test]
    fn key_ids_are_valid_and_unique() {
        let mut names = Names::default();
        for (text, expected) in [
            ("Team A", "team-a"),
            ("team a", "team-a-2"),
            ("", "key-7"),
            ("import", "key-7-2"),
            ("x", "key-7-3"),
            ("a.b", "a-b"),
        ] {
            assert_eq!(names.key(text, "key-7", false), expected);
        }
    }
}
