//! Quotes what is not JSON in a text, such as the `NaN` of Python's `json` module.
//!
//! One such token makes a whole message invalid. Quoted, it makes only its own record invalid.

use std::borrow::Cow;

use serde::de::IgnoredAny;

/// Returns the text itself if it is JSON. If not, returns it with every token outside strings in
/// quotes that is no number, `true`, `false` or `null`.
pub(crate) fn with_quoted_tokens(text: &str) -> Cow<'_, str> {
    if serde_json::from_str::<IgnoredAny>(text).is_ok() {
        return Cow::Borrowed(text);
    }

    let (mut quoted, mut rest) = (String::with_capacity(text.len() + 16), text);
    while !rest.is_empty() {
        let (part, is_token) = next_part(rest);
        if is_token && !is_json(part) {
            quoted.extend(["\"", part, "\""]);
        } else {
            quoted.push_str(part);
        }
        rest = &rest[part.len()..];
    }
    Cow::Owned(quoted)
}

/// Returns the first string, token, or text between them, and whether it is a token.
fn next_part(text: &str) -> (&str, bool) {
    if text.starts_with('"') {
        return (&text[..string_length(text)], false);
    }
    let is_token = text.starts_with(is_token_character);
    let end = text.find(|character| character == '"' || is_token_character(character) != is_token);
    (&text[..end.unwrap_or(text.len())], is_token)
}

/// Returns the length of the string that the text begins with, with its quotes.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    end.map_or(text.len(), |end| end + 2)
}

/// Returns whether a character can be part of a number or of a word.
const fn is_token_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '+' | '-' | '.' | '_')
}

fn is_json(token: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(token).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tokens_that_are_not_json_are_quoted() {
        for (text, quoted) in [
            (
                r#"{"a":NaN,"b":-Infinity}"#,
                r#"{"a":"NaN","b":"-Infinity"}"#,
            ),
            ("[nan, -nan,inf]", r#"["nan", "-nan","inf"]"#),
            ("[.5,+1,01,1.]", r#"[".5","+1","01","1."]"#),
            (
                r#"{"a":True,"b":None,"c":null}"#,
                r#"{"a":"True","b":"None","c":null}"#,
            ),
            (
                r#"{"a":NaN,"b":"x\"NaN","c":1e5}"#,
                r#"{"a":"NaN","b":"x\"NaN","c":1e5}"#,
            ),
        ] {
            assert_eq!(with_quoted_tokens(text), quoted);
        }
    }

    proptest! {
        #[test]
        fn json_is_not_changed(text in any::<String>(), number in any::<f64>()) {
            let json = serde_json::json!({text.as_str(): [text, number, true, null]}).to_string();
            prop_assert!(matches!(with_quoted_tokens(&json), Cow::Borrowed(_)));
        }

        #[test]
        fn only_quotes_are_added(text in r#"[NaIfinity.+5"\\é:,{} -]{0,40}"#) {
            let without_quotes = |text: &str| text.replace('"', "");
            prop_assert_eq!(without_quotes(&with_quoted_tokens(&text)), without_quotes(&text));
        }
    }
}
