//! Ids of keys as arguments.

/// Parses the id of a key. Names of other resources below `/keys`, such as `hashes`, are not ids, and
/// neither are `.` and `..`, which proxies resolve.
///
/// # Errors
/// The expected form.
pub(crate) fn parse(text: &str) -> Result<String, String> {
    if registry::is_key_id(text) {
        Ok(text.to_owned())
    } else {
        let expected = "expected the id of a key: 1 to 128 letters, digits, `.`, `_` and `-`, \
                        beginning with a letter or digit, and not the name of another resource";
        Err(expected.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_resources_and_paths_are_not_ids() {
        for text in [
            "hashes", "export", "bulk", "import", "lookup", "", ".", "..", "a/b", "a?b",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        for text in ["acme", "key_0123456789abcdefghij", "a.b-C"] {
            assert_eq!(parse(text).as_deref(), Ok(text));
        }
    }
}
