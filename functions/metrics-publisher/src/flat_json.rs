//! A JSON object of plain texts, read in one pass. That is what nearly every line of the access log
//! is, and reading it as any JSON would take most of a line's time.

use memchr::memchr2;

/// Calls `then` with each member of `{"name":"value",…}`. `None` for whatever else the line is, be
/// it JSON or not: an escape, a number, anything nested; then some members may have been told
/// already.
pub(crate) fn members<'l>(line: &'l str, mut then: impl FnMut(&'l str, &'l str)) -> Option<()> {
    let bytes = line.as_bytes();
    let mut at = behind(bytes, 0, b'{')?;
    loop {
        let (name, next) = text(line, at)?;
        let (value, next) = text(line, behind(bytes, next, b':')?)?;
        then(name, value);
        at = space(bytes, next) + 1;
        match bytes.get(at - 1)? {
            b',' => {}
            b'}' => return (space(bytes, at) == bytes.len()).then_some(()),
            _ => return None,
        }
    }
}

/// The first place from `at` on that holds no space.
fn space(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

/// The place behind the byte that has to come next.
fn behind(bytes: &[u8], at: usize, expected: u8) -> Option<usize> {
    let at = space(bytes, at);
    (*bytes.get(at)? == expected).then_some(at + 1)
}

/// A text without escapes, and the place behind it.
fn text(line: &str, at: usize) -> Option<(&str, usize)> {
    let bytes = line.as_bytes();
    let begin = behind(bytes, at, b'"')?;
    let end = begin + memchr2(b'"', b'\\', bytes.get(begin..)?)?;
    (bytes[end] == b'"').then(|| Some((line.get(begin..end)?, end + 1)))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(line: &str) -> Option<Vec<(String, String)>> {
        let mut all = Vec::new();
        members(line, |name, value| {
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
        fn no_line_makes_it_panic(line in r#"[ {}":,\\aé1]{0,40}"#) {
            let _ = read(&line);
        }
    }
}
