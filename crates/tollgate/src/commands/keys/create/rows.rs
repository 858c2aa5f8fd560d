//! The rows of `keys create --from` as keys, each checked before the first request.

use std::collections::HashMap;
use std::path::Path;

use declaration::key_mistakes;
use serde_json::{Map, Value, json};

use super::file::Line;
use super::new_key;
use super::slug::id_of_name;
use crate::instant::instant;

/// The most keys of a file.
const MAX_KEYS: usize = 10_000;
/// The most mistakes that are reported.
const MAX_MISTAKES: usize = 20;

/// A key to create.
#[derive(Debug, PartialEq)]
pub(super) struct NewKey {
    pub(super) line: u64,
    pub(super) key_id: String,
    /// The fields of the API, without id and hash.
    pub(super) document: Map<String, Value>,
}

impl NewKey {
    /// Returns the text of a field, or an empty one.
    pub(super) fn text(&self, name: &str) -> &str {
        let value = self.document.get(name).and_then(Value::as_str);
        value.unwrap_or_default()
    }
}

/// Returns the keys of the lines. `defaults` has the fields of rows without the value.
///
/// # Errors
/// Every mistake, one per line of the message, with its place in the file.
pub(super) fn keys(
    path: &Path,
    lines: &[Line],
    defaults: &Map<String, Value>,
) -> Result<Vec<NewKey>, String> {
    let file = path.display();
    if lines.is_empty() {
        return Err(format!("{file}: the file has no rows"));
    }
    if lines.len() > MAX_KEYS {
        return Err(format!(
            "{file}: {} rows, expected at most {MAX_KEYS}",
            lines.len()
        ));
    }

    let mut mistakes = Vec::new();
    let mut keys: Vec<NewKey> = Vec::new();
    let mut places: HashMap<String, u64> = HashMap::new();
    for line in lines {
        let number = line.number;
        let key =
            key(line, defaults).and_then(|key| match places.insert(key.key_id.clone(), number) {
                Some(other) => Err(vec![format!(
                    "key_id: `{}` is also the id of line {other}; choose ids in a column key_id",
                    key.key_id
                )]),
                None => Ok(key),
            });
        match key {
            Ok(key) => keys.push(key),
            Err(problems) => {
                let problems = problems.into_iter();
                mistakes.extend(problems.map(|problem| format!("{file}:{number}: {problem}")));
            }
        }
    }

    if mistakes.is_empty() {
        return Ok(keys);
    }
    let unlisted = mistakes.len().saturating_sub(MAX_MISTAKES);
    mistakes.truncate(MAX_MISTAKES);
    if unlisted > 0 {
        mistakes.push(format!("and {unlisted} more"));
    }
    Err(mistakes.join("\n"))
}

/// Returns the key of a line, or its mistakes.
fn key(line: &Line, defaults: &Map<String, Value>) -> Result<NewKey, Vec<String>> {
    let mut document = defaults.clone();
    let mut key_id = None;
    let mut mistakes = Vec::new();
    for (column, cell) in &line.cells {
        if column == "key_id" {
            key_id = Some(cell.clone());
        } else if let Err(problem) = set(&mut document, column, cell) {
            mistakes.push(format!("{column}: {problem}"));
        }
    }

    let name = document.get("name").and_then(Value::as_str);
    let key_id = key_id.or_else(|| name.map(id_of_name)).unwrap_or_default();
    if key_id.is_empty() {
        mistakes.push("the row has neither a key_id nor a name".to_owned());
    } else if let Err(problem) = new_key::check_id(&key_id) {
        mistakes.push(problem);
    }
    if !document.contains_key("plan") {
        mistakes.push("plan: missing, expected a plan in the row or --plan".to_owned());
    }
    if mistakes.is_empty() {
        mistakes = field_mistakes(&key_id, &document);
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    Ok(NewKey {
        line: line.number,
        key_id,
        document,
    })
}

/// Sets the field of a column.
fn set(document: &mut Map<String, Value>, column: &str, cell: &str) -> Result<(), String> {
    let words = || json!(cell.split_whitespace().collect::<Vec<_>>());
    let value = match column {
        "enabled" if cell.eq_ignore_ascii_case("true") => true.into(),
        "enabled" if cell.eq_ignore_ascii_case("false") => false.into(),
        "enabled" => return Err(format!("`{cell}`, expected true or false")),
        "expires_at" | "not_before" => {
            let instant = instant(cell).map_err(|problem| format!("`{cell}`: {problem}"))?;
            instant.to_string().into()
        }
        "allowed_ips" | "scopes" => words(),
        _ => cell.into(),
    };

    match column.strip_prefix("metadata.") {
        Some(entry) => {
            let metadata = document.entry("metadata").or_insert_with(|| json!({}));
            metadata[entry] = value;
        }
        None => drop(document.insert(column.to_owned(), value)),
    }
    Ok(())
}

/// Checks the values by the rules of the API.
fn field_mistakes(key_id: &str, document: &Map<String, Value>) -> Vec<String> {
    let mut key = document.clone();
    key.insert("key_id".to_owned(), key_id.into());
    let mistakes = key_mistakes(&key.into()).into_iter();
    let mistakes = mistakes.map(|(pointer, problem)| {
        let field = pointer.trim_start_matches('/');
        let name = field.split('/').next().unwrap_or_default();
        format!("{name}: {problem}")
    });
    mistakes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u64, cells: &[(&str, &str)]) -> Line {
        let cells = cells.iter();
        let cells = cells.map(|(name, cell)| ((*name).to_owned(), (*cell).to_owned()));
        Line {
            number,
            cells: cells.collect(),
        }
    }

    fn defaults(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    fn parsed(lines: &[Line]) -> Result<Vec<NewKey>, String> {
        let defaults = defaults(&json!({"plan": "free", "metadata": {"source": "file"}}));
        keys(Path::new("names.csv"), lines, &defaults)
    }

    #[test]
    fn cells_are_fields_and_options_are_defaults() {
        let lines = [
            line(
                2,
                &[("name", "Acme Inc."), ("metadata.email", "a@b.example")],
            ),
            line(
                3,
                &[
                    ("key_id", "beta"),
                    ("plan", "pro"),
                    ("enabled", "FALSE"),
                    ("scopes", "a b"),
                    ("expires_at", "2027-01-01"),
                ],
            ),
        ];
        let keys = parsed(&lines).unwrap();
        assert_eq!((&*keys[0].key_id, &*keys[1].key_id), ("acme-inc", "beta"));
        assert_eq!(
            Value::from(keys[0].document.clone()),
            json!({"plan": "free", "name": "Acme Inc.", "metadata": {"source": "file", "email": "a@b.example"}})
        );
        assert_eq!(
            Value::from(keys[1].document.clone()),
            json!({"plan": "pro", "enabled": false, "scopes": ["a", "b"], "expires_at": "2027-01-01T00:00:00Z",
                "metadata": {"source": "file"}})
        );
    }

    #[test]
    fn every_mistake_is_reported_with_its_line() {
        let lines = [
            line(2, &[("name", "Acme")]),
            line(3, &[("name", "ACME!")]),
            line(4, &[("key_id", "Beta"), ("enabled", "yes")]),
            line(5, &[("plan", "pro")]),
            line(
                6,
                &[
                    ("name", "d"),
                    ("key_id", "dd"),
                    ("group", "No Group"),
                    ("allowed_ips", "192.0.2.1 300.1.1.1"),
                ],
            ),
            line(7, &[("name", "Ee"), ("expires_at", "soon")]),
        ];
        let text = parsed(&lines).unwrap_err();
        for expected in [
            "names.csv:3: key_id: `acme` is also the id of line 2",
            "names.csv:4: enabled: `yes`, expected true or false",
            "names.csv:4: key_id `Beta`: expected 2 to 64",
            "names.csv:5: the row has neither a key_id nor a name",
            "names.csv:6: group: expected 2 to 64",
            "names.csv:6: allowed_ips: ",
            "names.csv:7: expires_at: `soon`: expected an instant",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        assert_eq!(text.lines().count(), 7, "{text}");
    }

    #[test]
    fn plan_is_required_and_the_number_of_mistakes_is_bounded() {
        let lines: Vec<_> = (2..52)
            .map(|number| line(number, &[("key_id", &format!("k{number}"))]))
            .collect();
        let text = keys(Path::new("names.csv"), &lines, &Map::new()).unwrap_err();
        assert!(text.contains("names.csv:2: plan: missing"), "{text}");
        assert!(text.ends_with("and 30 more"), "{text}");
        assert_eq!(text.lines().count(), 21);
    }

    #[test]
    fn file_without_rows_is_an_error() {
        assert_eq!(parsed(&[]).unwrap_err(), "names.csv: the file has no rows");
    }
}
