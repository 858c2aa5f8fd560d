//! Reads the text of a document.

use serde_path_to_error::Segment;
use strict_json::{JsonError, TextPosition};

use super::{CompositionsDocument, Object};
use crate::error::{CompositionError, field_name, pointer_to};
use crate::names::similar;

/// The longest document in bytes. With the most routes and parts, it has 166 bytes for each part.
pub const MAX_DOCUMENT_BYTES: usize = 100_000;

/// Reads a document.
///
/// # Errors
/// [`CompositionError`] if the text is not JSON or has a field that is unknown, duplicate, or of the
/// wrong type.
pub(crate) fn read(text: &str) -> Result<CompositionsDocument, CompositionError> {
    if text.len() > MAX_DOCUMENT_BYTES {
        let problem = format!(
            "{} bytes are too many, expected at most {MAX_DOCUMENT_BYTES}",
            text.len()
        );
        return Err(CompositionError::new(String::new(), problem));
    }

    check_start(text)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let Object(document) = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| shape_error(&pointer_of(error.path()), error.inner()))?;
    deserializer
        .end()
        .map_err(|error| shape_error("", &error))?;
    Ok(document)
}

/// Checks that a text begins as an object. The message of the parser does not name the usual
/// mistakes: an empty file, YAML, a comment or a byte order mark.
fn check_start(text: &str) -> Result<(), CompositionError> {
    let start = text.trim_start_matches([' ', '\t', '\r', '\n']);
    let found = match start.chars().next() {
        Some('{') => return Ok(()),
        None => "empty document".to_owned(),
        Some('\u{feff}') => "unexpected byte order mark".to_owned(),
        Some(character) => format!("unexpected `{}`", character.escape_debug()),
    };

    let space = &text[..text.len() - start.len()];
    let last_line = space.rsplit('\n').next().unwrap_or_default();
    let position = TextPosition {
        line: space.matches('\n').count() + 1,
        column: last_line.len() + 1,
    };
    let problem = format!("{found}, expected a JSON object");
    Err(CompositionError::new(String::new(), problem).at(position))
}

fn shape_error(pointer: &str, error: &serde_json::Error) -> CompositionError {
    let error = JsonError::new(field_name(pointer), error);
    let problem = error
        .problem
        .replace("expected u64", "expected a whole number");
    let problem = match suggestion(&problem) {
        Some(name) => format!("{problem}, did you mean `{name}`?"),
        None => problem,
    };
    CompositionError::new(pointer.to_owned(), problem).at(error.position)
}

/// Returns the expected field that is most similar to an unknown one, from serde's message.
fn suggestion(problem: &str) -> Option<&str> {
    let mut names = problem.split('`').skip(1).step_by(2);
    let name = names.next().filter(|_| problem.starts_with("unknown "))?;
    similar(name, &names.collect::<Vec<_>>())
}

fn pointer_of(path: &serde_path_to_error::Path) -> String {
    path.iter()
        .fold(String::new(), |pointer, segment| match segment {
            Segment::Seq { index } => pointer_to(&pointer, index.to_string()),
            Segment::Map { key } => pointer_to(&pointer, key),
            Segment::Enum { .. } | Segment::Unknown => pointer,
        })
}
