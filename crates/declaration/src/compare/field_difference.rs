//! The fields in which two documents differ.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::mistake::field_name;

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldDifference {
    /// The JSON Pointer to the field. An item that is removed from a list has its place before the
    /// change, every other item its place after it.
    pub pointer: String,
    /// The value in the API. `None` if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The value in the file. `None` if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// Writes a line such as `throttle.rate: 1 → 2`. A field without a value before or after it is
/// `(none)` there. The text can contain control characters of the values.
impl fmt::Display for FieldDifference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = field_name(&self.pointer);
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => {
                write!(formatter, "{name}: {} → {}", text(before), text(after))
            }
            (Some(before), None) => write!(formatter, "{name}: {} → (none)", text(before)),
            (None, Some(after)) => write!(formatter, "{name}: {}", text(after)),
            (None, None) => formatter.write_str(&name),
        }
    }
}

/// Returns the fields in which two documents differ, in the order of the documents.
pub(super) fn field_differences(before: &Value, after: &Value) -> Vec<FieldDifference> {
    let mut found = Vec::new();
    compare(String::new(), Some(before), Some(after), &mut found);
    found
}

fn compare(
    pointer: String,
    before: Option<&Value>,
    after: Option<&Value>,
    found: &mut Vec<FieldDifference>,
) {
    // An object or a list of objects that appears or disappears is shown by its parts.
    let (is_before, is_after) = (before.is_some(), after.is_some());
    let before = before.filter(|value| !value.is_null());
    let after = after.filter(|value| !value.is_null());
    match (before, after) {
        (before, after) if before == after && is_before == is_after => {}
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            compare_objects(&pointer, before, after, found);
        }
        (None, Some(Value::Object(after))) if !after.is_empty() => {
            compare_objects(&pointer, &Map::new(), after, found);
        }
        (Some(Value::Object(before)), None) if !before.is_empty() => {
            compare_objects(&pointer, before, &Map::new(), found);
        }
        (before, after) if are_lists_of_objects(before, after) => {
            compare_lists(&pointer, items(before), items(after), found);
        }
        (before, after) => found.push(FieldDifference {
            pointer,
            before: before.cloned(),
            after: after.cloned(),
        }),
    }
}

fn compare_objects(
    pointer: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    found: &mut Vec<FieldDifference>,
) {
    let removed = before.keys().filter(|name| !after.contains_key(*name));
    for name in after.keys().chain(removed) {
        let place = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
        compare(place, before.get(name), after.get(name), found);
    }
}

/// Compares lists of objects. The items that are equal at the beginning and at the end are skipped,
/// so that an insertion is one difference. As many items as both lists have in between are compared
/// one by one.
fn compare_lists(
    pointer: &str,
    before: &[Value],
    after: &[Value],
    found: &mut Vec<FieldDifference>,
) {
    let equal_begin = equal_items(before.iter(), after.iter());
    let (before, after) = (&before[equal_begin..], &after[equal_begin..]);
    let equal_end = equal_items(before.iter().rev(), after.iter().rev());
    let before = &before[..before.len() - equal_end];
    let after = &after[..after.len() - equal_end];

    for index in 0..before.len().max(after.len()) {
        let place = format!("{pointer}/{}", equal_begin + index);
        match (before.get(index), after.get(index)) {
            (Some(before), Some(after)) => compare(place, Some(before), Some(after), found),
            (before, after) => found.push(FieldDifference {
                pointer: place,
                before: before.cloned(),
                after: after.cloned(),
            }),
        }
    }
}

fn equal_items<'v>(
    before: impl Iterator<Item = &'v Value>,
    after: impl Iterator<Item = &'v Value>,
) -> usize {
    before
        .zip(after)
        .take_while(|(before, after)| before == after)
        .count()
}

/// True if both values are lists of objects or missing. Other lists are short and shown as a whole.
fn are_lists_of_objects(before: Option<&Value>, after: Option<&Value>) -> bool {
    let is_list = |value: Option<&Value>| match value {
        None => true,
        Some(Value::Array(items)) => items.iter().all(Value::is_object),
        Some(_) => false,
    };
    let has_items = !items(before).is_empty() || !items(after).is_empty();
    has_items && is_list(before) && is_list(after)
}

fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Returns a value in one line, in the flow style of YAML.
fn text(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(text).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, value)| format!("{}: {}", word(name), text(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        Value::String(string) => word(string),
        other => other.to_string(),
    }
}

/// Returns a string, in quotes unless it is a plain word that YAML reads as a string.
fn word(string: &str) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "_-./@+".contains(character);
    let begins = string.starts_with(char::is_alphabetic);
    let is_keyword = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        .contains(&string.to_ascii_lowercase().as_str());

    if begins && !is_keyword && string.chars().all(is_plain) {
        string.to_owned()
    } else {
        Value::from(string).to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(before: Value, after: Value) -> Vec<String> {
        let found = field_differences(&before, &after);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn changed_added_and_removed_fields_are_shown() {
        let before = json!({"a": {"b": 1, "c": "x"}, "gone": [1], "same": {"d": [1]}});
        let after = json!({"a": {"b": 2, "c": "x"}, "new": "two words", "same": {"d": [1]}});
        assert_eq!(
            lines(before, after),
            ["a.b: 1 → 2", "new: \"two words\"", "gone: [1] → (none)"]
        );
    }

    #[test]
    fn objects_that_appear_are_shown_by_their_fields() {
        let plan = json!({"throttle": {"rate": 1, "burst": 5}, "quotas": [{"limit": 9, "period": "day"}],
                          "routes": {"GET /a": {"rate": 1, "burst": 1}}, "empty": {}});
        assert_eq!(
            lines(Value::Null, plan),
            [
                "throttle.rate: 1",
                "throttle.burst: 5",
                "quotas[0]: {limit: 9, period: day}",
                "routes[\"GET /a\"].rate: 1",
                "routes[\"GET /a\"].burst: 1",
                "empty: {}"
            ]
        );
    }

    #[test]
    fn inserted_item_is_one_difference() {
        let rule = |path: &str| json!({"match": path, "auth": "any"});
        let before = json!({"rules": [rule("GET /a"), rule("GET /b")]});
        let after = json!({"rules": [rule("GET /a"), rule("GET /n"), rule("GET /b")]});
        assert_eq!(
            lines(before.clone(), after.clone()),
            ["rules[1]: {match: \"GET /n\", auth: any}"]
        );
        assert_eq!(
            lines(after, before.clone()),
            ["rules[1]: {match: \"GET /n\", auth: any} → (none)"]
        );

        let changed = json!({"rules": [rule("GET /a"), rule("GET /c")]});
        assert_eq!(
            lines(before, changed),
            ["rules[1].match: \"GET /b\" → \"GET /c\""]
        );
    }

    #[test]
    fn words_that_yaml_reads_as_other_types_are_quoted() {
        for (string, shown) in [
            ("day", "day"),
            ("yes", "\"yes\""),
            ("1", "\"1\""),
            ("", "\"\""),
            ("a: b", "\"a: b\""),
        ] {
            assert_eq!(word(string), shown);
        }
    }
}
