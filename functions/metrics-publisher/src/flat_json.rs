//! Reads a flat JSON object of plain strings in one pass.
//!
//! Nearly every line of the access log has this form. A general JSON parser would take most of the
//! time of a line.

use memchr::memchr2;

/// Calls `then` with the name and value of each field of `{"name":"value",…}`.
///
/// Returns `None` for any other line, such as one with an escape, a number or a nested value. `then`
/// may have been called for some of its fields.
pub(crate) fn fields<'l>(line: &'l str, mut then: impl FnMut(&'l str, &'l str)) -> Option<()> {
    let bytes = line.as_bytes();
    let mut at = after(bytes, 0, b'{')?;
    loop {
        let (name, next) = string(line, at)?;
        let (value, next) = string(line, after(bytes, next, b':')?)?;
        then(name, value);
        at = skip_whitespace(bytes, next) + 1;
        match bytes.get(at - 1)? {
            b',' => {}
            b'}' => return (skip_whitespace(bytes, at) == bytes.len()).then_some(()),
            _ => return None,
        }
    }
}

/// Returns the index of the first byte from `at` on that is not whitespace.
fn skip_whitespace(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

/// Returns the index after the expected next byte.
fn after(bytes: &[u8], at: usize, expected: u8) -> Option<usize> {
    let at = skip_whitespace(bytes, at);
    (*bytes.get(at)? == expected).then_some(at + 1)
}

/// Returns a string without escapes, and the index after it.
fn string(line: &str, at: usize) -> Option<(&str, usize)> {
    let bytes = line.as_bytes();
    let begin = after(bytes, at, b'"')?;
    let end = begin + memchr2(b'"', b'\\', bytes.get(begin..)?)?;
    (bytes[end] == b'"').then(|| Some((line.get(begin..end)?, end + 1)))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(line: &str) -> Option<Vec<(String, String)>> {
        let mut all = Vec::new();
        fields(line, |name, value| {
            all.push((name.to_owned(), value.to_owned()))
        })?;
        Some(all)
    }

    #[test]
    fn only_plain_texts_are_read() {
        assert_eq!(read(r#" { "a" : "b" , "c":"" } "#).unwrap().len(), 2);
        for line in [
            "",
            "{}",
            "{",
            r#"{"a"}"#,
            r#"{"a":1}"#,
            r#"{"a":"b\n"}"#,
            r#"{"a":"b""#,
            r#"{"a":"b",}"#,
            r#"{"a":"b"}x"#,
            r#"{"a":{"b":"c"}}"#,
            r#"{"a":"no "such" host"}"#,
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_the_json_says(pairs in prop::collection::btree_map(any::<String>(), any::<String>(), 1..8)) {
            let json = serde_json::to_string(&pairs).unwrap();
            if let Some(read) = read(&json) {
                prop_assert_eq!(read.into_iter().collect::<std::collections::BTreeMap<_, _>>(), pairs);
            } else {
                prop_assert!(json.contains('\\'));
            }
        }

        #[test]
        fn no_line_causes_a_panic(line in r#"[ {}":,\\aé1]{0,40}"#) {
            let _ = read(&line);
        }
    }
}
