//! Detects paths that a backend may read as another path.

/// Strings that backends resolve, merge, decode or cut off, with the problem.
const AMBIGUOUS: [(&str, &str); 7] = [
    ("..", "the path contains `..`"),
    ("//", "the path contains an empty segment"),
    ("%", "the path contains `%` after decoding"),
    ("\\", "the path contains a backslash"),
    (";", "the path contains `;`"),
    ("?", "the path contains `?` after decoding"),
    ("#", "the path contains `#` after decoding"),
];

/// True if the path has only letters, digits, `-`, `_` and single slashes, as most paths do. This
/// check takes a single pass.
fn is_plain(path: &str) -> bool {
    let mut previous = 0;
    path.bytes().all(|byte| {
        let is_double_slash = byte == b'/' && previous == b'/';
        previous = byte;
        !is_double_slash && (byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_'))
    })
}

/// Returns why a backend might read the path as another one than the rules were matched with.
///
/// ```
/// assert_eq!(routes::path_ambiguity("/orders/7"), None);
/// assert_eq!(routes::path_ambiguity("/orders/../admin"), Some("the path contains `..`"));
/// ```
#[must_use]
pub fn path_ambiguity(path: &str) -> Option<&'static str> {
    if is_plain(path) {
        return None;
    }
    if let Some((_, problem)) = AMBIGUOUS.iter().find(|(text, _)| path.contains(text)) {
        return Some(problem);
    }
    if path.split('/').any(|segment| segment == ".") {
        return Some("the path contains the segment `.`");
    }
    path.chars()
        .any(char::is_control)
        .then_some("the path contains a control character")
}
