//! The text of a document as a JSON value.

use serde_json::Value;
use serde_path_to_error::{Path, Segment};
use strict_json::{JsonError, StrictValue};

use super::mistake::LocatedMistake;
use super::position::Position;

/// The largest document that the admin API accepts, in bytes.
const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

/// Parses JSON as the admin API does: no object has a duplicate field.
///
/// # Errors
/// The first mistake. The rest of the text is not read.
pub(super) fn parse(text: &str) -> Result<Value, LocatedMistake> {
    if text.len() > MAX_DOCUMENT_BYTES {
        let detail = format!("the document is larger than {MAX_DOCUMENT_BYTES} bytes");
        return Err(LocatedMistake::new("", Position::START, detail));
    }

    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize::<_, StrictValue>(&mut deserializer);
    let StrictValue(value) = read.map_err(|error| {
        let is_data = error.inner().is_data();
        let pointer = if is_data {
            pointer(error.path())
        } else {
            String::new()
        };
        mistake(text, pointer, error.inner())
    })?;
    deserializer
        .end()
        .map_err(|error| mistake(text, String::new(), &error))?;
    Ok(value)
}

fn mistake(text: &str, pointer: String, error: &serde_json::Error) -> LocatedMistake {
    let error = JsonError::new(String::new(), error);
    let position = Position::in_characters(text, error.position);
    LocatedMistake::new(pointer, position, error.problem)
}

/// Returns the JSON pointer of a path.
fn pointer(path: &Path) -> String {
    path.iter()
        .fold(String::new(), |pointer, segment| match segment {
            Segment::Seq { index } => format!("{pointer}/{index}"),
            Segment::Map { key } => {
                format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
            }
            Segment::Enum { .. } | Segment::Unknown => pointer,
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mistake_in(text: &str) -> Value {
        serde_json::to_value(parse(text).unwrap_err()).unwrap()
    }

    #[test]
    fn json_is_parsed() {
        assert_eq!(parse(r#"{"a": [1]}"#).unwrap(), json!({"a": [1]}));
    }

    #[test]
    fn syntax_error_has_its_position() {
        for (text, line, column) in [
            ("", 1, 1),
            ("{", 1, 1),
            ("{\n  \"é\": x\n}", 2, 8),
            ("{}\n{}", 2, 1),
        ] {
            let mistake = mistake_in(text);
            let position = (&mistake["line"], &mistake["column"]);
            assert_eq!(
                position,
                (&json!(line), &json!(column)),
                "{text}: {mistake}"
            );
            assert_eq!(mistake["pointer"], "");
        }
    }

    #[test]
    fn duplicate_field_is_named_with_its_object() {
        let mistake = mistake_in("{\"routes\": {\"GET /a\": 1,\n \"GET /a\": 2}}");
        assert_eq!(mistake["detail"], "duplicate field `GET /a`");
        assert_eq!(mistake["line"], 2);
        assert!(
            mistake["pointer"].as_str().unwrap().starts_with("/routes"),
            "{mistake}"
        );
    }

    #[test]
    fn large_document_is_not_parsed() {
        let mistake = mistake_in(&" ".repeat(MAX_DOCUMENT_BYTES + 1));
        assert!(
            mistake["detail"].as_str().unwrap().contains("262144"),
            "{mistake}"
        );
    }
}
