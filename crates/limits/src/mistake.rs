//! What is wrong with a document, and where.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The member: a JSON Pointer (RFC 6901), empty for the whole document.
    pub pointer: String,
    /// What is wrong with it; it can be understood without the pointer.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

/// The JSON Pointer to a member of a member of …
pub fn pointer(members: &[&str]) -> String {
    members.iter().fold(String::new(), |pointer, member| {
        let escaped = member.replace('~', "~0").replace('/', "~1");
        pointer + "/" + &escaped
    })
}
