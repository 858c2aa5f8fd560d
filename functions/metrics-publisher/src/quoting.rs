//! Quotes numbers that JSON does not have, such as the `NaN` of Python's `json` module.
//!
//! One such number makes a whole message invalid. Quoted, it makes only its own record invalid.

use std::borrow::Cow;

use memchr::memmem;

const NOT_JSON: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// Returns the text with `NaN`, `Infinity` and `-Infinity` outside strings in quotes.
pub(crate) fn with_quoted_numbers(text: &str) -> Cow<'_, str> {
    if ["Infinity", "NaN"]
        .iter()
        .all(|number| memmem::find(text.as_bytes(), number.as_bytes()).is_none())
    {
        return Cow::Borrowed(text);
    }
    let (mut quoted, mut copied) = (String::new(), 0);
    let mut strings = StringTracker::default();

    for (place, byte) in text.bytes().enumerate() {
        let is_outside = strings.is_outside(byte);
        if !is_outside || place < copied || !matches!(byte, b'-' | b'I' | b'N') {
            continue;
        }
        if let Some(number) = NOT_JSON
            .iter()
            .find(|number| text[place..].starts_with(**number))
        {
            quoted.push_str(&text[copied..place]);
            quoted.extend(["\"", number, "\""]);
            copied = place + number.len();
        }
    }

    if copied == 0 {
        return Cow::Borrowed(text);
    }
    quoted.push_str(&text[copied..]);
    Cow::Owned(quoted)
}

/// Follows the strings of a JSON text.
#[derive(Default)]
struct StringTracker {
    is_inside: bool,
    is_escaped: bool,
}

impl StringTracker {
    /// Takes the next byte, and returns whether it is outside strings.
    const fn is_outside(&mut self, byte: u8) -> bool {
        if !self.is_inside {
            self.is_inside = byte == b'"';
            return true;
        }
        if self.is_escaped {
            self.is_escaped = false;
        } else if byte == b'\\' {
            self.is_escaped = true;
        } else if byte == b'"' {
            self.is_inside = false;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_outside_strings_are_quoted() {
        for (text, quoted) in [
            (
                r#"{"a":NaN,"b":-Infinity}"#,
                r#"{"a":"NaN","b":"-Infinity"}"#,
            ),
            ("[Infinity, NaN]", r#"["Infinity", "NaN"]"#),
            (r#"{"a":"NaN","b":"x\"NaN"}"#, r#"{"a":"NaN","b":"x\"NaN"}"#),
            (r#"{"a":-1,"Name":"-"}"#, r#"{"a":-1,"Name":"-"}"#),
        ] {
            assert_eq!(with_quoted_numbers(text), quoted);
        }
        assert!(matches!(
            with_quoted_numbers(r#"{"a":1}"#),
            Cow::Borrowed(_)
        ));
    }

    proptest! {
        #[test]
        fn valid_json_is_not_changed(text in any::<String>(), number in any::<f64>()) {
            let json = serde_json::json!({text.as_str(): [text, number]}).to_string();
            prop_assert!(matches!(with_quoted_numbers(&json), Cow::Borrowed(_)));
        }

        #[test]
        fn no_text_causes_a_panic(text in r#"[NaIfinity"\\é:-]{0,40}"#) {
            with_quoted_numbers(&text);
        }
    }
}
