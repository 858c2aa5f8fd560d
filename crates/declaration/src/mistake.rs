//! Mistakes in a file.

use std::fmt;

use crate::position::Position;

/// The most mistakes that one error lists.
const MAX_LISTED: usize = 20;

/// A mistake in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclarationMistake {
    /// The position of the field, or of the object that lacks it.
    pub position: Position,
    /// The field, such as `plans.free.throttle.rate`. Empty for the whole file.
    pub field: String,
    /// The problem, and the expected form.
    pub problem: String,
}

/// The mistakes in a file, in their order. It is printed as one line per mistake, such as
/// `tollgate.yaml:4:46: plans.free.throttle.rate: …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclarationError {
    /// The name of the file.
    pub file: String,
    /// The mistakes. There is at least one.
    pub mistakes: Vec<DeclarationMistake>,
}

impl fmt::Display for DeclarationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes.iter().take(MAX_LISTED).enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{}:{}: ", self.file, mistake.position)?;
            if !mistake.field.is_empty() {
                write!(formatter, "{}: ", mistake.field)?;
            }
            formatter.write_str(&mistake.problem)?;
        }

        match self.mistakes.len().saturating_sub(MAX_LISTED) {
            0 => Ok(()),
            more => write!(formatter, "\n{}: {more} more mistakes", self.file),
        }
    }
}

impl std::error::Error for DeclarationError {}

/// Returns the readable form of a JSON Pointer, such as `plans.free.routes["POST /a"]` or
/// `keys[3].plan`.
pub(crate) fn field_name(pointer: &str) -> String {
    let mut name = String::new();
    for segment in pointer.split('/').skip(1) {
        let segment = segment.replace("~1", "/").replace("~0", "~");
        let is_index = !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
        let is_word = !segment.is_empty()
            && segment
                .chars()
                .all(|letter| letter.is_alphanumeric() || "_-".contains(letter));

        if is_index {
            name.push_str(&format!("[{segment}]"));
        } else if !is_word {
            name.push_str(&format!("[{segment:?}]"));
        } else if name.is_empty() {
            name.push_str(&segment);
        } else {
            name.push('.');
            name.push_str(&segment);
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_named_as_in_code() {
        for (pointer, name) in [
            ("", ""),
            ("/plans/free/throttle/rate", "plans.free.throttle.rate"),
            ("/keys/3/plan", "keys[3].plan"),
            (
                "/plans/a/routes/POST ~1a/rate",
                "plans.a.routes[\"POST /a\"].rate",
            ),
            ("/plans/a.b", "plans[\"a.b\"]"),
        ] {
            assert_eq!(field_name(pointer), name);
        }
    }

    #[test]
    fn error_lists_twenty_mistakes_and_counts_the_others() {
        let mistake = |line| DeclarationMistake {
            position: Position { line, column: 3 },
            field: "keys".to_owned(),
            problem: "wrong".to_owned(),
        };
        let error = DeclarationError {
            file: "a.yaml".to_owned(),
            mistakes: (1..=25).map(mistake).collect(),
        };

        let text = error.to_string();
        assert_eq!(text.lines().count(), 21);
        assert!(text.starts_with("a.yaml:1:3: keys: wrong\n"), "{text}");
        assert!(text.ends_with("a.yaml: 5 more mistakes"), "{text}");
    }
}
