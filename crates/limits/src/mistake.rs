//! Mistakes in a document.

use std::fmt;

/// A mistake in a document, or a warning about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// A JSON Pointer (RFC 6901) to the field, empty for the whole document.
    pub pointer: String,
    /// A description that can be understood without the pointer.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

/// Returns the JSON Pointer to a field, given the path to it.
pub fn pointer(path: &[&str]) -> String {
    path.iter().fold(String::new(), |pointer, field| {
        let escaped = field.replace('~', "~0").replace('/', "~1");
        pointer + "/" + &escaped
    })
}
