//! Errors and warnings about a document, with the place of each.

use std::borrow::Cow;
use std::fmt;

use strict_json::{TextPosition, locate_json};

/// The most characters of a message, and of a name in a place. Documents have names of any length.
const MAX_SHOWN_CHARS: usize = 500;

/// The reason why a document is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompositionError {
    pointer: String,
    problem: String,
    position: Option<TextPosition>,
}

/// A field that is valid, but possibly a mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompositionWarning {
    pointer: String,
    problem: String,
}

impl CompositionError {
    pub(crate) fn new(pointer: String, problem: impl Into<String>) -> Self {
        Self {
            pointer,
            problem: shown(&problem.into()).into_owned(),
            position: None,
        }
    }

    /// Adds the position at which the parser stopped.
    pub(crate) fn at(self, position: TextPosition) -> Self {
        Self {
            position: Some(position),
            ..self
        }
    }

    /// Returns the problem, and what was expected, without the place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.problem
    }

    /// Returns the JSON pointer (RFC 6901) of the invalid field. It is empty for the whole document.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// Returns the position of the problem in the text of the document.
    #[must_use]
    pub fn position(&self, text: &str) -> Option<TextPosition> {
        self.position
            .or_else(|| nearest_position(text, &self.pointer))
    }
}

impl fmt::Display for CompositionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_problem(formatter, &self.pointer, &self.problem)
    }
}

impl std::error::Error for CompositionError {}

impl CompositionWarning {
    pub(crate) fn new(pointer: String, problem: impl Into<String>) -> Self {
        Self {
            pointer,
            problem: shown(&problem.into()).into_owned(),
        }
    }

    /// Returns the problem without the place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.problem
    }

    /// Returns the JSON pointer (RFC 6901) of the field.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// Returns the position of the field in the text of the document.
    #[must_use]
    pub fn position(&self, text: &str) -> Option<TextPosition> {
        nearest_position(text, &self.pointer)
    }
}

impl fmt::Display for CompositionWarning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_problem(formatter, &self.pointer, &self.problem)
    }
}

fn write_problem(formatter: &mut fmt::Formatter<'_>, pointer: &str, problem: &str) -> fmt::Result {
    if !pointer.is_empty() {
        write!(formatter, "{}: ", field_name(pointer))?;
    }
    formatter.write_str(problem)
}

/// Returns the position of the field at a JSON pointer, or of the nearest object around a missing
/// field.
fn nearest_position(text: &str, pointer: &str) -> Option<TextPosition> {
    locate_json(text, pointer).or_else(|| {
        let (parent, _) = pointer.rsplit_once('/')?;
        nearest_position(text, parent)
    })
}

/// Returns the JSON pointer of a field of the object at `pointer`.
pub(crate) fn pointer_to(pointer: &str, name: impl AsRef<str>) -> String {
    let name = name.as_ref().replace('~', "~0").replace('/', "~1");
    format!("{pointer}/{name}")
}

/// Returns the readable form of a JSON pointer, such as `routes["GET /bff/feed"].parts.user.get`.
pub(crate) fn field_name(pointer: &str) -> String {
    let mut name = String::new();
    for segment in pointer.split('/').skip(1) {
        let segment = segment.replace("~1", "/").replace("~0", "~");
        let segment = shown(&segment);
        let is_index = !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
        let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
        let is_word = !segment.is_empty() && segment.chars().all(is_letter);

        if is_index {
            name.push_str(&format!("[{segment}]"));
        } else if !is_word {
            name.push_str(&format!("[\"{}\"]", segment.replace('"', "\\\"")));
        } else if name.is_empty() {
            name.push_str(&segment);
        } else {
            name.push('.');
            name.push_str(&segment);
        }
    }
    name
}

/// Returns a text of one line and of limited length.
fn shown(text: &str) -> Cow<'_, str> {
    let is_short = text.chars().nth(MAX_SHOWN_CHARS).is_none();
    if is_short && !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }

    let mut line = String::with_capacity(text.len().min(MAX_SHOWN_CHARS));
    for letter in text.chars().take(MAX_SHOWN_CHARS) {
        if letter.is_control() {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    if !is_short {
        line.push('…');
    }
    Cow::Owned(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_is_one_line_of_limited_length() {
        let long = "x".repeat(10_000);
        for (text, expected) in [
            ("unknown part `a`", "unknown part `a`"),
            ("a\nb\u{1b}[31m", "a\\nb\\u{1b}[31m"),
            (&long, &format!("{}…", &long[..MAX_SHOWN_CHARS])),
        ] {
            let error = CompositionError::new("/a".to_owned(), text);
            assert_eq!(error.to_string(), format!("a: {expected}"));
        }
    }

    #[test]
    fn places_are_written_as_in_code() {
        for (pointer, name) in [
            ("", ""),
            (
                "/routes/GET ~1bff~1a/parts/b",
                "routes[\"GET /bff/a\"].parts.b",
            ),
            (
                "/routes/x/versions/3/drop/0",
                "routes.x.versions[3].drop[0]",
            ),
            ("/services/a.b", "services[\"a.b\"]"),
            ("/services/a~0b", "services[\"a~b\"]"),
            ("/services/a\nb", "services[\"a\\nb\"]"),
            ("/services/", "services[\"\"]"),
        ] {
            assert_eq!(field_name(pointer), name);
        }
    }

    #[test]
    fn missing_field_has_the_position_of_its_object() {
        let text = "{\n \"a\": {\"b\": 1}}";
        for (pointer, position) in [("/a/b", "2:13"), ("/a/c", "2:7"), ("/x/y", "1:1")] {
            let error = CompositionError::new(pointer.to_owned(), "missing");
            assert_eq!(error.position(text).unwrap().to_string(), position);
        }
    }
}
