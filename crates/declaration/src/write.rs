//! Writing a file.

use serde_json::{Map, Value};

use crate::declaration::{Declaration, DeclaredKey};
use crate::yaml::yaml_text;

/// The fields of a key that are written first. The others follow by name.
const FIRST_FIELDS: [&str; 4] = ["name", "plan", "group", "enabled"];

impl Declaration {
    /// Returns the text of the file. Each line of `comments` precedes it as a comment. The same
    /// declaration always gives the same text.
    #[must_use]
    pub fn to_yaml(&self, comments: &[String]) -> String {
        let mut text = String::new();
        for line in comments.iter().flat_map(|comment| comment.lines()) {
            let line: String = line.chars().filter(|letter| !letter.is_control()).collect();
            text.push_str(format!("# {line}").trim_end());
            text.push('\n');
        }

        if let Some(name) = &self.name {
            section(&mut text, "name", Value::from(name.clone()));
        }
        named(&mut text, "plans", self.plans.iter());
        named(&mut text, "policies", self.policies.iter());
        named(&mut text, "compositions", self.compositions.iter());
        self.keys(&mut text);
        text
    }

    fn keys(&self, text: &mut String) {
        if self.keys.is_empty() {
            return;
        }
        text.push_str("\nkeys:\n");
        for key in &self.keys {
            text.push_str(&key.to_yaml());
        }
    }
}

impl DeclaredKey {
    /// Returns the entry of the key in the list `keys`.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let mut lines = entry("key_id", &Value::from(self.key_id.clone()));
        let first = FIRST_FIELDS
            .iter()
            .filter_map(|field| self.fields.get_key_value(*field));
        let is_first = |field: &str| FIRST_FIELDS.contains(&field);
        let mut other: Vec<_> = self
            .fields
            .iter()
            .filter(|(field, _)| !is_first(field))
            .collect();
        other.sort_unstable_by_key(|(field, _)| *field);

        for (field, value) in first.chain(other) {
            lines.push_str(&entry(field, value));
        }
        if let Some(hash) = &self.hash {
            lines.push_str(&entry("hash", &Value::from(hash.clone())));
        }

        let indented: Vec<_> = lines.lines().map(|line| format!("    {line}")).collect();
        format!("  - {}\n", indented.join("\n").trim_start())
    }
}

/// Writes the entries of `plans`, `policies` or `compositions`, if there are any.
fn named<'d>(
    text: &mut String,
    field: &str,
    entries: impl ExactSizeIterator<Item = (&'d String, &'d Value)>,
) {
    if entries.len() == 0 {
        return;
    }
    let entries: Map<_, _> = entries
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    section(text, field, Value::Object(entries));
}

/// Writes a field of the file, with an empty line before it.
fn section(text: &mut String, field: &str, value: Value) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&entry(field, &value));
}

fn entry(field: &str, value: &Value) -> String {
    let fields: Map<_, _> = [(field.to_owned(), value.clone())].into_iter().collect();
    yaml_text(&Value::Object(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# Written by a test
#
# with two comments

name: shop

plans:
  free:
    quotas:
      - limit: 100
        period: day

policies:
  main:
    rules: []

compositions:
  bff:
    routes:
      GET /bff/me:
        parts:
          user:
            get: \"/users/{user_id}\"
          orders:
            get: /orders

keys:
  - key_id: acme
    name: \"Acme: a company\"
    plan: free
    allowed_ips:
      - \"2001:db8::/32\"
    metadata:
      note: \"1\"
    hash: 5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8
  - key_id: other
    plan: free
";

    #[test]
    fn file_that_was_written_is_read_and_written_the_same() {
        let comments = ["Written by a test\n\nwith two comments".to_owned()];
        let declaration = Declaration::parse("t.yaml", TEXT).unwrap();
        assert_eq!(declaration.to_yaml(&comments), TEXT);
    }

    #[test]
    fn comment_cannot_end_its_line() {
        let text = Declaration::default().to_yaml(&["a\rkeys: []\u{85}b".to_owned()]);
        assert_eq!(text, "# akeys: []b\n");
    }
}
