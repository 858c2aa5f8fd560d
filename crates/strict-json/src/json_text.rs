//! Reads JSON documents that people write, with errors that name the field and the position.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// A position in a text, counted from 1. Columns count bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextPosition {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// The error for a text that is not JSON or does not have the expected schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// The field, such as `rules[1].auth`. Empty for the whole document.
    pub place: String,
    /// The problem, and what was expected.
    pub problem: String,
    /// The position at which parsing stopped.
    pub position: TextPosition,
}

/// Reads a document.
///
/// # Errors
/// [`JsonError`] if the text is not JSON or does not have the schema of `T`.
///
/// ```
/// let error = strict_json::parse_json::<Vec<u8>>("[1, true]").unwrap_err();
///
/// assert_eq!(error.place, "[1]");
/// assert_eq!(error.position.to_string(), "1:8");
/// ```
pub fn parse_json<T: DeserializeOwned>(text: &str) -> Result<T, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);

    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let is_known = path != "." && path != "?";
        JsonError::new(if is_known { path } else { String::new() }, error.inner())
    })?;

    deserializer
        .end()
        .map_err(|error| JsonError::new(String::new(), &error))?;
    Ok(value)
}

impl JsonError {
    /// Converts an error of `serde_json` about the field at `place`.
    #[must_use]
    pub fn new(place: String, error: &serde_json::Error) -> Self {
        let position = TextPosition {
            line: error.line(),
            column: error.column(),
        };
        let text = error.to_string();
        let problem = text.strip_suffix(&format!(
            " at line {} column {}",
            position.line, position.column
        ));
        Self {
            place,
            problem: reworded(problem.unwrap_or(&text)),
            position,
        }
    }

    /// Returns the field and the problem, without the position.
    #[must_use]
    pub fn without_position(&self) -> String {
        if self.place.is_empty() {
            self.problem.clone()
        } else {
            format!("{}: {}", self.place, self.problem)
        }
    }
}

/// Rewords a message of the parser. A value of the wrong type is omitted, because it may be a
/// secret.
fn reworded(problem: &str) -> String {
    let wrong_type = problem
        .strip_prefix("invalid type: ")
        .and_then(|rest| rest.rsplit_once(", expected "));
    match wrong_type {
        Some((found, expected)) => {
            let kind = found.split([' ', '"', '`']).next().unwrap_or_default();
            let kind = in_json_terms(kind, ["list", "object"]);
            let expected = in_json_terms(expected, ["a list", "an object"]);
            format!("invalid type: {kind}, expected {expected}")
        }
        None => problem.replacen("unknown variant", "unknown value", 1),
    }
}

/// Returns the name of a type, with serde's `sequence` and `map` replaced by these names.
fn in_json_terms<'n>(name: &'n str, [list, object]: [&'n str; 2]) -> &'n str {
    match name.trim_start_matches("a ") {
        "sequence" => list,
        "map" => object,
        _ => name,
    }
}

impl std::error::Error for JsonError {}

impl fmt::Display for JsonError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TextPosition { line, column } = self.position;
        write!(
            formatter,
            "{} at line {line} column {column}",
            self.without_position()
        )
    }
}

impl fmt::Display for TextPosition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.line, self.column)
    }
}

/// Returns the position of the value at a JSON Pointer (RFC 6901), or `None` if there is none.
#[must_use]
pub fn locate_json(text: &str, pointer: &str) -> Option<TextPosition> {
    let mut value: &RawValue = serde_json::from_str(text).ok()?;
    for segment in pointer.split('/').skip(1) {
        let name = segment.replace("~1", "/").replace("~0", "~");
        value = child(value, &name)?;
    }

    let offset = value
        .get()
        .as_ptr()
        .addr()
        .checked_sub(text.as_ptr().addr())?;
    let before = text.get(..offset)?;
    let line = before.matches('\n').count() + 1;
    let column = before.len() - before.rfind('\n').map_or(0, |end| end + 1) + 1;
    Some(TextPosition { line, column })
}

fn child<'t>(value: &'t RawValue, name: &str) -> Option<&'t RawValue> {
    if value.get().starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
        return items.get(name.parse::<usize>().ok()?).copied();
    }
    let fields: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(value.get()).ok()?;
    fields.get(name).copied()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Document {
        #[serde(rename = "kinds")]
        _kinds: Vec<Kind>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Good,
    }

    fn error(text: &str) -> String {
        parse_json::<Document>(text).unwrap_err().to_string()
    }

    #[test]
    fn error_names_the_field_and_the_position() {
        for (text, expected) in [
            (
                "{\n \"kinds\": [\"good\", \"bad\"]\n}",
                "kinds[1]: unknown value `bad`, expected `good` at line 2 column 24",
            ),
            (
                "{\"kinds\": []",
                "EOF while parsing an object at line 1 column 12",
            ),
            ("{}", "missing field `kinds` at line 1 column 2"),
            (
                "{\"kinds\": []} x",
                "trailing characters at line 1 column 15",
            ),
            (
                "{\"other\": 1}",
                "other: unknown field `other`, expected `kinds` at line 1 column 8",
            ),
            ("", "EOF while parsing a value at line 1 column 0"),
        ] {
            assert_eq!(error(text), expected);
        }
    }

    #[test]
    fn error_does_not_repeat_a_value_of_the_wrong_type() {
        for (text, kind) in [
            (r#"{"kinds": "hush, expected"}"#, "string"),
            (r#"{"kinds": 1234}"#, "integer"),
            (r#"{"kinds": 1.5}"#, "floating"),
            (r#"{"kinds": null}"#, "null"),
            (r#"{"kinds": {"hush": 1}}"#, "object"),
        ] {
            let error = error(text);
            assert!(
                error.starts_with(&format!(
                    "kinds: invalid type: {kind}, expected a list at line 1"
                )),
                "{error}"
            );
        }
    }

    #[test]
    fn pointer_leads_to_the_value_in_the_text() {
        let text = "{\n\t\"a/b\": [ 1,\n  {\"c\": \"é\", \"d\": 2}],\n \"\\u0065\": []}";
        for (pointer, position) in [
            ("", Some((1, 1))),
            ("/a~1b", Some((2, 9))),
            ("/a~1b/0", Some((2, 11))),
            ("/a~1b/1", Some((3, 3))),
            ("/a~1b/1/c", Some((3, 9))),
            ("/a~1b/1/d", Some((3, 20))),
            ("/e", Some((4, 12))),
            ("/e/0", None),
            ("/a~1b/x", None),
            ("/nothing", None),
        ] {
            let found = locate_json(text, pointer).map(|position| (position.line, position.column));
            assert_eq!(found, position, "{pointer}");
        }
        assert_eq!(locate_json("{", ""), None);
    }
}
